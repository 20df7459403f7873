"""Pods have their cgroups where kubelet has them, below a parent of our own."""

from __future__ import annotations

import pytest

from tests.engine.configuration.making import UID, host, pod, resources
from vk_core.api.container import ResourceRequirements
from vk_core.engine.configuration.cgroups import (
    CgroupFile,
    cgroup_files,
    cpu_weight,
    parent_parts,
    pod_cgroup,
    qos_cgroups,
)
from vk_core.engine.specs import ContainerResources
from vk_core.testing import make_container

FULL = resources(cpu="1", memory="1Gi", limits={"cpu": "1", "memory": "1Gi"})
UNDERSCORED = UID.replace("-", "_")


@pytest.mark.parametrize(
    ("own", "driver", "expected"),
    [
        pytest.param(FULL, "cgroupfs", f"/kubepods/pod{UID}", id="guaranteed"),
        pytest.param(resources(cpu="1"), "cgroupfs", f"/kubepods/burstable/pod{UID}", id="burstable"),
        pytest.param(resources(), "cgroupfs", f"/kubepods/besteffort/pod{UID}", id="best-effort"),
        pytest.param(FULL, "systemd", f"/kubepods.slice/kubepods-pod{UNDERSCORED}.slice", id="slice-guaranteed"),
        pytest.param(
            resources(),
            "systemd",
            f"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{UNDERSCORED}.slice",
            id="slice-best-effort",
        ),
    ],
)
def test_the_cgroup_of_a_pod(own: ResourceRequirements, driver: str, expected: str) -> None:
    settings = host(cgroup_parent="/kubepods", cgroup_driver=driver).settings

    assert pod_cgroup(pod(make_container(resources=own)), settings) == expected


def test_dashes_of_a_parent_are_no_slices_of_their_own() -> None:
    settings = host(cgroup_parent="/my-node/pods", cgroup_driver="systemd").settings

    path = pod_cgroup(pod(make_container(resources=FULL)), settings)

    assert path == f"/my_node.slice/my_node-pods.slice/my_node-pods-pod{UNDERSCORED}.slice"


@pytest.mark.parametrize("parent", ["", "/", "/a//b", "../x", "/a/..", "pods.slice"])
def test_what_is_no_name_of_a_cgroup_is_refused(parent: str) -> None:
    with pytest.raises(ValueError, match="such as /virtual-kubelet"):
        parent_parts(host(cgroup_parent=parent).settings)


def test_burstable_pods_together_weigh_what_they_ask_for() -> None:
    pods = [
        pod(make_container(resources=one)) for one in (resources(cpu="500m"), resources(cpu="1"), FULL, resources())
    ]

    shares = qos_cgroups(pods, host(cgroup_parent="/kubepods").settings)

    assert shares == {"/kubepods/burstable": 1536, "/kubepods/besteffort": 2}


@pytest.mark.parametrize(("shares", "weight"), [(2, 1), (1024, 39), (102, 4), (262_144, 10_000)])
def test_weights_of_cgroup_v2(shares: int, weight: int) -> None:
    assert cpu_weight(shares) == weight


LIMITED = ContainerResources(
    cpu_shares=1024, cpu_quota_microseconds=50_000, memory_limit_bytes=4096, hugepage_limits_bytes={"2MB": 0}
)


def test_limits_are_written_as_cgroup_v1_has_them() -> None:
    assert cgroup_files(LIMITED, 1) == (
        CgroupFile("cpu", "cpu.shares", "1024"),
        CgroupFile("cpu", "cpu.cfs_period_us", "100000"),
        CgroupFile("cpu", "cpu.cfs_quota_us", "50000"),
        CgroupFile("memory", "memory.limit_in_bytes", "4096"),
        CgroupFile("hugetlb", "hugetlb.2MB.limit_in_bytes", "0"),
    )


def test_limits_are_written_as_cgroup_v2_has_them() -> None:
    assert cgroup_files(LIMITED, 2) == (
        CgroupFile("cpu", "cpu.weight", "39"),
        CgroupFile("cpu", "cpu.max", "50000 100000"),
        CgroupFile("memory", "memory.max", "4096"),
        CgroupFile("hugetlb", "hugetlb.2MB.max", "0"),
    )


@pytest.mark.parametrize(("version", "none"), [(1, {"-1"}), (2, {"max 100000", "max"})])
def test_a_limit_that_is_gone_is_written_as_none(version: int, none: set[str]) -> None:
    written = {file.content for file in cgroup_files(ContainerResources(), version)}

    assert none <= written
