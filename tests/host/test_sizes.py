"""How large volumes in memory may be."""

from __future__ import annotations

import pytest

from vk_core.api.container import Container, ResourceRequirements
from vk_core.host.sizes import huge_page_size, memory_size
from vk_core.provider.materials import EmptyDirVolume
from vk_core.testing import make_container, make_pod


def limited(memory: str | None, name: str = "main", **more: str) -> Container:
    limits = ({"memory": memory} if memory else {}) | {key.replace("_", "-"): size for key, size in more.items()}
    return make_container(name, resources=ResourceRequirements(limits=limits))


@pytest.mark.parametrize(
    ("limits", "size_limit", "expected"),
    [
        pytest.param(["1Gi"], 1 << 20, 1 << 20, id="the volume's own limit"),
        pytest.param(["1Mi", "1Mi"], 1 << 30, 2 << 20, id="the memory of all containers"),
        pytest.param(["1Mi", "1Mi"], None, 2 << 20, id="only the containers"),
        pytest.param(["1Mi", None], 1 << 30, 1 << 30, id="a container without a limit"),
        pytest.param([None], None, None, id="nothing"),
    ],
)
def test_a_volume_in_memory_is_limited_by_itself_and_by_the_pod(
    limits: list[str | None], size_limit: int | None, expected: int | None
) -> None:
    pod = make_pod(containers=tuple(limited(limit, f"c{number}") for number, limit in enumerate(limits)))
    assert memory_size(EmptyDirVolume("m", in_memory=True, size_limit_bytes=size_limit), pod) == expected


def test_an_init_container_that_needs_more_raises_the_limit() -> None:
    pod = make_pod(containers=(limited("1Mi"),), init_containers=(limited("4Mi", "init"),))
    assert memory_size(EmptyDirVolume("m", in_memory=True), pod) == 4 << 20


def test_the_limit_of_the_pod_wins() -> None:
    pod = make_pod(containers=(limited(None),), resources=ResourceRequirements(limits={"memory": "3Mi"}))
    assert memory_size(EmptyDirVolume("m", in_memory=True), pod) == 3 << 20


def test_huge_pages_have_the_size_that_the_containers_ask_for() -> None:
    volume = EmptyDirVolume("h", huge_page_bytes=-1)
    assert huge_page_size(volume, make_pod(containers=(limited("1Mi", hugepages_2Mi="4Mi"),))) == 2 << 20
    large = EmptyDirVolume("h", huge_page_bytes=1 << 30)
    both = limited(None, hugepages_2Mi="4Mi", hugepages_1Gi="1Gi")
    assert huge_page_size(large, make_pod(containers=(both,))) == 1 << 30
    with pytest.raises(ValueError, match="not asked for"):
        huge_page_size(large, make_pod(containers=(limited(None, hugepages_2Mi="4Mi"),)))
    for pod in (make_pod(), make_pod(containers=(limited(None, hugepages_2Mi="4Mi", hugepages_1Gi="1Gi"),))):
        with pytest.raises(ValueError, match="pages of one size"):
            huge_page_size(volume, pod)
