"""How containers live: in what order they start, when they start again, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from vk_core.api.container import Container, EnvVar, EphemeralContainer
from vk_core.api.podstatus import ContainerStatus, PodStatus
from vk_core.errors import InvalidInput, Unavailable
from vk_core.testing import make_container, make_context, make_pod
from vk_process.provider import ProcessProvider
from vk_process.settings import ProcessSettings

from .conftest import Machine, until_gone

Describe = Callable[[Sequence[ContainerStatus]], list[str]]
IGNORES_SIGTERM = ("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
ENDS_ON_SIGTERM = ("sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done")


def shell(name: str, script: str, **fields: Any) -> Container:
    return make_container(name, command=("sh", "-c", script), **fields)


def first(status: PodStatus) -> ContainerStatus:
    return status.container_statuses[0]


async def test_init_containers_run_one_after_the_other_before_the_rest(machine: Machine) -> None:
    pod = make_pod(
        init_containers=(shell("a", "sleep 0.1; date +%s.%N"), shell("b", "date +%s.%N")),
        containers=(shell("main", "date +%s.%N"),),
        restart_policy="Never",
    )
    await machine.provider.create_pod(pod)
    assert (await machine.ended()).phase == "Succeeded"
    times = [await machine.log(pod, container=name) for name in ("a", "b", "main")]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("policy", "phase"), [pytest.param("Never", "Failed", id="for good"), pytest.param("Always", "Pending", id="again")]
)
async def test_an_init_container_that_fails_holds_up_the_rest(machine: Machine, policy: str, phase: str) -> None:
    pod = make_pod(init_containers=(shell("a", "exit 1"),), restart_policy=policy)
    await machine.provider.create_pod(pod)
    status = await machine.until(
        lambda status: status.init_container_statuses[0].restart_count == 1 or status.phase == "Failed"
    )
    assert (status.phase, first(status).state.waiting is not None) == (phase, True)


async def test_a_sidecar_runs_beside_the_rest_and_ends_after_it(machine: Machine, states: Describe) -> None:
    sidecar = make_container("side", command=("sleep", "3600"), restart_policy="Always")
    pod = make_pod(init_containers=(sidecar,), containers=(shell("main", "sleep 0.1"),), restart_policy="Never")
    await machine.provider.create_pod(pod)
    status = await machine.until(lambda status: status.phase == "Running")
    assert states(status.init_container_statuses) == ["running"]
    status = await machine.until(lambda status: states(status.init_container_statuses) == ["143"])
    assert (status.phase, states(status.container_statuses)) == ("Succeeded", ["0"])


@pytest.mark.parametrize(
    ("policy", "exit_code", "restarts"),
    [
        pytest.param("Always", 0, True, id="always"),
        pytest.param("OnFailure", 1, True, id="on failure"),
        pytest.param("OnFailure", 0, False, id="no failure"),
        pytest.param("Never", 1, False, id="never"),
    ],
)
async def test_the_restart_policy_decides_whether_a_container_starts_again(
    machine: Machine, policy: str, exit_code: int, restarts: bool
) -> None:
    await machine.create("sh", "-c", f"exit {exit_code}", pod={"restart_policy": policy})
    status = await machine.until(
        lambda status: first(status).restart_count == 1 or status.phase in {"Succeeded", "Failed"}
    )
    assert (first(status).restart_count == 1) is restarts
    ended = first(status).last_state.terminated if restarts else first(status).state.terminated
    assert ended
    assert ended.exit_code == exit_code


async def test_a_container_that_fails_again_backs_off_and_shows_its_last_log(machine: Machine) -> None:
    pod = await machine.create("sh", "-c", "echo $$$$; exit 1", pod={"restart_policy": "Always"})
    status = await machine.until(
        lambda status: first(status).restart_count == 1 and first(status).state.waiting is not None
    )
    waiting = first(status).state.waiting
    assert waiting
    assert (waiting.reason, status.phase) == ("CrashLoopBackOff", "Running")
    assert await machine.log(pod, previous=True) == await machine.log(pod)
    await machine.provider.delete_pod(pod, 0)
    await machine.until(lambda status: first(status).state.terminated is not None)


async def test_the_log_before_a_restart_is_the_previous_one(machine: Machine) -> None:
    script = "test -e here && exec sleep 3600; touch here; echo first; exit 1"
    folder = machine.folder / "work"
    folder.mkdir()
    pod = await machine.create("sh", "-c", script, working_dir=str(folder))
    await machine.until(lambda status: first(status).restart_count == 1 and status.phase == "Running")
    assert await machine.log(pod, previous=True) == b"first\n"
    assert await machine.log(pod) == b""
    (folder / "here").unlink()
    folder.rmdir()


@pytest.mark.parametrize(
    ("command", "grace_period_seconds", "exit_code"),
    [
        pytest.param(ENDS_ON_SIGTERM, 60, 5, id="in time"),
        pytest.param(IGNORES_SIGTERM, 1, 137, id="too slow"),
        pytest.param(ENDS_ON_SIGTERM, 0, None, id="no grace period"),
    ],
)
async def test_a_deleted_pod_is_asked_to_end_and_killed_when_its_time_is_over(
    machine: Machine, command: tuple[str, ...], grace_period_seconds: int, exit_code: int | None
) -> None:
    pod = await machine.running(*command)
    await asyncio.wait_for(machine.log(pod, follow=True, limit_bytes=1), 10)
    await machine.provider.delete_pod(pod, grace_period_seconds)
    status = await machine.until(lambda status: first(status).state.terminated is not None)
    terminated = first(status).state.terminated
    assert terminated
    assert terminated.exit_code in ({5, 137} if exit_code is None else {exit_code})


async def test_what_a_process_leaves_behind_ends_with_it(machine: Machine) -> None:
    pod = await machine.create("sh", "-c", "sleep 3600 & echo $!", pod={"restart_policy": "Never"})
    await machine.ended()
    (left,) = (await machine.log(pod)).split()
    await until_gone(left)


async def test_a_program_that_is_not_there_cannot_start(machine: Machine) -> None:
    await machine.create("no-such-program", pod={"restart_policy": "Never"})
    terminated = first(await machine.ended()).state.terminated
    assert terminated
    assert (terminated.exit_code, terminated.reason) == (128, "StartError")
    assert terminated.message == "cannot start no-such-program: executable file not found"


async def test_a_pod_that_is_active_for_too_long_fails(machine: Machine) -> None:
    await machine.create(
        "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done", pod={"active_deadline_seconds": 1}
    )
    status = await machine.ended()
    assert (status.phase, status.reason) == ("Failed", "DeadlineExceeded")


async def test_a_changed_image_starts_the_container_again(machine: Machine) -> None:
    pod = await machine.running("sh", "-c", "exec sleep 3600")
    changed = replace(pod, spec=replace(pod.spec, containers=(replace(pod.spec.containers[0], image="other"),)))
    await machine.provider.update_pod(changed)
    status = await machine.until(lambda status: first(status).image == "other")
    assert first(status).restart_count == 1


async def test_an_ephemeral_container_runs_once(machine: Machine) -> None:
    pod = await machine.running()
    debugger = EphemeralContainer(name="debugger", command=("sh", "-c", "exit 3"))
    await machine.provider.update_pod(replace(pod, spec=replace(pod.spec, ephemeral_containers=(debugger,))))
    status = await machine.until(
        lambda status: any(one.state.terminated for one in status.ephemeral_container_statuses)
    )
    assert status.phase == "Running"


async def test_environment_and_command_are_expanded(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of virtual-kubelet")
    variables = (EnvVar(name="NAME", value="web"), EnvVar(name="GREETING", value="hello $(NAME)"))
    pod = await machine.create(
        "sh",
        "-c",
        'echo "$0, $GREETING, ${SECRET-nothing}, $HOSTNAME"',
        "$(NAME)",
        env=variables,
        working_dir="/",
        pod={"restart_policy": "Never"},
    )
    await machine.ended()
    assert await machine.log(pod) == b"web, hello web, nothing, web\n"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({"command": ()}, r"spec.containers\[main\].command: required", id="no command"),
    ],
)
async def test_what_a_process_cannot_have_is_refused(machine: Machine, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        await machine.provider.create_pod(make_pod(containers=(make_container(**fields),)))
    assert await machine.provider.get_pods() == []


async def test_a_folder_that_is_not_there_is_said_at_the_start() -> None:
    provider = ProcessProvider(make_context(ProcessSettings(folder="/no/such/folder")))
    with pytest.raises(Unavailable, match=r"^folder: cannot make a folder for logs: .*/no/such/folder"):
        await provider.start()


async def test_the_node_offers_what_the_settings_say() -> None:
    provider = ProcessProvider(make_context(ProcessSettings(cpu="2", memory="1Gi", pods="7")))
    assert await provider.capacity() == {"cpu": "2", "memory": "1Gi", "pods": "7"}
