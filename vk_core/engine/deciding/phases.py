"""The phase that follows from what is known of a pod's containers, as kubelet computes it (`PodStatus.phase`)."""

from __future__ import annotations

from vk_core.api.podstatus import ContainerState, ContainerStateTerminated, ContainerStatus
from vk_core.engine.deciding.actions import Kind
from vk_core.engine.deciding.initialization import has_initialized
from vk_core.engine.deciding.survey import Survey
from vk_core.engine.deciding.views import RESTARTING_ALL, View

PENDING = "Pending"
RUNNING = "Running"
SUCCEEDED = "Succeeded"
FAILED = "Failed"
TERMINAL = frozenset({SUCCEEDED, FAILED})


def phase_of(known: Survey, statuses: dict[str, ContainerStatus], *, is_over: bool) -> str:
    """The phase of a pod.

    Args:
        known: what is known of it.
        statuses: of init containers, sidecars and app containers, by name; each is there.
        is_over: whether nothing runs any more and nothing will be started.
    """
    inits = [(view, statuses[view.name]) for view in known.inits if view.kind is Kind.INIT]
    sidecars = [statuses[view.name] for view in known.inits if view.kind is Kind.SIDECAR]
    apps = [(view, statuses[view.name]) for view in known.apps]
    if any(_failed_for_good(view, status) for view, status in inits):
        return FAILED
    is_pending = any(_is_before_its_end(status) for _, status in inits) or (
        any(_is_before_its_start(status) for status in sidecars) and not has_initialized(known)
    )
    if is_pending or any(_never_ended(status) for _, status in apps if status.state.running is None) or not apps:
        return PENDING
    if any(status.state.running for status in (*sidecars, *(status for _, status in apps))):
        return RUNNING
    if not is_over and any(_is_restarting(view, status) for view, status in apps):
        return RUNNING
    return SUCCEEDED if all(_succeeded(status.state) for _, status in apps) else FAILED


def _ended(status: ContainerStatus) -> ContainerStateTerminated | None:
    """How a container that does not run has ended the last time."""
    return status.state.terminated or (status.last_state.terminated if status.state.running is None else None)


def _never_ended(status: ContainerStatus) -> bool:
    return _ended(status) is None


def _is_before_its_end(status: ContainerStatus) -> bool:
    return status.state.running is not None or _never_ended(status)


def _is_before_its_start(status: ContainerStatus) -> bool:
    return not status.started if status.state.running is not None else _never_ended(status)


def _failed_for_good(view: View, status: ContainerStatus) -> bool:
    ended = _ended(status)
    return ended is not None and ended.exit_code != 0 and ended.reason != RESTARTING_ALL and not view.restarts


def _is_restarting(view: View, status: ContainerStatus) -> bool:
    ended = _ended(status)
    return ended is not None and (ended.reason == RESTARTING_ALL or view.restarts)


def _succeeded(state: ContainerState) -> bool:
    return state.terminated is not None and state.terminated.exit_code == 0
