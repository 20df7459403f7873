"""When containers are probed, what their probes add up to, and who is told what."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from msgspec.structs import replace

from tests.engine.probing.scene import Scene, probe, until
from vk_core.api.container import EnvVar, ExecAction, Probe
from vk_core.engine.deciding.memory import ProbeResults
from vk_core.engine.probing.attempts import Subject
from vk_core.engine.probing.outcomes import Outcome, succeeded
from vk_core.testing import make_container, make_pod, virtual_time


@virtual_time
async def test_a_container_is_ready_as_soon_as_its_probe_succeeds_for_the_first_time() -> None:
    scene = Scene(readiness_probe=probe("ready"))
    async with scene.running():
        scene.follow()
        await until(25)
    assert scene.told == [(0, ProbeResults(readiness=True))]
    assert scene.commands.times("ready") == [0, 10, 20]
    assert scene.messages() == []


@virtual_time
async def test_a_container_that_needs_a_moment_is_tried_more_often_at_first_and_nothing_of_it_is_told() -> None:
    scene = Scene(readiness_probe=probe("ready", failure_threshold=1))
    scene.commands.failing.add("ready")
    async with scene.running():
        scene.follow()
        await until(5)
        scene.commands.failing.clear()
        await until(30)
    assert scene.commands.times("ready") == [0, 1, 3, 7, 17, 27]
    assert scene.told == [(7, ProbeResults(readiness=True))]
    assert scene.messages() == []


@virtual_time
async def test_from_the_second_period_on_failures_count_and_are_told() -> None:
    scene = Scene(readiness_probe=probe("ready", period_seconds=5, failure_threshold=2))
    scene.commands.failing.add("ready")
    async with scene.running():
        scene.follow()
        await until(6)
        assert scene.messages() == ["Readiness probe failed: saidno"]
        assert scene.told == []
        await until(16)
    assert scene.told == [(10, ProbeResults(readiness=False))]
    assert scene.messages() == ["Readiness probe failed: saidno"] * 2


@virtual_time
async def test_a_ready_container_is_unready_after_as_many_failures_in_a_row_as_the_threshold_says() -> None:
    scene = Scene(readiness_probe=probe("ready", period_seconds=1, failure_threshold=3, success_threshold=2))
    async with scene.running():
        scene.follow()
        await until(2)
        assert scene.told == [(1, ProbeResults(readiness=True))]
        scene.commands.failing.add("ready")
        await until(4)
        scene.commands.failing.clear()
        await until(5)
        scene.commands.failing.add("ready")
        await until(8)
        scene.commands.failing.clear()
        await until(10)
    assert scene.told[1:] == [(8, ProbeResults(readiness=False)), (10, ProbeResults(readiness=True))]


@virtual_time
async def test_a_container_has_a_whole_period_before_it_is_probed_for_being_alive() -> None:
    scene = Scene(liveness_probe=probe("alive", period_seconds=10, failure_threshold=2))
    async with scene.running():
        scene.follow()
        await until(15)
        scene.commands.failing.add("alive")
        await until(60)
    assert scene.told == [(10, ProbeResults(liveness=True)), (30, ProbeResults(liveness=False))]
    assert scene.commands.times("alive") == [10, 20, 30], "a container that has to be stopped is left alone"
    assert scene.messages() == ["Liveness probe failed: saidno"] * 2


@virtual_time
async def test_other_probes_wait_until_the_container_has_started() -> None:
    scene = Scene(
        startup_probe=probe("up", period_seconds=10),
        liveness_probe=probe("alive", period_seconds=10),
        readiness_probe=probe("ready", period_seconds=10),
    )
    scene.commands.failing.add("up")
    async with scene.running():
        scene.follow()
        await until(25)
        assert {name for _, name in scene.commands.ran} == {"up"}
        scene.commands.failing.clear()
        await until(45)
    assert scene.commands.times("up") == [0, 1, 3, 7, 10, 20, 30], "and are not tried again afterwards"
    assert scene.commands.times("ready") == [30, 40]
    assert scene.commands.times("alive") == [40]
    assert scene.told == [
        (30, ProbeResults(startup=True)),
        (30, ProbeResults(startup=True, readiness=True)),
        (40, ProbeResults(startup=True, liveness=True, readiness=True)),
    ]


@virtual_time
async def test_a_container_has_its_delay_and_as_many_periods_as_the_threshold_says_to_start() -> None:
    scene = Scene(startup_probe=probe("up", initial_delay_seconds=7, period_seconds=2, failure_threshold=3))
    scene.commands.failing.add("up")
    async with scene.running():
        scene.follow()
        await until(60)
    assert scene.commands.times("up") == [7, 8, 9, 11, 13]
    assert scene.told == [(13, ProbeResults(startup=False))]
    assert scene.messages() == ["Startup probe failed: saidno"] * 3


@pytest.mark.parametrize("kind", ["liveness_probe", "readiness_probe"])
def test_the_delay_counts_from_the_start_of_the_process(kind: str) -> None:
    @virtual_time
    async def story() -> None:
        scene = Scene(**{kind: probe("it", initial_delay_seconds=30, period_seconds=3)})
        async with scene.running():
            await until(10)
            scene.follow(started=5)
            await until(39)
        assert scene.commands.times("it")[:2] == [35, 38]

    story()


@virtual_time
async def test_a_container_that_was_ready_before_a_restart_of_virtual_kubelet_remains_so() -> None:
    probes = {"startup_probe": probe("up"), "liveness_probe": probe("alive"), "readiness_probe": probe("ready")}
    scene = Scene(**probes)
    scene.commands.failing.update({"up", "alive", "ready"})
    async with scene.running():
        await until(1000)
        scene.follow(was=ProbeResults(startup=True, readiness=True))
        await until(1020)
        assert scene.told == []
        await until(1032)
    assert scene.commands.times("up") == []
    assert all(1000 <= scene.commands.times(name)[0] < 1010 for name in ("alive", "ready"))
    assert scene.told[-1][1] == ProbeResults(startup=True, liveness=False, readiness=False)


@virtual_time
async def test_nothing_is_told_as_long_as_all_is_as_it_was_before_a_restart_of_virtual_kubelet() -> None:
    scene = Scene(readiness_probe=probe("ready"))
    async with scene.running():
        await until(1000)
        scene.follow(was=ProbeResults(startup=True, readiness=True))
        await until(1030)
    assert len(scene.commands.ran) > 1
    assert scene.told == []


@virtual_time
async def test_after_a_restart_of_virtual_kubelet_probes_do_not_come_all_at_once() -> None:
    first_tries = set()
    for number in range(20):
        scene = Scene(readiness_probe=probe("ready"))
        began = 1000.0 * (number + 1)
        await until(began - 1)
        async with scene.running():
            await until(began)
            scene.follow(was=ProbeResults(readiness=True))
            await until(began + 11)
        first_tries.add(round(scene.commands.times("ready")[0] - began))
    assert len(first_tries) > 3


@virtual_time
async def test_what_is_not_known_after_a_restart_of_virtual_kubelet_is_found_out_at_once() -> None:
    scene = Scene(readiness_probe=probe("ready"), liveness_probe=probe("alive"))
    async with scene.running():
        await until(1000)
        scene.follow()
        await until(1001)
    assert scene.told[0] == (1000.001, ProbeResults(readiness=True))


@virtual_time
async def test_following_a_container_again_changes_nothing() -> None:
    scene = Scene(readiness_probe=probe("ready"))
    async with scene.running():
        for second in range(25):
            scene.follow()
            await until(second)
    assert scene.commands.times("ready") == [0, 10, 20]
    assert len(scene.told) == 1


@virtual_time
async def test_a_container_without_probes_is_not_followed() -> None:
    scene = Scene()
    async with scene.running():
        scene.follow()
        assert scene.prober.results("id") is None
        await until(100)
    assert scene.told == []


@virtual_time
async def test_when_the_pod_is_deleted_only_readiness_is_probed() -> None:
    scene = Scene(liveness_probe=probe("alive", period_seconds=2), readiness_probe=probe("ready", period_seconds=2))
    async with scene.running():
        scene.follow()
        await until(5)
        scene.commands.failing.update({"alive", "ready"})
        scene.delete()
        await until(20)
    assert scene.commands.times("alive") == [2, 4]
    assert scene.told[-1][1] == ProbeResults(liveness=True, readiness=False)


@pytest.mark.parametrize("way", ["deleted", "told"])
def test_a_container_of_a_pod_that_ends_counts_as_started(way: str) -> None:
    @virtual_time
    async def story() -> None:
        scene = Scene(startup_probe=probe("up"), readiness_probe=probe("ready"))
        scene.commands.slow["up"] = 100
        async with scene.running():
            scene.follow()
            await until(0.5)
            if way == "deleted":
                scene.delete()
            else:
                scene.prober.stop_killing(scene.pod.metadata.uid)
            await until(30)
        assert scene.commands.ended == ["up"]
        assert scene.told[:2] == [
            (0.501, ProbeResults(startup=True)),
            (0.501, ProbeResults(startup=True, readiness=True)),
        ]

    story()


@pytest.mark.parametrize("way", ["container", "pod"])
def test_nothing_is_told_of_a_container_that_is_forgotten(way: str) -> None:
    @virtual_time
    async def story() -> None:
        scene = Scene(readiness_probe=probe("ready", timeout_seconds=60))
        scene.commands.slow["ready"] = 5
        async with scene.running():
            scene.follow()
            await until(1)
            if way == "container":
                scene.prober.forget("id")
            else:
                scene.prober.forget_pod(scene.pod.metadata.uid)
            await until(60)
        assert scene.commands.ended == ["ready"]
        assert scene.prober.results("id") is None
        assert scene.told == []
        assert scene.messages() == []

    story()


@virtual_time
async def test_a_probe_that_takes_longer_than_its_period_is_tried_again_at_once_but_not_twice_at_a_time() -> None:
    scene = Scene(liveness_probe=probe("alive", period_seconds=2, timeout_seconds=60))
    scene.commands.slow["alive"] = 5
    async with scene.running():
        scene.follow()
        await until(20)
    assert scene.commands.times("alive") == [2, 7, 12, 17]


@virtual_time
async def test_a_slow_probe_holds_up_no_other() -> None:
    scene = Scene(
        liveness_probe=probe("alive", period_seconds=2, timeout_seconds=60),
        readiness_probe=probe("ready", period_seconds=2),
    )
    scene.commands.slow["alive"] = 50
    async with scene.running():
        scene.follow()
        await until(7)
    assert scene.commands.times("ready") == [0, 2, 4, 6]


@virtual_time
async def test_a_command_that_takes_too_long_has_failed() -> None:
    scene = Scene(liveness_probe=probe("alive", period_seconds=10, timeout_seconds=3, failure_threshold=1))
    scene.commands.slow["alive"] = 4
    async with scene.running():
        scene.follow()
        await until(14)
    assert scene.messages() == ['Liveness probe failed: command timed out: "alive" timed out after 3s']
    assert scene.told == [(13, ProbeResults(liveness=False))]


@virtual_time
async def test_only_the_beginning_of_what_a_command_writes_is_told() -> None:
    scene = Scene(liveness_probe=probe("alive", period_seconds=10))
    scene.commands.failing.add("alive")
    scene.commands.says = b"x" * 20_000
    async with scene.running():
        scene.follow()
        await until(11)
    assert scene.messages() == ["Liveness probe failed: " + "x" * 10_240]


@virtual_time
async def test_a_try_that_goes_wrong_itself_is_repeated_and_then_counts_for_nothing() -> None:
    scene = Scene(liveness_probe=probe("alive", period_seconds=10, failure_threshold=1))
    async with scene.running():
        scene.follow()
        await until(11)
        scene.commands.broken.add("alive")
        await until(21)
    assert scene.commands.times("alive") == [10, 20, 20, 20]
    assert scene.messages() == ["Liveness probe errored and resulted in unknown state: the runtime is away"]
    assert scene.told == [(10, ProbeResults(liveness=True))]


@virtual_time
async def test_a_try_that_goes_wrong_at_first_is_not_told() -> None:
    scene = Scene(readiness_probe=probe("ready"))
    scene.commands.broken.add("ready")
    async with scene.running():
        scene.follow()
        await until(0.5)
        scene.commands.broken.clear()
        await until(2)
    assert scene.messages() == []
    assert scene.told == [(1, ProbeResults(readiness=True))]


@virtual_time
async def test_what_is_due_earlier_than_what_was_waited_for_is_not_late() -> None:
    scene = Scene(liveness_probe=probe("alive", period_seconds=60))
    other = make_container("other", readiness_probe=probe("ready"))
    async with scene.running():
        scene.follow()
        await until(3)
        scene.prober.follow(make_pod(), other, "other", pod_ip="10.0.0.6", started_at=scene.now())
        await until(4)
        scene.prober.forget("other")
    assert scene.commands.ran[0] == (3.001, "ready")


@virtual_time
async def test_a_command_sees_the_variables_that_the_specification_gives_a_value() -> None:
    command = ExecAction(command=("$(TOOL)", "$(OTHER)"))
    scene = Scene(readiness_probe=Probe(exec=command), env=(EnvVar(name="TOOL", value="check"),))
    async with scene.running():
        scene.follow()
        await until(1)
    assert scene.commands.times("check") == [0]


@virtual_time
async def test_a_bug_in_one_probe_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(readiness_probe=probe("ready"), liveness_probe=probe("alive"))
    scene.commands.buggy.add("ready")
    with caplog.at_level(logging.ERROR, "virtual_kubelet.probes"):
        async with scene.running():
            scene.follow()
            await until(11)
    assert scene.told == [(10, ProbeResults(liveness=True))]
    assert "ZeroDivisionError" in caplog.text


@virtual_time
async def test_closing_ends_what_is_under_way() -> None:
    scene = Scene(readiness_probe=probe("ready", timeout_seconds=60))
    scene.commands.slow["ready"] = 50
    async with scene.running():
        scene.follow()
        await until(1)
    assert scene.commands.ended == ["ready"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


@virtual_time
async def test_cancelling_ends_what_is_under_way() -> None:
    scene = Scene(readiness_probe=probe("ready", timeout_seconds=60))
    scene.commands.slow["ready"] = 50
    work = asyncio.create_task(scene.prober.run())
    scene.follow()
    await until(1)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert scene.commands.ended == ["ready"]
    await scene.prober.close()


def test_a_container_is_probed_where_its_pod_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def attempt(_probe: Probe, subject: Subject, _runtime: Any) -> Outcome:
        asked.append((subject.pod_ip, subject.pod.metadata.labels))
        return succeeded()

    @virtual_time
    async def story() -> None:
        scene = Scene(readiness_probe=probe("ready"))
        async with scene.running():
            scene.follow()
            await until(1)
            pod = replace(scene.pod, metadata=replace(scene.pod.metadata, labels={"new": "label"}))
            scene.prober.follow(pod, scene.container, "id", pod_ip="10.0.0.6", started_at=scene.now())
            await until(11)

    monkeypatch.setattr("vk_core.engine.probing.prober.attempt", attempt)
    story()
    assert asked == [("10.0.0.5", {}), ("10.0.0.6", {"new": "label"})]
