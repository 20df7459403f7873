"""What a container has done for it right after its start and before its end: `postStart` and `preStop`."""

from __future__ import annotations

from vk_core.api.container import Container, LifecycleHandler
from vk_core.api.pod import Pod
from vk_core.engine.runtime import ContainerRuntime
from vk_core.errors import ProviderError
from vk_core.provider.events import PodEvents

POST_START_HOOK_ERROR = "PostStartHookError"
"""Why a container waits whose `postStart` hook has failed; its message is that of `HookFailed`."""

FAILED_POST_START_HOOK = "FailedPostStartHook"
POST_START_HOOK_FAILED = "PostStartHook failed"
FAILED_PRE_STOP_HOOK = "FailedPreStopHook"
PRE_STOP_HOOK_FAILED = "PreStopHook failed"
"""Reasons and messages of the events about it; they leave out why, which may be confidential."""


class HookFailed(ProviderError):
    """A hook has failed; the message says which one and why, in kubelet's words."""


async def run_hook(
    handler: LifecycleHandler,
    *,
    runtime: ContainerRuntime,
    events: PodEvents,
    container_id: str,
    pod: Pod,
    container: Container,
    pod_ip: str,
    timeout_seconds: float | None,
) -> None:
    """Do what a hook says, to its end.

    Args:
        handler: what to do.
        runtime: runs its command.
        events: where to tell that it speaks plain HTTP although HTTPS was asked for.
        container_id: the runtime's name for the container.
        pod: whose container it is.
        container: as it is specified.
        pod_ip: where to find its servers.
        timeout_seconds: how long it may take, such as what is left of the grace period; None for as long as it likes.

    Raises:
        HookFailed: it has failed.
        TimeoutError: it has taken too long and was given up, about which kubelet tells no event.
    """
    raise NotImplementedError
