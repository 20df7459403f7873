"""Which pods cannot be run here, whatever happens: judged once, before anything of them is made.

What kubelet refuses has its reasons and words; what only a kubelet with plug-ins could give names its field.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.engine.configuration.host import Host
from vk_core.engine.configuration.profiles import apparmor_problem
from vk_core.engine.configuration.signals import SIGNALS, stop_signal
from vk_core.engine.configuration.sysctls import forbidden_sysctl

UNSUPPORTED = "PodFeatureUnsupported"


class Refusal(NamedTuple):
    """Why a pod is refused: a reason for programs and a sentence for people."""

    reason: str
    message: str


def refusal(pod: Pod, host: Host) -> Refusal | None:
    """Why a pod cannot be run here; None if it can."""
    sysctl = forbidden_sysctl(pod, host.settings.unsafe_sysctls, host.machine.kernel)
    if sysctl:
        return Refusal("SysctlForbidden", f"forbidden sysctl: {sysctl}")
    apparmor = apparmor_problem(pod, has_apparmor=host.machine.has_apparmor)
    if apparmor:
        return Refusal("AppArmor", f"Cannot enforce AppArmor: {apparmor}")
    context = pod.spec.security_context
    if context is not None and context.supplemental_groups_policy == "Strict" and not host.supplemental_groups_policy:
        text = "SupplementalGroupsPolicy=Strict is not supported in this node"
        return Refusal("SupplementalGroupsPolicyNotSupported", text)
    unsupported = next(unsupported_fields(pod), None)
    return None if unsupported is None else Refusal(UNSUPPORTED, unsupported)


def unsupported_fields(pod: Pod) -> Iterator[str]:
    """What a pod asks for that nobody here can give, one sentence for each field."""
    spec = pod.spec
    if spec.resource_claims:
        yield "spec.resourceClaims: dynamic resources are not supported on this node"
    if spec.security_context is not None and spec.security_context.windows_options is not None:
        yield "spec.securityContext.windowsOptions: this node runs Linux containers only"
    for field, containers in (
        ("initContainers", spec.init_containers),
        ("containers", spec.containers),
        ("ephemeralContainers", spec.ephemeral_containers),
    ):
        for index, container in enumerate(containers):
            for name, why in unsupported_in(container):
                yield f"spec.{field}[{index}].{name}: {why}"


def unsupported_in(container: Container) -> Iterator[tuple[str, str]]:
    """What a container asks for that nobody here can give: each field and why."""
    if container.volume_devices:
        yield "volumeDevices", "raw block devices are not supported on this node"
    if container.resources.claims:
        yield "resources.claims", "dynamic resources are not supported on this node"
    context = container.security_context
    if context is not None and context.windows_options is not None:
        yield "securityContext.windowsOptions", "this node runs Linux containers only"
    signal = stop_signal(container)
    if signal and signal not in SIGNALS:
        yield "lifecycle.stopSignal", f"{signal!r} is not a signal of Linux, such as SIGTERM"
