"""Quantities become what cgroups say, for containers and for pods as a whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.configuration.making import GIB, host, pod, resources
from vk_core.engine.configuration.resources import (
    container_resources,
    cpu_quota,
    cpu_shares,
    huge_page_limits,
    overhead_resources,
    page_size,
    pod_resources,
    sandbox_resources,
)
from vk_core.testing import make_container

MIB = 2**20


@pytest.mark.parametrize(
    ("milli", "shares"),
    [(0, 2), (1, 2), (2, 2), (100, 102), (250, 256), (1000, 1024), (1500, 1536), (256_000, 262_144), (10**9, 262_144)],
)
def test_shares_of_cpu(milli: int, shares: int) -> None:
    assert cpu_shares(milli) == shares


@pytest.mark.parametrize(
    ("milli", "quota"), [(0, 0), (1, 1000), (9, 1000), (10, 1000), (100, 10_000), (500, 50_000), (2500, 250_000)]
)
def test_quota_of_cpu_in_periods_of_100_ms(milli: int, quota: int) -> None:
    assert cpu_quota(milli, 100_000) == quota


def test_quota_is_that_of_the_period_that_settings_name() -> None:
    config = container_resources(
        limited := pod(make_container(resources=resources(limits={"cpu": "500m"}))),
        limited.spec.containers[0],
        host(cpu_period_microseconds=20_000),
    )

    assert (config.cpu_quota_microseconds, config.cpu_period_microseconds) == (10_000, 20_000)


def test_limits_of_cpu_are_not_enforced_where_settings_say_so() -> None:
    limited = pod(make_container(resources=resources(limits={"cpu": "500m"})))

    config = container_resources(limited, limited.spec.containers[0], host(cpu_quota=False))

    assert (config.cpu_quota_microseconds, config.cpu_period_microseconds) == (0, 0)


@pytest.mark.parametrize(
    ("own", "whole", "expected"),
    [
        pytest.param(resources(), None, (2, 0, 0), id="nothing"),
        pytest.param(resources(cpu="250m", memory="64Mi"), None, (256, 0, 0), id="requests-alone-limit-nothing"),
        pytest.param(resources(limits={"cpu": "500m"}), None, (512, 50_000, 0), id="a-limit-stands-for-the-request"),
        pytest.param(resources(cpu="0", limits={"cpu": "500m"}), None, (2, 50_000, 0), id="a-request-of-zero-is-one"),
        pytest.param(
            resources(cpu="250m", limits={"cpu": "500m", "memory": "128Mi"}), None, (256, 50_000, 128 * MIB), id="both"
        ),
        pytest.param(
            resources(), resources(limits={"cpu": "2", "memory": "1Gi"}), (2048, 200_000, GIB), id="limits-of-the-pod"
        ),
        pytest.param(
            resources(cpu="100m", limits={"memory": "128Mi"}),
            resources(limits={"cpu": "2", "memory": "1Gi"}),
            (102, 200_000, 128 * MIB),
            id="own-limits-before-those-of-the-pod",
        ),
        pytest.param(resources(), resources(cpu="2", memory="1Gi"), (2, 0, 0), id="requests-of-the-pod-limit-nothing"),
    ],
)
def test_a_container_has_its_own_limits_or_those_of_its_pod(own: object, whole: object, expected: object) -> None:
    made = pod(make_container(resources=own), resources=whole)

    config = container_resources(made, made.spec.containers[0], host())

    assert (config.cpu_shares, config.cpu_quota_microseconds, config.memory_limit_bytes) == expected


@pytest.mark.parametrize(
    ("machine", "unified", "swap"),
    [
        pytest.param({"cgroup_version": 2}, {"memory.oom.group": "1"}, 0, id="v2"),
        pytest.param(
            {"cgroup_version": 2, "limits_swap": True},
            {"memory.oom.group": "1", "memory.swap.max": "0"},
            0,
            id="v2-with-swap",
        ),
        pytest.param({"cgroup_version": 2, "kills_single_processes": True}, {}, 0, id="v2-single-processes"),
        pytest.param({"cgroup_version": 1}, {}, 0, id="v1"),
        pytest.param({"cgroup_version": 1, "limits_swap": True}, {}, 64 * MIB, id="v1-with-swap"),
    ],
)
def test_a_container_does_not_swap_and_ends_as_a_whole_without_memory(
    machine: dict[str, Any], unified: dict[str, str], swap: int
) -> None:
    made = pod(make_container(resources=resources(limits={"memory": "64Mi"})))

    config = container_resources(made, made.spec.containers[0], host(**machine))

    assert (config.unified, config.memory_swap_limit_bytes) == (unified, swap)


@pytest.mark.parametrize(
    ("text", "name"), [("2Mi", "2MB"), ("1Gi", "1GB"), ("64Ki", "64KB"), ("1048576Ki", "1GB"), ("0", "0B")]
)
def test_sizes_of_pages_have_the_names_of_the_kernel(text: str, name: str) -> None:
    assert page_size(text) == name


def test_pages_that_are_not_asked_for_are_forbidden() -> None:
    limits = huge_page_limits({"hugepages-2Mi": "8Mi", "cpu": "1"}, ("1GB", "2MB"))

    assert limits == {"1GB": 0, "2MB": 8 * MIB}


def test_pages_of_the_container_come_before_those_of_the_pod() -> None:
    made = pod(
        make_container("own", resources=resources(limits={"hugepages-2Mi": "4Mi"})),
        make_container("none"),
        resources=resources(limits={"hugepages-2Mi": "16Mi"}),
    )
    on = host(huge_page_sizes=("2MB",))

    limits = [container_resources(made, one, on).hugepage_limits_bytes for one in made.spec.containers]

    assert limits == [{"2MB": 4 * MIB}, {"2MB": 16 * MIB}]


FULL = resources(cpu="1", memory="1Gi", limits={"cpu": "1", "memory": "1Gi"})
HALF = resources(cpu="500m", memory="512Mi", limits={"cpu": "1", "memory": "1Gi"})
ASKING = resources(cpu="500m", memory="512Mi")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"containers": [FULL]}, (1024, 100_000, GIB), id="guaranteed"),
        pytest.param({"containers": [HALF, HALF]}, (1024, 200_000, 2 * GIB), id="burstable-with-limits"),
        pytest.param({"containers": [HALF, ASKING]}, (1024, 0, 0), id="one-without-limit-frees-the-pod"),
        pytest.param({"containers": [resources()]}, (2, 0, 0), id="best-effort"),
        pytest.param({"containers": [HALF], "init": [ASKING]}, (512, 0, 0), id="an-init-container-frees-it-too"),
        pytest.param({"containers": [HALF], "init": [FULL]}, (1024, 100_000, GIB), id="the-largest-init-container"),
        pytest.param({"containers": [HALF], "sidecars": [HALF]}, (1024, 200_000, 2 * GIB), id="sidecars-add-up"),
        pytest.param(
            {"containers": [HALF], "sidecars": [HALF], "init": [FULL]},
            (1536, 200_000, 2 * GIB),
            id="init-containers-run-beside-sidecars",
        ),
        pytest.param({"containers": [ASKING], "whole": HALF}, (512, 100_000, GIB), id="limits-of-the-pod-alone"),
        pytest.param(
            {"containers": [HALF], "overhead": {"cpu": "250m", "memory": "1Gi"}},
            (768, 125_000, 2 * GIB),
            id="overhead-on-top",
        ),
        pytest.param(
            {"containers": [ASKING], "overhead": {"cpu": "250m", "memory": "1Gi"}},
            (768, 0, 0),
            id="overhead-makes-no-limit",
        ),
        pytest.param(
            {"containers": [resources(memory="1Gi")], "overhead": {"cpu": "250m"}},
            (256, 0, 0),
            id="overhead-is-a-request-of-its-own",
        ),
        pytest.param(
            {"containers": [resources(limits={"memory": "1Gi"})], "whole": resources(cpu="0")},
            (2, 0, 0),
            id="best-effort-as-a-whole",
        ),
        pytest.param(
            {"containers": [resources()], "overhead": {"cpu": "250m"}}, (2, 0, 0), id="best-effort-whatever-overhead"
        ),
    ],
)
def test_the_cgroup_of_a_pod_limits_its_containers_together(fields: dict[str, Any], expected: object) -> None:
    containers, init, sidecars = (fields.get(kind, []) for kind in ("containers", "init", "sidecars"))
    made = pod(
        *(make_container(f"app{index}", resources=one) for index, one in enumerate(containers)),
        init_containers=(
            *(make_container(f"side{i}", resources=one, restart_policy="Always") for i, one in enumerate(sidecars)),
            *(make_container(f"init{i}", resources=one) for i, one in enumerate(init)),
        ),
        resources=fields.get("whole"),
        overhead=fields.get("overhead", {}),
    )

    config = pod_resources(made, host())

    assert (config.cpu_shares, config.cpu_quota_microseconds, config.memory_limit_bytes) == expected


def test_what_a_sandbox_is_told_has_its_overhead_apart() -> None:
    made = pod(make_container(resources=HALF), overhead={"cpu": "250m", "memory": "1Gi"})

    apart, overhead = sandbox_resources(made, host()), overhead_resources(made, host())

    assert (apart.cpu_shares, apart.cpu_quota_microseconds, apart.memory_limit_bytes) == (512, 100_000, GIB)
    assert overhead is not None
    assert (overhead.cpu_shares, overhead.cpu_quota_microseconds, overhead.memory_limit_bytes) == (256, 25_000, GIB)
    assert overhead_resources(pod(), host()) is None


@given(st.integers(0, 10**12), st.integers(1000, 1_000_000))
def test_whatever_is_asked_for_the_kernel_takes_it(milli: int, period: int) -> None:
    assert 2 <= cpu_shares(milli) <= 262_144
    assert cpu_quota(milli, period) == 0 or cpu_quota(milli, period) >= 1000
