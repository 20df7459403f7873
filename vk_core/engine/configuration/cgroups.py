"""Where pods have their cgroups, and what is written there: kubelet's layout by quality of service, under a parent.

Runtimes make cgroups for containers below the one that they are told; that of the pod is for whoever starts them to
make and to limit. Here is only what it is called and what to write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vk_core.api.pod import Pod
from vk_core.api.scheduling import pod_requests
from vk_core.engine.configuration.amounts import class_of
from vk_core.engine.configuration.host import PodSettings
from vk_core.engine.configuration.resources import FEWEST_SHARES, MOST_SHARES, cpu_shares
from vk_core.engine.specs import ContainerResources

SYSTEMD = "systemd"
CGROUPFS = "cgroupfs"

_QOS_FOLDERS = {"Guaranteed": (), "Burstable": ("burstable",), "BestEffort": ("besteffort",)}
_SLICE = ".slice"
_LARGEST_WEIGHT = 10_000


class CgroupFile(NamedTuple):
    """A setting of a cgroup.

    Attributes:
        controller: to which it belongs, which is a hierarchy of its own in version 1.
        name: its file.
        content: what to write.
    """

    controller: str
    name: str
    content: str


def pod_cgroup(pod: Pod, settings: PodSettings) -> str:
    """Returns the pod's cgroup as a path below where cgroups are mounted, named for the driver of the settings.

    With `systemd` these are slices, in whose names `-` stands between a slice and the one above it.
    """
    return cgroup_path((*parent_parts(settings), *_QOS_FOLDERS[class_of(pod)], f"pod{pod.metadata.uid}"), settings)


def qos_cgroups(pods: Iterable[Pod], settings: PodSettings) -> dict[str, int]:
    """Returns the cgroups above those of pods that are not guaranteed anything, and their CPU shares.

    Burstable pods together weigh what they have requested, so that they do not lose it to a single container that has
    requested a lot; BestEffort ones have what is left.

    Args:
        pods: all that have not come to their end.
        settings: for the names.
    """
    burstable = sum(pod_requests(pod).get("cpu", 0) for pod in pods if class_of(pod) == "Burstable")
    parent = parent_parts(settings)
    return {
        cgroup_path((*parent, *_QOS_FOLDERS["Burstable"]), settings): cpu_shares(burstable),
        cgroup_path((*parent, *_QOS_FOLDERS["BestEffort"]), settings): FEWEST_SHARES,
    }


def parent_parts(settings: PodSettings) -> tuple[str, ...]:
    """Returns the parts of the cgroup below which all pods are.

    Raises:
        ValueError: it is no path of cgroups; the message says what one looks like.
    """
    text = settings.cgroup_parent
    parts = tuple(text.removeprefix("/").split("/"))
    if any(part in {"", ".", ".."} or part.endswith(_SLICE) for part in parts):
        expected = "expected names with / between them and without .slice, such as /virtual-kubelet"
        raise ValueError(f"{text!r} is not the name of a cgroup: {expected}")
    return parts


def cgroup_path(parts: tuple[str, ...], settings: PodSettings) -> str:
    """Returns the path of a cgroup for the driver of the settings."""
    if settings.cgroup_driver != SYSTEMD:
        return "/" + "/".join(parts)
    names = [part.replace("-", "_") for part in parts]
    return "/" + "/".join("-".join(names[: count + 1]) + _SLICE for count in range(len(names)))


def cgroup_files(resources: ContainerResources, version: int) -> tuple[CgroupFile, ...]:
    """Returns what to write into a cgroup, in this order; what has no limit is said to have none.

    Args:
        resources: what it allows (`pod_resources`).
        version: of cgroups, 1 or 2.
    """
    return tuple(_version_1(resources) if version == 1 else _version_2(resources))


def cpu_weight(shares: int) -> int:
    """Returns the weight of cgroup v2 (1 to 10000) for the shares of v1 (2 to 262144), as KEP-2254 maps them."""
    return 1 + (shares - FEWEST_SHARES) * (_LARGEST_WEIGHT - 1) // (MOST_SHARES - FEWEST_SHARES)


def _version_1(resources: ContainerResources) -> Iterator[CgroupFile]:
    yield CgroupFile("cpu", "cpu.shares", str(resources.cpu_shares))
    yield CgroupFile("cpu", "cpu.cfs_period_us", str(resources.cpu_period_microseconds))
    yield CgroupFile("cpu", "cpu.cfs_quota_us", str(resources.cpu_quota_microseconds or -1))
    yield CgroupFile("memory", "memory.limit_in_bytes", str(resources.memory_limit_bytes or -1))
    for size, limit in resources.hugepage_limits_bytes.items():
        yield CgroupFile("hugetlb", f"hugetlb.{size}.limit_in_bytes", str(limit))


def _version_2(resources: ContainerResources) -> Iterator[CgroupFile]:
    quota = resources.cpu_quota_microseconds or "max"
    yield CgroupFile("cpu", "cpu.weight", str(cpu_weight(resources.cpu_shares)))
    yield CgroupFile("cpu", "cpu.max", f"{quota} {resources.cpu_period_microseconds}")
    yield CgroupFile("memory", "memory.max", str(resources.memory_limit_bytes or "max"))
    for size, limit in resources.hugepage_limits_bytes.items():
        yield CgroupFile("hugetlb", f"hugetlb.{size}.max", str(limit))
