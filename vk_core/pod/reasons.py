"""The reasons that events and statuses of pods carry; those of Virtual Kubelet keep their names."""

from __future__ import annotations

from msgspec.structs import replace

from vk_core.api.podstatus import ContainerState, ContainerStateTerminated, ContainerStatus

CREATED = "ProviderCreateSuccess"
CREATE_FAILED = "ProviderCreateFailed"
UPDATED = "ProviderUpdateSuccess"
UPDATE_FAILED = "ProviderUpdateFailed"
DELETED = "ProviderDeleteSuccess"
DELETE_FAILED = "ProviderDeleteFailed"

PROVIDER_FAILED = "ProviderFailed"
"""Status: the provider could not take the pod."""

NOT_FOUND = "NotFound"
"""Status and event: the provider no longer has a pod that must not be started twice."""

LOST = "ProviderLostPod"
"""Event: the provider no longer has a pod, which is therefore created again."""

FAILED_MOUNT = "FailedMount"
"""Event: a volume of the pod cannot be mounted, as kubelet names it."""

FAILED = "Failed"
"""Event: a container cannot be started, as kubelet names it."""

CONFIG_ERROR = "CreateContainerConfigError"
"""State of a container whose environment cannot be made, as kubelet names it."""

CREATING = "ContainerCreating"
INITIALIZING = "PodInitializing"
BEFORE_THE_START = frozenset({"", CREATING, INITIALIZING})
"""States of a container that nothing of its own keeps from starting, as kubelet names them."""

UNKNOWN_STATUS = "ContainerStatusUnknown"
"""State of a container whose end nobody has seen, as kubelet names it."""

UNKNOWN_EXIT_CODE = 137


def unknown(statuses: tuple[ContainerStatus, ...]) -> tuple[ContainerStatus, ...]:
    """The same containers, those that were running ended in a way that nobody has seen."""
    return tuple(_unknown(status) for status in statuses)


def _unknown(status: ContainerStatus) -> ContainerStatus:
    running = status.state.running
    if running is None:
        return status
    terminated = ContainerStateTerminated(
        exit_code=UNKNOWN_EXIT_CODE,
        reason=UNKNOWN_STATUS,
        message="the provider no longer has this container; how it ended is not known",
        started_at=running.started_at,
        container_id=status.container_id,
    )
    return replace(status, ready=False, started=False, state=ContainerState(terminated=terminated))
