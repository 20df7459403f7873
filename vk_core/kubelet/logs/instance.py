"""Which instance of a container has a log to show, in kubelet's words where there is none."""

from __future__ import annotations

from dataclasses import replace

from vk_core.api.pod import Pod
from vk_core.api.podstatus import ContainerStatus
from vk_core.kubelet.refusal import Refusal
from vk_core.provider.streams import LogOptions

NO_LOG = 400

PULLING = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}
"""What people read instead of the reason a container waits for."""


def options_of_instance(pod: Pod, container_name: str, options: LogOptions) -> LogOptions:
    """The options for the provider: between two starts of a container the last log is the one that can be read.

    Raises:
        Refusal: 400, the container has no log (yet).
    """
    container = f'container "{container_name}" in pod "{pod.metadata.name}"'
    status = _status_of(pod, container_name)
    if status is None:
        raise Refusal(NO_LOG, f"{container} is not available")
    before = status.last_state.terminated
    if options.previous:
        if before is None:
            raise Refusal(NO_LOG, f"previous terminated {container} not found")
        return options
    if status.state.running is not None or status.state.terminated is not None:
        return options
    if before is not None:
        return replace(options, previous=True)
    waiting = status.state.waiting
    if waiting is None:
        raise Refusal(NO_LOG, f"{container} is waiting to start - no logs yet")
    raise Refusal(NO_LOG, f"{container} is waiting to start: {PULLING.get(waiting.reason, waiting.reason)}")


def _status_of(pod: Pod, container_name: str) -> ContainerStatus | None:
    status = pod.status
    for container in (
        *status.container_statuses,
        *status.init_container_statuses,
        *status.ephemeral_container_statuses,
    ):
        if container.name == container_name:
            return container
    return None
