"""Which kernel parameters a pod may set: those of its own namespaces that are safe, and those that settings allow.

Kubernetes, "Using sysctls in a Kubernetes Cluster". A pod that asks for another one is refused (`SysctlForbidden`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from vk_core.api.pod import Pod

SAFE: Mapping[str, tuple[int, int]] = {
    "kernel.shm_rmid_forced": (0, 0),
    "net.ipv4.ip_local_port_range": (0, 0),
    "net.ipv4.tcp_syncookies": (0, 0),
    "net.ipv4.ping_group_range": (0, 0),
    "net.ipv4.ip_unprivileged_port_start": (0, 0),
    "net.ipv4.ip_local_reserved_ports": (3, 16),
    "net.ipv4.tcp_keepalive_time": (4, 5),
    "net.ipv4.tcp_fin_timeout": (4, 6),
    "net.ipv4.tcp_keepalive_intvl": (4, 5),
    "net.ipv4.tcp_keepalive_probes": (4, 5),
    "net.ipv4.tcp_rmem": (4, 15),
    "net.ipv4.tcp_wmem": (4, 15),
}
"""Safe parameters, and since which kernel they belong to a namespace."""

_LONGEST = 253
_PATTERN = re.compile(r"[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?(?:[./][a-z0-9](?:[-_a-z0-9]*[a-z0-9])?)*(?:[./]?\*)?")
_IPC = frozenset(
    {
        *("kernel.sem", "kernel.shm", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"),
        *("kernel.msg", "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni"),
    }
)
_SWAPPED = str.maketrans("./", "/.")


def sysctls_of(pod: Pod) -> dict[str, str]:
    """Returns the parameters that a pod sets, their names with dots."""
    context = pod.spec.security_context
    return {} if context is None else {normalized(sysctl.name): sysctl.value for sysctl in context.sysctls}


def normalized(name: str) -> str:
    """Returns a name with dots between its parts: `net/ipv4/conf/a.b/x` is `net.ipv4.conf.a/b.x` (sysctl.d(5))."""
    separators = [character for character in name if character in "./"]
    return name.translate(_SWAPPED) if separators and separators[0] == "/" else name


def forbidden_sysctl(pod: Pod, unsafe: Iterable[str], kernel: tuple[int, int]) -> str:
    """Returns why a pod may not set what it sets, in kubelet's words; empty if it may.

    Args:
        pod: the pod.
        unsafe: patterns that settings allow, checked (`check_pattern`).
        kernel: the kernel's version.
    """
    allowed = {name for name, since in SAFE.items() if kernel >= since}
    prefixes = []
    for pattern in unsafe:
        start, star, _ = normalized(pattern).partition("*")
        if star:
            prefixes.append(start)
        else:
            allowed.add(start)
    for name in sysctls_of(pod):
        rule = name if name in allowed else next((prefix for prefix in prefixes if name.startswith(prefix)), None)
        if rule is None:
            return f'"{name}" not allowlisted'
        namespace = _namespace(rule)
        if (namespace == "Net" and pod.spec.host_network) or (namespace == "IPC" and pod.spec.host_ipc):
            return f'"{name}" not allowed with host {namespace} enabled'
    return ""


def check_pattern(pattern: str) -> None:
    """Checks a pattern of parameters that settings allow.

    Raises:
        ValueError: it is no pattern, or not of a namespace that pods have of their own; the message says so.
    """
    if len(pattern) > _LONGEST or not _PATTERN.fullmatch(pattern):
        raise ValueError(f"{pattern!r} is not a sysctl: expected a name such as net.core.somaxconn or net.core.*")
    if not _namespace(normalized(pattern).partition("*")[0]):
        raise ValueError(f"the sysctls {pattern!r} are not known to be namespaced")


def _namespace(name: str) -> str:
    """The namespace of a parameter or of the beginning of a name: `Net`, `IPC` or empty."""
    if name.startswith("net."):
        return "Net"
    return "IPC" if name in _IPC or name.startswith("fs.mqueue.") else ""
