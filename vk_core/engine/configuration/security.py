"""What the processes of a sandbox and of a container may do: the pod's security context and the container's on top.

Kubernetes, "Configure a Security Context for a Pod or Container".
"""

from __future__ import annotations

from msgspec.structs import replace

from vk_core.api.container import Capabilities, Container, SecurityContext
from vk_core.api.pod import Pod, PodSecurityContext
from vk_core.engine.configuration.errors import ConfigurationError
from vk_core.engine.configuration.host import Host
from vk_core.engine.configuration.profiles import apparmor_profile, seccomp_profile
from vk_core.engine.runtime import Image
from vk_core.engine.specs import ContainerSecurity, Namespaces

MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
"""What containers do not see, beside what tells of the heat of processors."""

READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
"""What containers cannot write to."""

POLICIES = ("Merge", "Strict")

_UNMASKED = "Unmasked"
_HIGHEST_USER = 2**31 - 1
_POD = PodSecurityContext()
_CONTAINER = SecurityContext()


def container_security(
    pod: Pod, container: Container, *, host: Host, image: Image, namespaces: Namespaces, groups: tuple[int, ...] = ()
) -> ContainerSecurity:
    """Returns what a container's processes may do.

    Args:
        pod: its pod.
        container: the container.
        host: where it runs.
        image: what it runs, for its user.
        namespaces: those of the container.
        groups: further groups that volumes of the pod ask for.

    Raises:
        ConfigurationError: it must not run as root and would, or a profile or policy makes no sense.
    """
    context = effective_context(pod, container)
    check_non_root(pod, container, image)
    user_id, user_name = _user(context, image)
    capabilities = context.capabilities or Capabilities()
    masked, readonly = _hidden_paths(context, host)
    return ContainerSecurity(
        namespaces=namespaces,
        privileged=bool(context.privileged),
        run_as_user=user_id,
        run_as_username=user_name,
        run_as_group=context.run_as_group,
        supplemental_groups=further_groups(pod, groups),
        supplemental_groups_policy=groups_policy(pod, container_name=container.name),
        read_only_root=bool(context.read_only_root_filesystem),
        no_new_privileges=context.allow_privilege_escalation is False,
        add_capabilities=capabilities.add,
        drop_capabilities=capabilities.drop,
        masked_paths=masked,
        readonly_paths=readonly,
        seccomp=seccomp_profile(pod, container, host.settings),
        apparmor=apparmor_profile(pod, container),
        selinux=context.se_linux_options,
    )


def effective_context(pod: Pod, container: Container) -> SecurityContext:
    """Returns the security context of a container with what it has of its pod, its profiles excepted."""
    own, shared = container.security_context or _CONTAINER, pod.spec.security_context or _POD
    return replace(
        own,
        se_linux_options=own.se_linux_options if own.se_linux_options is not None else shared.se_linux_options,
        run_as_user=own.run_as_user if own.run_as_user is not None else shared.run_as_user,
        run_as_group=own.run_as_group if own.run_as_group is not None else shared.run_as_group,
        run_as_non_root=own.run_as_non_root if own.run_as_non_root is not None else shared.run_as_non_root,
    )


def check_non_root(pod: Pod, container: Container, image: Image) -> None:
    """Checks that a container that must not run as root does not.

    Raises:
        ConfigurationError: it would, or nobody can tell.
    """
    context = effective_context(pod, container)
    if not context.run_as_non_root:
        return
    if context.run_as_user is not None:
        problem = "" if context.run_as_user else "container's runAsUser breaks non-root policy"
    else:
        problem = _image_problem(image)
    if problem:
        where = f'(pod: "{pod_text(pod)}", container: {container.name})'
        raise ConfigurationError(f"{problem} {where}", container_name=container.name)


def further_groups(pod: Pod, groups: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the groups that all processes of a pod have: that of its volumes, its own, and what volumes ask for."""
    context = pod.spec.security_context or _POD
    first = () if context.fs_group is None else (context.fs_group,)
    return (*first, *context.supplemental_groups, *groups)


def groups_policy(pod: Pod, *, container_name: str = "") -> str:
    """Returns how groups of the image's `/etc/group` are taken (KEP-3619): `Merge` or `Strict`.

    Raises:
        ConfigurationError: the pod names another policy.
    """
    policy = (pod.spec.security_context or _POD).supplemental_groups_policy or POLICIES[0]
    if policy not in POLICIES:
        raise ConfigurationError(f"unsupported supplementalGroupsPolicy: {policy}", container_name=container_name)
    return policy


def has_privileged_container(pod: Pod) -> bool:
    """Whether any container of a pod may do everything."""
    spec = pod.spec
    contexts = (one.security_context for one in (*spec.init_containers, *spec.containers, *spec.ephemeral_containers))
    return any(context is not None and context.privileged for context in contexts)


def pod_text(pod: Pod) -> str:
    """A pod as kubelet names it in messages."""
    meta = pod.metadata
    return f"{meta.name}_{meta.namespace}({meta.uid})"


def _user(context: SecurityContext, image: Image) -> tuple[int | None, str]:
    """By number, or by name; root if neither pod nor image say anything."""
    if context.run_as_user is not None:
        return context.run_as_user, ""
    if image.user_id is not None:
        return image.user_id, ""
    return (None, image.user_name) if image.user_name else (0, "")


def _image_problem(image: Image) -> str:
    if image.user_id is None and image.user_name:
        name = f"non-numeric user ({image.user_name})"
        return f"container has runAsNonRoot and image has {name}, cannot verify user is non-root"
    user = image.user_id or 0
    if user == 0:
        return "container has runAsNonRoot and image will run as root"
    if not 0 <= user <= _HIGHEST_USER:
        valid = f"(Must be 1-({_HIGHEST_USER})): must be between 0 and {_HIGHEST_USER}, inclusive"
        return f"container has runAsNonRoot and image has an invalid user id ({user}). {valid}"
    return ""


def _hidden_paths(context: SecurityContext, host: Host) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if context.proc_mount == _UNMASKED:
        return (), ()
    return (*MASKED_PATHS, *host.machine.cpu_throttle_paths), READONLY_PATHS
