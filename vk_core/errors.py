"""Every error that is expected: shown to people as one line, without a traceback.

    VirtualKubeletError            exit status 1
    ├── UsageError                 bad input, exit status 2
    │   └── SettingsError          all that is wrong with one settings file
    ├── PluginError                a plug-in that cannot be loaded or used
    ├── ProviderError              raised by providers
    │   ├── NotFound               there is no such pod or container
    │   ├── MaterialMissing        something that the pod refers to is not there yet
    │   ├── InvalidInput           the pod asks for what the provider can never do
    │   ├── Unavailable            the back end does not answer now; worth trying again
    │   ├── Unauthorized           the back end refuses our credentials
    │   └── Conflict               the back end is in a state that forbids this now
    ├── NodeTaken                  another process is this node
    └── ApiError                   the Kubernetes API server refused (vk_core.kube.errors)

Anything else that is raised is a bug and is shown with its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence


class VirtualKubeletError(Exception):
    """The root of all expected errors; `exit_status` is what the process ends with when nothing can be done."""

    exit_status = 1


class UsageError(VirtualKubeletError):
    """Bad input: the message names the flag or file, the key, and what was expected."""

    exit_status = 2


class SettingsError(UsageError):
    """A settings file with one or more mistakes.

    Attributes:
        problems: one line each, such as `mock.toml: pods[0].cpu: expected a quantity, got true`.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class PluginError(UsageError):
    """A plug-in that is not there, does not load, or was made for another version of the provider interface."""


class ProviderError(VirtualKubeletError):
    """What a provider raises when it cannot do what it was asked; use one of its subclasses."""

    retryable = True
    """Whether trying the same thing again later can help."""


class NotFound(ProviderError):
    """The provider has no such pod or container."""


class MaterialMissing(ProviderError):
    """Something that the pod refers to is not there yet: a config map, a secret, a key, a volume that can be mounted.

    Raised by `PodMaterials`. A provider lets it through from `create_pod`, and core shows the reason and comes back as
    soon as something changes; or it starts the other containers and shows the reason as that of a waiting container.

    Attributes:
        reason: `CreateContainerConfigError` or `FailedMount`.
        container_name: the container that cannot be started; empty when it is the pod as a whole.
        is_told: whether there was an event about it already; else core tells one.
    """

    def __init__(self, message: str, *, reason: str, container_name: str = "", is_told: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.container_name = container_name
        self.is_told = is_told


class InvalidInput(ProviderError):
    """The pod asks for something that the provider can never do; the message names the field.

    Attributes:
        reason: a word for programs, which the status of a refused pod has; empty for `ProviderFailed`.
    """

    retryable = False

    def __init__(self, message: str = "", *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class Unavailable(ProviderError):
    """The back end does not answer or is too busy; core tries again with back-off."""


class Unauthorized(ProviderError):
    """The back end refuses the provider's credentials."""


class Conflict(ProviderError):
    """The back end is in a state that forbids this at the moment; core tries again with back-off."""


class NodeTaken(VirtualKubeletError):
    """Another process holds the lease of this node, so this one must not act for it any longer."""
