"""What containers and pods may use, from quantities to what cgroups say.

Kubernetes, "Resource Management for Pods and Containers"; the numbers are those of the kernel's CFS scheduler.
"""

from __future__ import annotations

from collections.abc import Mapping

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.api.quantity import parse_quantity
from vk_core.engine.configuration.amounts import (
    HUGE_PAGES,
    class_of,
    is_limited,
    limits,
    of_pod,
    pod_total,
    quantity,
    requests,
)
from vk_core.engine.configuration.host import Host
from vk_core.engine.configuration.oom import oom_score_adj
from vk_core.engine.specs import ContainerResources

FEWEST_SHARES = 2
MOST_SHARES = 262_144
LEAST_QUOTA_MICROSECONDS = 1000

_SHARES_OF_A_CPU = 1024
_MILLI = 1000
_PAGE_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")
_UNIT = 1024


def container_resources(pod: Pod, container: Container, host: Host) -> ContainerResources:
    """Returns what a container may use; for starting it and for `update_container` alike.

    Where it has no limit of its own, that of the pod as a whole holds (KEP-2837).
    """
    own, shared = container.resources, of_pod(pod).limits
    cpu = quantity(own.limits, "cpu") or quantity(shared, "cpu")
    memory = quantity(own.limits, "memory") or quantity(shared, "memory")
    return _resources(
        host,
        cpu_request=quantity(own.requests, "cpu") if "cpu" in own.requests else cpu,
        cpu_limit=cpu,
        memory_limit=memory,
        oom_score_adj=oom_score_adj(pod, container, host.machine.memory_bytes),
        hugepage_limits_bytes=huge_page_limits({**shared, **own.limits}, host.machine.huge_page_sizes),
        swap=host.machine.limits_swap,
    )


def sandbox_resources(pod: Pod, host: Host) -> ContainerResources:
    """Returns what the containers of a pod may use together, for runtimes that must know it beforehand (VMs)."""
    asked, most = pod_total(pod, requests, overhead=False), pod_total(pod, limits, overhead=False)
    return _resources(
        host,
        cpu_request=asked.get("cpu", most.get("cpu", 0)),
        cpu_limit=most.get("cpu", 0),
        memory_limit=most.get("memory", 0),
    )


def overhead_resources(pod: Pod, host: Host) -> ContainerResources | None:
    """Returns what the sandbox itself uses by its runtime class; None if that is not said."""
    overhead = pod.spec.overhead
    if not overhead:
        return None
    cpu = quantity(overhead, "cpu")
    return _resources(host, cpu_request=cpu, cpu_limit=cpu, memory_limit=quantity(overhead, "memory"))


def pod_resources(pod: Pod, host: Host) -> ContainerResources:
    """Returns what the pod's cgroup allows: the pod as a whole with its overhead.

    CPU and memory have an end there only if all its containers have one.
    """
    asked, most = pod_total(pod, requests, overhead=True), pod_total(pod, limits, overhead=True)
    pages = {resource: str(needed) for resource, needed in asked.items() if resource.startswith(HUGE_PAGES)}
    if class_of(pod) == "BestEffort":
        asked, most = {}, {}
    settings = host.settings
    quota = cpu_quota(most.get("cpu", 0), settings.cpu_period_microseconds)
    return ContainerResources(
        cpu_shares=cpu_shares(asked.get("cpu", 0)),
        cpu_quota_microseconds=quota if settings.cpu_quota and is_limited(pod, "cpu") else 0,
        cpu_period_microseconds=settings.cpu_period_microseconds,
        memory_limit_bytes=most.get("memory", 0) if is_limited(pod, "memory") else 0,
        hugepage_limits_bytes=huge_page_limits(pages, host.machine.huge_page_sizes),
    )


def cpu_shares(milli_cpu: int) -> int:
    """Returns the relative weight of thousandths of a CPU: 1024 for a whole one."""
    return min(max(milli_cpu * _SHARES_OF_A_CPU // _MILLI, FEWEST_SHARES), MOST_SHARES)


def cpu_quota(milli_cpu: int, period_microseconds: int) -> int:
    """Returns the CPU time in each period for a limit in thousandths of a CPU; 0 for no limit."""
    return max(milli_cpu * period_microseconds // _MILLI, LEAST_QUOTA_MICROSECONDS) if milli_cpu else 0


def huge_page_limits(quantities: Mapping[str, str], sizes: tuple[str, ...]) -> dict[str, int]:
    """Returns the limit of every page size that the machine has; 0 for those that are not asked for."""
    asked = {
        page_size(resource.removeprefix(HUGE_PAGES)): quantity(quantities, resource)
        for resource in quantities
        if resource.startswith(HUGE_PAGES)
    }
    return {size: asked.get(size, 0) for size in sizes}


def page_size(text: str) -> str:
    """Returns the kernel's name for the size of a page given as a quantity: `2Mi` is `2MB`."""
    size = int(parse_quantity(text))
    power = 0
    while size and size % _UNIT == 0 and power < len(_PAGE_UNITS) - 1:
        size //= _UNIT
        power += 1
    return f"{size}{_PAGE_UNITS[power]}"


def _resources(
    host: Host,
    *,
    cpu_request: int,
    cpu_limit: int,
    memory_limit: int,
    oom_score_adj: int = 0,
    hugepage_limits_bytes: Mapping[str, int] | None = None,
    swap: bool = False,
) -> ContainerResources:
    settings, is_v2 = host.settings, host.machine.cgroup_version == 2  # noqa: PLR2004
    unified: dict[str, str] = {}
    if is_v2 and not settings.kills_single_processes:
        unified["memory.oom.group"] = "1"
    if is_v2 and swap:
        unified["memory.swap.max"] = "0"
    return ContainerResources(
        cpu_shares=cpu_shares(cpu_request),
        cpu_quota_microseconds=cpu_quota(cpu_limit, settings.cpu_period_microseconds) if settings.cpu_quota else 0,
        cpu_period_microseconds=settings.cpu_period_microseconds if settings.cpu_quota else 0,
        memory_limit_bytes=memory_limit,
        memory_swap_limit_bytes=memory_limit if swap and not is_v2 else 0,
        oom_score_adj=oom_score_adj,
        hugepage_limits_bytes=hugepage_limits_bytes or {},
        unified=unified,
    )
