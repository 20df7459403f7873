"""What an `emptyDir` volume is: its medium, and how much may be in it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.api.quantity import whole
from vk_core.api.volumes import EmptyDirVolumeSource
from vk_core.materials.objects import PodFacts
from vk_core.provider.materials import EmptyDirVolume

MEMORY = "Memory"
HUGE_PAGES = "HugePages"
ANY_PAGE_SIZE = -1


def empty_dir(name: str, source: EmptyDirVolumeSource, facts: PodFacts) -> EmptyDirVolume:
    """Returns the volume; one in memory is never larger than what the pod or the node may use (KEP-1967).

    Raises:
        ValueError: medium or size limit are not what the API allows, or no container asks for the huge pages.
    """
    limit = whole(source.size_limit) if source.size_limit else 0
    if source.medium != MEMORY:
        pages = _huge_page_bytes(source.medium)
        if pages and not _asks_for_huge_pages(facts.pod):
            raise ValueError(f"medium {source.medium}: no container of the pod asks for huge pages")
        return EmptyDirVolume(name, huge_page_bytes=pages, size_limit_bytes=limit if limit > 0 else None)
    limits = (limit, pod_memory_limit(facts.pod) or 0, whole(facts.allocatable.get("memory", "0")))
    return EmptyDirVolume(
        name, in_memory=True, size_limit_bytes=min((size for size in limits if size > 0), default=None)
    )


def pod_memory_limit(pod: Pod) -> int | None:
    """How many bytes of memory a pod may use; None if one of its containers has no limit and the pod has none itself.

    Raises:
        ValueError: a limit is not a quantity.
    """
    spec = pod.spec
    overhead = whole(spec.overhead.get("memory", "0"))
    own = spec.resources.limits.get("memory") if spec.resources is not None else None
    if own is not None:
        return whole(own) + overhead
    if not all(_memory(container) for container in chain(spec.init_containers, spec.containers)):
        return None
    running, starting = _sum(spec.containers), 0
    sidecars = 0
    for container in spec.init_containers:
        if container.restart_policy == "Always":
            sidecars += _memory(container)
            starting = max(starting, sidecars)
        else:
            starting = max(starting, sidecars + _memory(container))
    return max(running + sidecars, starting) + overhead


def _sum(containers: Iterable[Container]) -> int:
    return sum(_memory(container) for container in containers)


def _memory(container: Container) -> int:
    return whole(container.resources.limits.get("memory", "0"))


def _asks_for_huge_pages(pod: Pod) -> bool:
    return any(
        name.startswith("hugepages-")
        for container in chain(pod.spec.init_containers, pod.spec.containers)
        for name in chain(container.resources.requests, container.resources.limits)
    )


def _huge_page_bytes(medium: str) -> int:
    if not medium:
        return 0
    if medium == HUGE_PAGES:
        return ANY_PAGE_SIZE
    prefix, _, size = medium.partition("-")
    try:
        pages = whole(size) if prefix == HUGE_PAGES else 0
    except ValueError:
        pages = 0
    if pages <= 0:
        raise ValueError(f"unknown storage medium {medium!r}: expected Memory, HugePages or HugePages-SIZE")
    return pages
