"""Which seccomp and AppArmor profiles a container has, and what of them cannot be had on this machine.

Sources: `seccompProfile`, `appArmorProfile` of container and pod, and the annotations
`container.apparmor.security.beta.kubernetes.io/<container>` that came before the latter.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from vk_core.api.container import AppArmorProfile, Container
from vk_core.api.pod import Pod
from vk_core.engine.configuration.errors import ConfigurationError
from vk_core.engine.configuration.host import PodSettings
from vk_core.engine.specs import SecurityProfile

RUNTIME_DEFAULT = "RuntimeDefault"
UNCONFINED = "Unconfined"
LOCALHOST = "Localhost"

APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"

_ANNOTATED = {"runtime/default": RUNTIME_DEFAULT, "unconfined": UNCONFINED}
_ANNOTATED_LOCALHOST = "localhost/"


def seccomp_profile(pod: Pod, container: Container, settings: PodSettings) -> SecurityProfile:
    """Returns the seccomp profile of a container: its own, else the pod's, else what settings say.

    Raises:
        ConfigurationError: a profile of this machine is asked for without a name, or out of the folder of profiles.
    """
    contexts = (container.security_context, pod.spec.security_context)
    profile = next((one.seccomp_profile for one in contexts if one is not None and one.seccomp_profile), None)
    if profile is None:
        return SecurityProfile(type=RUNTIME_DEFAULT if settings.seccomp_default else UNCONFINED)
    if profile.type != LOCALHOST:
        return SecurityProfile(type=RUNTIME_DEFAULT if profile.type == RUNTIME_DEFAULT else UNCONFINED)
    if not profile.localhost_profile:
        text = "localhostProfile must be set if seccompProfile type is Localhost."
        raise ConfigurationError(text, container_name=container.name)
    path = PurePosixPath(profile.localhost_profile)
    if path.is_absolute() or ".." in path.parts:
        text = f"localhostProfile must be a path below {settings.seccomp_root}, without '..', got {str(path)!r}"
        raise ConfigurationError(text, container_name=container.name)
    return SecurityProfile(type=LOCALHOST, localhost=str(Path(settings.seccomp_root, path)))


def apparmor_profile(pod: Pod, container: Container) -> SecurityProfile | None:
    """Returns the AppArmor profile of a container: its own, by field or annotation, else the pod's; None for neither.

    Raises:
        ConfigurationError: a profile of this machine is asked for without a name, or the type is none.
    """
    profile = _asked_apparmor(pod, container)
    if profile is None:
        return None
    name = profile.localhost_profile or ""
    if profile.type == LOCALHOST and not name.strip():
        raise ConfigurationError("missing localhost apparmor profile name", container_name=container.name)
    if profile.type not in {RUNTIME_DEFAULT, UNCONFINED, LOCALHOST}:
        raise ConfigurationError(f'unknown apparmor profile type: "{profile.type}"', container_name=container.name)
    return SecurityProfile(type=profile.type, localhost=name if profile.type == LOCALHOST else "")


def apparmor_problem(pod: Pod, *, has_apparmor: bool) -> str:
    """Returns why the AppArmor profiles of a pod cannot be enforced, in kubelet's words; empty if they can.

    Args:
        pod: the pod.
        has_apparmor: whether the machine can enforce any.
    """
    spec = pod.spec
    containers = (*spec.init_containers, *spec.containers, *spec.ephemeral_containers)
    shared = None if spec.security_context is None else spec.security_context.app_armor_profile
    profiles = (shared, *(_asked_apparmor(pod, container) for container in containers))
    if all(profile is None or profile.type == UNCONFINED for profile in profiles):
        return ""
    if not has_apparmor:
        return "AppArmor is not enabled on the host"
    if any(p is not None and p.type == LOCALHOST and not (p.localhost_profile or "").strip() for p in profiles):
        return "invalid empty AppArmor profile name"
    return ""


def _asked_apparmor(pod: Pod, container: Container) -> AppArmorProfile | None:
    own, shared = container.security_context, pod.spec.security_context
    if own is not None and own.app_armor_profile is not None:
        return own.app_armor_profile
    return _annotated(pod, container) or (shared.app_armor_profile if shared is not None else None)


def _annotated(pod: Pod, container: Container) -> AppArmorProfile | None:
    text = pod.metadata.annotations.get(f"{APPARMOR_ANNOTATION}{container.name}", "")
    if text.startswith(_ANNOTATED_LOCALHOST):
        return AppArmorProfile(type=LOCALHOST, localhost_profile=text.removeprefix(_ANNOTATED_LOCALHOST))
    kind = _ANNOTATED.get(text)
    return None if kind is None else AppArmorProfile(type=kind)
