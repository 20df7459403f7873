"""Media and limits of `emptyDir` volumes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.facts import facts_of, lookup_of, volume_of
from vk_core.api.volumes import Volume
from vk_core.materials.objects import PodFacts
from vk_core.materials.volumes.content import volume_content
from vk_core.provider.materials import EmptyDirVolume

MI = 1024 * 1024


def empty_dir_of(volume: Volume, facts: PodFacts | None = None) -> EmptyDirVolume:
    content = volume_content(volume, facts or facts_of(), lookup_of(), {}, {}).content
    assert isinstance(content, EmptyDirVolume)
    return content


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param({}, EmptyDirVolume("v"), id="plain"),
        pytest.param({"sizeLimit": "1.5Gi"}, EmptyDirVolume("v", size_limit_bytes=1536 * MI), id="limit"),
        pytest.param({"sizeLimit": "0"}, EmptyDirVolume("v"), id="zero is no limit"),
        pytest.param({"medium": "Memory"}, EmptyDirVolume("v", in_memory=True), id="memory"),
        pytest.param({"medium": "HugePages"}, EmptyDirVolume("v", huge_page_bytes=-1), id="huge pages of any size"),
        pytest.param(
            {"medium": "HugePages-2Mi"}, EmptyDirVolume("v", huge_page_bytes=2 * MI), id="huge pages of 2 MiB"
        ),
    ],
)
def test_medium_and_limit(source: dict[str, Any], expected: EmptyDirVolume) -> None:
    asking = facts_of({"containers": [{"name": "a", "resources": {"limits": {"hugepages-2Mi": "4Mi"}}}]})
    assert empty_dir_of(volume_of(emptyDir=source), asking) == expected


def test_a_volume_without_a_source_is_an_empty_directory() -> None:
    assert empty_dir_of(Volume(name="v")) == EmptyDirVolume("v")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param({"medium": "HugePages-x"}, "unknown storage medium 'HugePages-x'", id="size"),
        pytest.param({"medium": "HugePages-0"}, "unknown storage medium 'HugePages-0'", id="nothing"),
        pytest.param({"medium": "HugePages"}, "no container of the pod asks for huge pages", id="nobody asks"),
        pytest.param({"medium": "Disk"}, "unknown storage medium 'Disk'", id="medium"),
        pytest.param({"sizeLimit": "much"}, "'much' is not a quantity", id="limit"),
    ],
)
def test_what_the_api_does_not_allow_is_refused(source: dict[str, Any], words: str) -> None:
    content = volume_content(volume_of(emptyDir=source), facts_of(), lookup_of(), {}, {})
    assert content.content is None
    assert words in content.missing


def container(name: str, memory: str = "", **fields: Any) -> dict[str, Any]:
    return {"name": name, "resources": {"limits": {"memory": memory} if memory else {}}, **fields}


@pytest.mark.parametrize(
    ("spec", "size_limit", "expected_mib"),
    [
        pytest.param({"containers": [container("a")]}, None, 1024, id="no limit: what pods may use of the node"),
        pytest.param({"containers": [container("a", "64Mi"), container("b")]}, None, 1024, id="one without a limit"),
        pytest.param({"containers": [container("a", "64Mi"), container("b", "8Mi")]}, None, 72, id="sum of containers"),
        pytest.param({"containers": [container("a", "64Mi")]}, "16Mi", 16, id="own limit"),
        pytest.param({"containers": [container("a", "64Mi")]}, "96Mi", 64, id="own limit above the pod's"),
        pytest.param({"containers": [container("a", "4Gi")]}, None, 1024, id="more than the node has"),
        pytest.param(
            {
                "containers": [container("a")],
                "resources": {"limits": {"memory": "32Mi"}},
                "overhead": {"memory": "1Mi"},
            },
            None,
            33,
            id="limit of the pod, and overhead",
        ),
        pytest.param(
            {
                "initContainers": [container("s", "10Mi", restartPolicy="Always"), container("i", "100Mi")],
                "containers": [container("a", "50Mi")],
                "overhead": {"memory": "1Mi"},
            },
            None,
            111,
            id="init container beside a sidecar, and overhead",
        ),
    ],
)
def test_a_directory_in_memory_is_no_larger_than_what_the_pod_may_use(
    spec: dict[str, Any], size_limit: str | None, expected_mib: int
) -> None:
    facts = facts_of(spec, allocatable={"memory": "1Gi"})
    volume = volume_of(emptyDir={"medium": "Memory", "sizeLimit": size_limit})
    assert empty_dir_of(volume, facts).size_limit_bytes == expected_mib * MI
