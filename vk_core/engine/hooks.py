"""What a container has done for it right after its start and before its end: `postStart` and `preStop`."""

from __future__ import annotations

import asyncio

from vk_core.api.container import Container, ExecAction, HTTPGetAction, LifecycleHandler
from vk_core.api.pod import Pod
from vk_core.engine.probing.dialing import SPEAKS_PLAIN_HTTP
from vk_core.engine.probing.fetching import BodyError, FetchError, fetch
from vk_core.engine.probing.request import HttpRequest, http_request
from vk_core.engine.probing.words import host_port, pod_name, quoted
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


LONGEST_COMMAND_SECONDS = 365 * 24 * 3600.0
"""How long a command without a limit may take, because runtimes are to be told a number."""


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
    async with asyncio.timeout(timeout_seconds):
        if handler.exec is not None:
            await _run_command(handler.exec, runtime, container_id, _name(pod, container), timeout_seconds)
        elif handler.http_get is not None:
            await _ask(handler.http_get, events, pod, container, pod_ip)
        elif handler.sleep is not None:
            await asyncio.sleep(handler.sleep.seconds)
        else:
            raise HookFailed("Cannot run handler: invalid handler: it has no exec, httpGet or sleep")


async def _run_command(
    action: ExecAction, runtime: ContainerRuntime, container_id: str, name: str, timeout_seconds: float | None
) -> None:
    words = " ".join(action.command)
    limit = LONGEST_COMMAND_SECONDS if timeout_seconds is None else timeout_seconds
    try:
        finished = await runtime.run_command(container_id, action.command, limit)
    except ProviderError as error:
        raise HookFailed(f'Exec lifecycle hook ([{words}]) {name} failed - error: {error}, message: ""') from error
    if finished.exit_code != 0:
        problem = f"command '{words}' exited with {finished.exit_code}: {finished.stderr.decode('utf-8', 'replace')}"
        message = quoted((finished.stdout + finished.stderr).decode("utf-8", "replace"))
        raise HookFailed(f"Exec lifecycle hook ([{words}]) {name} failed - error: {problem}, message: {message}")


async def _ask(action: HTTPGetAction, events: PodEvents, pod: Pod, container: Container, pod_ip: str) -> None:
    """Whatever a server answers is right, as with kubelet."""
    try:
        request = http_request(action, container, pod_ip=pod_ip, purpose="lifecycle")
        await _fetch(request, events, pod)
    except (FetchError, ValueError) as error:
        text = f"HTTP lifecycle hook ({action.path}) {_name(pod, container)} failed - error: {error}"
        raise HookFailed(text) from error


async def _fetch(request: HttpRequest, events: PodEvents, pod: Pod) -> None:
    try:
        await fetch(request, None)
    except BodyError:
        return
    except FetchError as error:
        if SPEAKS_PLAIN_HTTP not in str(error) or not await _speaks_plainly(request):
            raise
        where = host_port(request.host, request.port)
        text = f"request to HTTPS lifecycle hook {where} got HTTP response, retry with HTTP succeeded"
        events.record(pod, "LifecycleHTTPFallback", text, warning=True)


async def _speaks_plainly(request: HttpRequest) -> bool:
    """Whether a server that knows no TLS answers without; it is told no secrets then."""
    headers = tuple(pair for pair in request.headers if pair[0] != "Authorization")
    try:
        await fetch(request._replace(scheme="http", headers=headers), None)
    except BodyError:
        return True
    except FetchError:
        return False
    return True


def _name(pod: Pod, container: Container) -> str:
    return f"for Container {quoted(container.name)} in Pod {quoted(pod_name(pod))}"
