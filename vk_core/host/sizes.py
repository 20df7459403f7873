"""How large volumes in memory may get, and in pages of which size. Pure.

Source: KEP-1967 (a volume in memory is limited by its `sizeLimit` and by the memory limit of the pod) and the
documentation of huge pages (`medium: HugePages` takes the size that the containers ask for, which must be one).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.api.quantity import parse_quantity
from vk_core.provider.materials import EmptyDirVolume

_HUGE_PAGES = "hugepages-"


def memory_size(volume: EmptyDirVolume, pod: Pod) -> int | None:
    """How many bytes a volume in memory may hold; None if nothing limits it."""
    limits = (volume.size_limit_bytes, pod_memory_limit(pod))
    return min((limit for limit in limits if limit), default=None)


def pod_memory_limit(pod: Pod) -> int | None:
    """How much memory the containers of a pod may use together; None if one of them has no limit."""
    if pod.spec.resources is not None and "memory" in pod.spec.resources.limits:
        return math.ceil(parse_quantity(pod.spec.resources.limits["memory"]))
    if not all("memory" in container.resources.limits for container in _containers(pod)):
        return None
    sidecars = 0
    starting = 0
    for container in pod.spec.init_containers:
        limit = _memory(container)
        if container.restart_policy == "Always":
            sidecars += limit
            starting = max(starting, sidecars)
        else:
            starting = max(starting, sidecars + limit)
    return max(starting, sidecars + sum(_memory(container) for container in pod.spec.containers))


def huge_page_size(volume: EmptyDirVolume, pod: Pod) -> int:
    """The size of the pages of a volume in huge pages, in bytes.

    Raises:
        ValueError: no container asks for pages of the volume's size, or the volume leaves it to the pod, whose
            containers ask for none or for several.
    """
    sizes = {
        math.ceil(parse_quantity(name.removeprefix(_HUGE_PAGES)))
        for container in _containers(pod)
        for name in (*container.resources.requests, *container.resources.limits)
        if name.startswith(_HUGE_PAGES)
    }
    if volume.huge_page_bytes > 0:
        if volume.huge_page_bytes not in sizes:
            raise ValueError("huge pages of this size were not asked for by any container of the pod")
        return volume.huge_page_bytes
    if len(sizes) != 1:
        raise ValueError(f"medium HugePages needs containers that ask for pages of one size, not of {len(sizes)}")
    return sizes.pop()


def _containers(pod: Pod) -> Iterator[Container]:
    yield from pod.spec.init_containers
    yield from pod.spec.containers


def _memory(container: Container) -> int:
    return math.ceil(parse_quantity(container.resources.limits["memory"]))
