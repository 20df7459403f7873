"""How the containers of a mock pod start, end and start again, on virtual time."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
from msgspec.structs import replace

from vk_core.api.container import EphemeralContainer, ResourceRequirements
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import ContainerStatus, PodStatus
from vk_core.errors import NotFound
from vk_core.testing import make_container, make_context, make_pod, run_in_virtual_time, virtual_time
from vk_mock.provider import MockProvider
from vk_mock.settings import Delays, Ending, MockSettings


class Mock:
    """A mock, one pod in it, and what was told about it."""

    def __init__(self, pod: Pod, **settings: Any) -> None:
        self.pod = pod
        self.provider = MockProvider(make_context(MockSettings(**settings)))
        self.told: list[PodStatus] = []
        self.provider.notify_pods(lambda pod: self.told.append(pod.status))

    @classmethod
    async def running(cls, pod: Pod, **settings: Any) -> Mock:
        mock = cls(pod, **settings)
        await mock.provider.create_pod(pod)
        return mock

    async def status(self) -> PodStatus:
        return await self.provider.get_pod_status(PodKey.of(self.pod))

    async def state_at(self, seconds: float) -> str:
        """The phase and the states of all containers, so many seconds after the pod was created."""
        await asyncio.sleep(seconds - asyncio.get_running_loop().time())
        return describe(await self.status())


def describe(status: PodStatus) -> str:
    return " ".join([status.phase, *map(state, (*status.init_container_statuses, *status.container_statuses))])


def state(status: ContainerStatus) -> str:
    if status.state.terminated:
        return str(status.state.terminated.exit_code)
    return "running" if status.state.running else status.state.waiting.reason if status.state.waiting else "?"


def seconds(number: float) -> dt.timedelta:
    return dt.timedelta(seconds=number)


@virtual_time
async def test_a_container_runs_after_its_image_was_pulled_and_it_was_started() -> None:
    mock = await Mock.running(make_pod(), delays=Delays(pull=seconds(5), start=seconds(2)))
    assert await mock.state_at(6.9) == "Pending ContainerCreating"
    assert await mock.state_at(7) == "Running running"


@virtual_time
async def test_a_pod_is_pending_until_all_of_its_containers_were_started() -> None:
    pod = make_pod(containers=(make_container("one"), make_container("two")))
    mock = await Mock.running(pod, delays=Delays(start=(seconds(1), seconds(100))), seed=1)
    while len(set(states := (await mock.state_at(asyncio.get_running_loop().time() + 1)).split()[1:])) == 1:
        assert "running" not in states
    assert (await mock.status()).phase == "Pending"
    assert await mock.state_at(100) == "Running running running"


@virtual_time
async def test_without_delays_a_pod_is_told_once_when_it_is_created_and_once_when_it_is_deleted() -> None:
    mock = await Mock.running(make_pod())
    assert [describe(status) for status in mock.told] == ["Running running"]
    await mock.provider.delete_pod(mock.pod, 30)
    assert [describe(status) for status in mock.told] == ["Running running", "Succeeded 0"]


def test_a_seed_makes_delays_repeat() -> None:
    async def start_times(seed: int) -> list[float]:
        times: list[float] = []
        mock = Mock(make_pod(), delays=Delays(start=(seconds(1), seconds(100))), seed=seed)
        mock.provider.notify_pods(
            lambda pod: times.append(asyncio.get_running_loop().time()) if pod.status.phase == "Running" else None
        )
        for _ in range(20):
            await mock.provider.create_pod(make_pod())
        await asyncio.sleep(100)
        return times

    first, again, other = (run_in_virtual_time(start_times(seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert len(set(first)) == 20
    assert all(1 <= time <= 100 for time in first)


@virtual_time
async def test_init_containers_run_one_after_the_other_before_the_containers() -> None:
    inits = (make_container("first"), make_container("second"))
    mock = await Mock.running(make_pod(init_containers=inits), delays=Delays(start=seconds(1)))
    assert await mock.state_at(0.5) == "Pending PodInitializing PodInitializing PodInitializing"
    assert await mock.state_at(1.5) == "Pending 0 PodInitializing PodInitializing"
    assert await mock.state_at(2.5) == "Pending 0 0 PodInitializing"
    assert await mock.state_at(3) == "Running 0 0 running"


@virtual_time
async def test_a_pod_that_is_never_restarted_fails_with_its_init_container() -> None:
    pod = make_pod(init_containers=(make_container("first"),), restart_policy="Never")
    mock = await Mock.running(pod, endings=(Ending(container="first", exit_code=7),))
    assert (await mock.status()).phase == "Failed"
    assert state((await mock.status()).init_container_statuses[0]) == "7"


@virtual_time
async def test_an_init_container_that_fails_is_tried_again() -> None:
    pod = make_pod(init_containers=(make_container("first"),))
    mock = await Mock.running(pod, endings=(Ending(container="first", exit_code=7),))
    assert await mock.state_at(1) == "Pending CrashLoopBackOff PodInitializing"


@virtual_time
async def test_a_sidecar_runs_beside_the_containers_and_ends_with_them() -> None:
    pod = make_pod(init_containers=(make_container("proxy", restart_policy="Always"),), restart_policy="Never")
    mock = await Mock.running(pod, endings=(Ending(container="main", after=seconds(5)),))
    assert await mock.state_at(4) == "Running running running"
    assert await mock.state_at(5) == "Succeeded 0 0"


@virtual_time
async def test_a_sidecar_that_ends_is_started_again_without_disturbing_the_containers() -> None:
    pod = make_pod(init_containers=(make_container("proxy", restart_policy="Always"),), restart_policy="Never")
    endings = (Ending(container="proxy", after=seconds(5)), Ending(container="main", after=seconds(12)))
    mock = await Mock.running(pod, endings=endings)
    assert await mock.state_at(6) == "Running running running"
    assert (await mock.status()).init_container_statuses[0].restart_count == 1
    assert await mock.state_at(11) == "Running CrashLoopBackOff running"
    assert await mock.state_at(12) == "Succeeded 0 0"


@pytest.mark.parametrize(
    ("restart_policy", "exit_code", "outcome"),
    [
        pytest.param("Always", 0, "Running CrashLoopBackOff", id="always after success"),
        pytest.param("Always", 1, "Running CrashLoopBackOff", id="always after failure"),
        pytest.param("OnFailure", 0, "Succeeded 0", id="on failure after success"),
        pytest.param("OnFailure", 1, "Running CrashLoopBackOff", id="on failure after failure"),
        pytest.param("Never", 0, "Succeeded 0", id="never after success"),
        pytest.param("Never", 1, "Failed 1", id="never after failure"),
    ],
)
@virtual_time
async def test_the_restart_policy_says_what_follows_an_end(restart_policy: str, exit_code: int, outcome: str) -> None:
    mock = await Mock.running(make_pod(restart_policy=restart_policy), endings=(Ending(exit_code=exit_code),))
    assert await mock.state_at(1) == outcome


@virtual_time
async def test_restarts_come_at_once_then_after_back_off_that_doubles_up_to_five_minutes() -> None:
    starts: dict[int, float] = {}
    mock = Mock(make_pod(), endings=(Ending(after=seconds(1), exit_code=3),))

    def note(pod: Pod) -> None:
        (status,) = pod.status.container_statuses
        if status.state.running:
            starts.setdefault(status.restart_count, asyncio.get_running_loop().time())

    mock.provider.notify_pods(note)
    await mock.provider.create_pod(mock.pod)
    await asyncio.sleep(2000)
    waits = [starts[count + 1] - starts[count] - 1 for count in range(8)]
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300]


@virtual_time
async def test_a_restarted_container_tells_how_it_ended_before() -> None:
    mock = await Mock.running(make_pod(), endings=(Ending(after=seconds(5), exit_code=3),))
    assert await mock.state_at(6) == "Running running"
    (status,) = (await mock.status()).container_statuses
    assert status.restart_count == 1
    assert status.last_state.terminated is not None
    assert status.last_state.terminated.exit_code == 3
    assert status.last_state.terminated.container_id != status.container_id


@virtual_time
async def test_a_changed_image_replaces_the_container_whatever_the_restart_policy() -> None:
    pod = make_pod(restart_policy="Never")
    mock = await Mock.running(pod, delays=Delays(pull=seconds(5)), endings=(Ending(after=seconds(60)),))
    await mock.state_at(10)
    changed = replace(mock.pod, spec=replace(mock.pod.spec, containers=(make_container(image="nginx:2"),)))
    await mock.provider.update_pod(changed)
    assert await mock.state_at(14) == "Running ContainerCreating"
    assert await mock.state_at(15) == "Running running"
    (status,) = (await mock.status()).container_statuses
    assert (status.image, status.restart_count) == ("nginx:2", 1)
    assert await mock.state_at(74) == "Running running"
    assert await mock.state_at(75) == "Succeeded 0"


@virtual_time
async def test_an_image_that_changes_before_the_start_is_the_one_that_starts() -> None:
    mock = await Mock.running(make_pod(), delays=Delays(pull=seconds(5)))
    changed = replace(mock.pod, spec=replace(mock.pod.spec, containers=(make_container(image="nginx:2"),)))
    await mock.provider.update_pod(changed)
    assert await mock.state_at(5) == "Running running"
    (status,) = (await mock.status()).container_statuses
    assert (status.image, status.restart_count, status.last_state.terminated) == ("nginx:2", 0, None)


@virtual_time
async def test_resized_containers_go_on_with_their_new_resources() -> None:
    mock = await Mock.running(make_pod())
    resources = ResourceRequirements(requests={"cpu": "2"})
    changed = replace(mock.pod, spec=replace(mock.pod.spec, containers=(make_container(resources=resources),)))
    await mock.provider.update_pod(changed)
    (status,) = (await mock.status()).container_statuses
    assert (status.resources, status.allocated_resources, status.restart_count) == (resources, {"cpu": "2"}, 0)


@virtual_time
async def test_an_ephemeral_container_joins_a_running_pod() -> None:
    mock = await Mock.running(make_pod())
    debugger = EphemeralContainer(name="debugger", image="busybox")
    await mock.provider.update_pod(replace(mock.pod, spec=replace(mock.pod.spec, ephemeral_containers=(debugger,))))
    assert [state(status) for status in (await mock.status()).ephemeral_container_statuses] == ["running"]


@virtual_time
async def test_a_pod_that_is_active_for_too_long_fails() -> None:
    mock = await Mock.running(make_pod(active_deadline_seconds=60))
    assert await mock.state_at(59) == "Running running"
    assert await mock.state_at(60) == "Failed 137"
    assert (await mock.status()).reason == "DeadlineExceeded"


@virtual_time
async def test_a_pod_that_has_finished_before_its_deadline_stays_as_it_is() -> None:
    pod = make_pod(active_deadline_seconds=60, restart_policy="Never")
    mock = await Mock.running(pod, endings=(Ending(after=seconds(5)),))
    assert await mock.state_at(61) == "Succeeded 0"
    await mock.provider.update_pod(replace(pod, metadata=replace(pod.metadata, labels={"seen": "true"})))
    assert describe(await mock.status()) == "Succeeded 0"
    assert (await mock.status()).reason == ""


@pytest.mark.parametrize(
    ("stop", "grace_period_seconds", "ends_at", "exit_code"),
    [
        pytest.param(5, 30, 5, "0", id="in time"),
        pytest.param(60, 30, 30, "137", id="too slow"),
        pytest.param(60, 0, 0, "137", id="no grace period"),
        pytest.param(0, 0, 0, "0", id="no stop delay"),
    ],
)
@virtual_time
async def test_containers_end_when_they_stop_or_when_the_grace_period_is_over(
    stop: float, grace_period_seconds: int, ends_at: float, exit_code: str
) -> None:
    mock = await Mock.running(make_pod(), delays=Delays(stop=seconds(stop)))
    await mock.provider.delete_pod(mock.pod, grace_period_seconds)
    if ends_at:
        assert await mock.state_at(ends_at - 0.1) == "Running running"
        await asyncio.sleep(0.1)
    with pytest.raises(NotFound):
        await mock.status()
    assert state(mock.told[-1].container_statuses[0]) == exit_code


@pytest.mark.parametrize(("second", "ends_at"), [pytest.param(2, 3, id="shorter"), pytest.param(90, 30, id="longer")])
@virtual_time
async def test_a_second_delete_only_shortens_the_grace_period(second: int, ends_at: float) -> None:
    mock = await Mock.running(make_pod(), delays=Delays(stop=seconds(3600)))
    await mock.provider.delete_pod(mock.pod, 30)
    await mock.state_at(1)
    await mock.provider.delete_pod(mock.pod, second)
    assert await mock.state_at(ends_at - 0.1) == "Running running"
    await asyncio.sleep(0.1)
    assert describe(mock.told[-1]) == "Failed 137"
    await asyncio.sleep(3600)


@virtual_time
async def test_a_pod_that_waits_to_be_started_needs_no_time_to_stop() -> None:
    mock = await Mock.running(make_pod(), delays=Delays(start=seconds(60), stop=seconds(60)))
    await mock.provider.delete_pod(mock.pod, 30)
    assert describe(mock.told[-1]) == "Failed 137"
    assert await mock.provider.get_pods() == []


@virtual_time
async def test_a_pod_that_waits_to_be_started_again_has_ended_as_it_did_last() -> None:
    mock = await Mock.running(make_pod(), endings=(Ending(exit_code=3),), delays=Delays(stop=seconds(60)))
    assert await mock.state_at(1) == "Running CrashLoopBackOff"
    await mock.provider.delete_pod(mock.pod, 30)
    assert describe(mock.told[-1]) == "Failed 3"


@virtual_time
async def test_nothing_starts_again_in_a_pod_that_is_being_deleted() -> None:
    mock = await Mock.running(make_pod(), delays=Delays(stop=seconds(60)), endings=(Ending(after=seconds(5)),))
    await mock.provider.delete_pod(mock.pod, 30)
    await asyncio.sleep(3600)
    assert max(status.container_statuses[0].restart_count for status in mock.told) == 0
