"""What the mock does beside running containers: rules, failures, addresses, and leaving nothing behind."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.errors import InvalidInput, SettingsError, Unavailable
from vk_core.plugin.settings import load_settings
from vk_core.provider import PROVIDER_API
from vk_core.testing import make_container, make_context, make_pod, virtual_time
from vk_mock import PROVIDER
from vk_mock.endings import annotated_ending
from vk_mock.pods import MockPod
from vk_mock.provider import MockProvider
from vk_mock.settings import Capacity, Ending, Failures, MockSettings


def make_mock(**settings: Any) -> MockProvider:
    return MockProvider(make_context(MockSettings(**settings)))


async def phase(mock: MockProvider, pod: Pod) -> str:
    await mock.create_pod(pod)
    return (await mock.get_pod_status(PodKey.of(pod))).phase


@pytest.mark.parametrize(
    ("ending", "matches"),
    [
        pytest.param(Ending(), True, id="no pattern"),
        pytest.param(Ending(image="registry/job:*"), True, id="image"),
        pytest.param(Ending(image="nginx"), False, id="other image"),
        pytest.param(Ending(container="m?in"), True, id="container"),
        pytest.param(Ending(container="init"), False, id="other container"),
        pytest.param(Ending(labels={"kind": "batch-[0-9]"}), True, id="label"),
        pytest.param(Ending(labels={"kind": "web"}), False, id="other label"),
        pytest.param(Ending(labels={"missing": "*"}), False, id="missing label"),
        pytest.param(Ending(annotations={"team": "blue"}), True, id="annotation"),
        pytest.param(Ending(image="registry/*", annotations={"team": "red"}), False, id="only one of two"),
    ],
)
async def test_an_ending_holds_for_the_containers_that_all_of_its_patterns_match(ending: Ending, matches: bool) -> None:
    pod = make_pod(
        labels={"kind": "batch-1"},
        annotations={"team": "blue"},
        containers=(make_container(image="registry/job:1"),),
        restart_policy="Never",
    )
    assert await phase(make_mock(endings=(ending,)), pod) == ("Succeeded" if matches else "Running")


async def test_the_first_ending_that_matches_counts() -> None:
    mock = make_mock(endings=(Ending(image="busybox:*", exit_code=1), Ending(exit_code=0)))
    assert await phase(mock, make_pod(restart_policy="Never")) == "Failed"


@virtual_time
async def test_annotations_say_how_a_pod_ends() -> None:
    annotations = {"mock.virtual-kubelet.io/exit-code": "3", "mock.virtual-kubelet.io/exit-after": "1m30s"}
    mock, pod = make_mock(), make_pod(annotations=annotations, restart_policy="Never")
    assert await phase(mock, pod) == "Running"
    await asyncio.sleep(89)
    assert (await mock.get_pod_status(PodKey.of(pod))).phase == "Running"
    await asyncio.sleep(1)
    assert (await mock.get_pod_status(PodKey.of(pod))).phase == "Failed"


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        pytest.param({"exit-code": "256"}, "exit-code: expected a number from 0 to 255, got '256'", id="too large"),
        pytest.param({"exit-code": "-1"}, "exit-code: expected a number from 0 to 255, got '-1'", id="negative"),
        pytest.param({"exit-code": "0", "exit-after": "soon"}, "exit-after: expected a duration", id="not a duration"),
    ],
)
async def test_annotations_that_say_nothing_make_a_pod_impossible(annotations: dict[str, str], message: str) -> None:
    pod = make_pod(annotations={f"mock.virtual-kubelet.io/{key}": text for key, text in annotations.items()})
    mock = make_mock()
    with pytest.raises(InvalidInput, match=message):
        await mock.create_pod(pod)
    assert await mock.get_pods() == []


def test_a_pod_without_annotations_has_no_ending_of_its_own() -> None:
    assert annotated_ending(make_pod()) is None


async def test_calls_fail_at_the_rates_of_the_settings() -> None:
    mock = make_mock(failures=Failures(create=0.5, ping=1), seed=1)
    failed = 0
    for _ in range(200):
        try:
            await mock.create_pod(make_pod())
        except Unavailable:
            failed += 1
    assert 70 <= failed <= 130
    assert len(await mock.get_pods()) == 200 - failed
    with pytest.raises(Unavailable):
        await mock.ping()


async def test_a_delete_that_fails_leaves_the_pod_running() -> None:
    mock, pod = make_mock(failures=Failures(delete=1)), make_pod()
    await mock.create_pod(pod)
    with pytest.raises(Unavailable):
        await mock.delete_pod(pod, 0)
    assert (await mock.get_pod_status(PodKey.of(pod))).phase == "Running"


async def test_every_pod_has_an_address_of_its_own_until_there_are_none_left() -> None:
    mock, pods = make_mock(pod_cidr="10.1.2.0/29"), [make_pod(f"web-{index}") for index in range(7)]
    for pod in pods[:6]:
        await mock.create_pod(pod)
    assert [pod.status.pod_ip for pod in await mock.get_pods()] == [f"10.1.2.{host}" for host in range(1, 7)]
    with pytest.raises(Unavailable, match=r"10\.1\.2\.0/29"):
        await mock.create_pod(pods[6])
    await mock.delete_pod(pods[2], 0)
    await mock.delete_pod(pods[0], 0)
    await mock.create_pod(pods[6])
    assert (await mock.get_pod_status(PodKey.of(pods[6]))).pod_ip == "10.1.2.3"


async def test_pods_that_are_gone_leave_nothing_behind() -> None:
    mock = make_mock(pod_cidr="10.1.2.0/29")
    others = alive()
    for _ in range(100):
        pod = make_pod()
        await mock.create_pod(pod)
        await mock.delete_pod(pod, 30)
    assert alive() <= others


def alive() -> int:
    """How many pods there are in memory, those of other tests included."""
    gc.collect()
    return sum(isinstance(one, MockPod) for one in gc.get_objects())


@virtual_time
async def test_nothing_happens_any_more_after_close() -> None:
    told: list[Pod] = []
    mock = make_mock(endings=(Ending(exit_code=1),))
    mock.notify_pods(told.append)
    await mock.create_pod(make_pod())
    await mock.close()
    before = len(told)
    await asyncio.sleep(3600)
    assert len(told) == before


async def test_capacity_is_that_of_the_settings() -> None:
    mock = make_mock(capacity=Capacity(cpu="4", other={"nvidia.com/gpu": "8"}))
    assert await mock.capacity() == {"cpu": "4", "memory": "4Ti", "pods": "20000", "nvidia.com/gpu": "8"}


def test_the_plugin_was_written_for_this_version_of_the_interface() -> None:
    assert PROVIDER.api == PROVIDER_API


def test_settings_have_defaults_for_everything() -> None:
    assert load_settings("mock", PROVIDER, None) == MockSettings()


def test_all_settings_can_be_set(tmp_path: Path) -> None:
    file = tmp_path / "mock.toml"
    file.write_text(EVERYTHING)
    settings = load_settings("mock", PROVIDER, file)
    assert settings.capacity.other == {"nvidia.com/gpu": "8"}
    assert [ending.exit_code for ending in settings.endings] == [1, 0]
    assert settings.seed == 42


EVERYTHING = """
pod_cidr = "fd00:10::/64"
seed = 42

[capacity]
cpu = 20
memory = "100Gi"
pods = 500
other = {"nvidia.com/gpu" = 8}

[delays]
pull = ["500ms", "2s"]
start = "100ms"
stop = 1.5

[[endings]]
labels = {app = "broken"}
after = ["1s", "1m"]
exit_code = 1

[[endings]]
image = "*/job:*"
after = "10s"

[logs]
lines = ["{pod}: request {number}"]
lines_per_second = 2.5

[usage]
cpu = "10m"
memory = "32Mi"

[failures]
create = 0.01
delete = 0.01
ping = 0.001
"""


def test_mistakes_in_the_settings_are_reported_with_what_was_expected(tmp_path: Path) -> None:
    file = tmp_path / "mock.toml"
    file.write_text('pod_cidr = "10.0.0.1/8"\n[delays]\nstart = ["3s", "1s"]\n')
    with pytest.raises(SettingsError) as caught:
        load_settings("mock", PROVIDER, file)
    pod_cidr, start = sorted(caught.value.problems, reverse=True)
    assert pod_cidr.startswith(f"{file}: pod_cidr: expected a CIDR such as 10.88.0.0/16")
    assert start == f"{file}: delays.start: expected the shorter time first"
