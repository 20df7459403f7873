"""Why a sandbox or a container cannot be configured, in kubelet's words."""

from __future__ import annotations

from vk_core.errors import ProviderError

SANDBOX_FAILED = "FailedCreatePodSandBox"
"""Event: the pod's sandbox cannot be made."""

CONTAINER_FAILED = "CreateContainerConfigError"
"""State of a container that waits, because what it asks for makes no sense or is not to be had here."""


class ConfigurationError(ProviderError):
    """A sandbox or container that cannot be configured as it is; a change of pod, image or runtime may help.

    Attributes:
        reason: `CreateContainerConfigError`, or `FailedCreatePodSandBox` for the pod as a whole.
        container_name: the container that cannot be started; empty when it is the pod as a whole.
    """

    def __init__(self, message: str, *, container_name: str = "") -> None:
        super().__init__(message)
        self.reason = CONTAINER_FAILED if container_name else SANDBOX_FAILED
        self.container_name = container_name
