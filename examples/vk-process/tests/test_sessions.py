"""People at a container: commands in it, its process, and what is left when they have gone."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
from typing import Any

import pytest

from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.errors import InvalidInput, NotFound, Unavailable
from vk_core.testing import ContainerClient, make_container, make_pod

from .conftest import SECONDS, Machine, children, until_gone


def start(machine: Machine, pod: Pod, client: ContainerClient, *command: str) -> asyncio.Task[int]:
    return asyncio.create_task(machine.exec(pod, *command, client=client))


async def seen(client: ContainerClient, text: bytes) -> None:
    async with asyncio.timeout(SECONDS):
        await client.until_seen(text)


async def test_the_two_outputs_stay_apart(machine: Machine) -> None:
    client = ContainerClient()
    assert await machine.exec(await machine.running(), "sh", "-c", "echo out; echo err >&2", client=client) == 0
    assert (client.output, client.error_output) == (b"out\n", b"err\n")


async def test_output_that_nobody_wants_is_thrown_away(machine: Machine) -> None:
    client = ContainerClient(stdout=False, stderr=False)
    assert await machine.exec(await machine.running(), "head", "-c", "1000000", "/dev/zero", client=client) == 0


async def test_a_broken_pipe_ends_a_command_as_in_a_shell(machine: Machine) -> None:
    client = ContainerClient()
    assert await machine.exec(await machine.running(), "sh", "-c", "yes | head -n 1", client=client) == 0
    assert (client.output, client.error_output) == (b"y\n", b"")


@pytest.mark.parametrize("code", [0, 1, 137, 255])
async def test_exit_codes_are_those_of_the_command(machine: Machine, code: int) -> None:
    assert await machine.exec(await machine.running(), "sh", "-c", f"exit {code}") == code


async def test_a_signal_counts_as_128_and_its_number(machine: Machine) -> None:
    assert await machine.exec(await machine.running(), "sh", "-c", "kill -KILL $$") == 128 + signal.SIGKILL


async def test_commands_run_where_the_container_runs(machine: Machine) -> None:
    client = ContainerClient()
    pod = await machine.running(working_dir="/usr")
    assert await machine.exec(pod, "pwd", client=client) == 0
    assert client.output == b"/usr\n"


async def test_a_terminal_is_one_and_changes_its_size(machine: Machine) -> None:
    client = ContainerClient(stdin=True, tty=True)
    client.resize(120, 40)
    script = "trap 'stty size' WINCH; tty && test -t 2 && stty -echo && echo ready; while read _; do stty size; done"
    shell = start(machine, await machine.running(), client, "sh", "-c", f"{script}; exit 4")
    await seen(client, b"ready")
    client.send(b"\n")
    await seen(client, b"40 120\r\n")
    client.resize(80, 24)
    await seen(client, b"24 80\r\n")
    client.end()
    assert await shell == 4
    assert re.match(rb"/dev/pts/\d+\r\n", client.output)


async def test_ctrl_c_reaches_the_command_in_a_terminal(machine: Machine) -> None:
    client = ContainerClient(stdin=True, tty=True)
    shell = start(machine, await machine.running(), client, "sh", "-c", "echo ready; exec sleep 3600")
    await seen(client, b"ready")
    client.send(b"\x03")
    assert await shell == 128 + signal.SIGINT


async def test_a_shell_in_a_terminal_controls_jobs(machine: Machine) -> None:
    client = ContainerClient(stdin=True, tty=True)
    shell = start(machine, await machine.running(), client, "bash", "--norc", "--noprofile", "-i")
    client.send(b"sleep 3600\n\x1a")
    client.send(b"jobs | sed s/sleep/SLEEP/; exit 7\n")
    client.send(b"exit 7\n")
    assert await asyncio.wait_for(shell, SECONDS) == 7
    assert b"no job control" not in client.output


async def test_input_that_is_not_read_does_not_hold_up_a_command(machine: Machine) -> None:
    client = ContainerClient(stdin=True)
    client.send(bytes(1_000_000))
    assert await machine.exec(await machine.running(), "sh", "-c", "exec <&-; sleep 0.5", client=client) == 0
    assert client.unread == 0


async def test_what_a_command_leaves_behind_does_not_hold_it_up(machine: Machine) -> None:
    client = ContainerClient()
    assert await machine.exec(await machine.running(), "sh", "-c", "sleep 3600 & echo $!", client=client) == 0
    await until_gone(client.output)


async def test_a_command_that_leaves_its_group_does_not_hold_it_up(machine: Machine) -> None:
    client = ContainerClient()
    code = await machine.exec(
        await machine.running(), "sh", "-c", "setsid sh -c 'echo $$; exec sleep 3600' & sleep 0.3", client=client
    )
    assert code == 0
    os.kill(int(client.output), signal.SIGKILL)


@pytest.mark.parametrize("tty", [pytest.param(False, id="pipes"), pytest.param(True, id="terminal")])
async def test_a_command_and_its_children_die_with_their_client(machine: Machine, tty: bool) -> None:
    client = ContainerClient(stdin=True, tty=tty)
    script = "trap '' TERM HUP INT; sleep 3600 & echo $! $$; wait"
    running = start(machine, await machine.running(), client, "sh", "-c", script)
    await seen(client, b"\n")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    for pid in client.output.split():
        await until_gone(pid)


async def test_a_command_ends_with_its_container(machine: Machine) -> None:
    pod, client = await machine.running(), ContainerClient()
    running = start(machine, pod, client, "sh", "-c", "echo ready; exec sleep 3600")
    await seen(client, b"ready")
    await machine.provider.delete_pod(pod, 0)
    assert await running == 137


async def test_a_command_that_is_not_there_is_named(machine: Machine) -> None:
    with pytest.raises(InvalidInput, match=r"^cannot start no-such-program: executable file not found$"):
        await machine.exec(await machine.running(), "no-such-program")


async def test_nothing_runs_in_a_container_that_does_not(machine: Machine) -> None:
    pod = await machine.create("true", pod={"restart_policy": "Never"})
    await machine.ended()
    with pytest.raises(NotFound, match=r'^container "main" in pod "web" is not running$'):
        await machine.exec(pod, "true")


async def test_commands_leave_no_task_descriptor_or_process(machine: Machine) -> None:
    pod = await machine.running()
    await machine.exec(pod, "true")
    before = (len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()), children())  # noqa: PTH208
    for _ in range(10):
        clients = [ContainerClient(stdin=True, tty=tty) for tty in (False, True)]
        assert await asyncio.gather(*(machine.exec(pod, "true", client=client) for client in clients)) == [0, 0]
    await asyncio.sleep(0)
    assert (len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()), children()) == before  # noqa: PTH208


@pytest.mark.parametrize("missing", ["os.pipe", "os.openpty", "os.dup", "os.pidfd_open"])
async def test_a_machine_that_has_nothing_left_says_so(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    pod = await machine.running()
    await machine.exec(pod, "true")
    before = (os.listdir("/proc/self/fd"), children())  # noqa: PTH208
    calls = iter([None] if missing == "os.pipe" else [])  # the second pipe is the one that fails
    real = getattr(os, missing.removeprefix("os."))

    def fail(*arguments: Any) -> Any:
        for _ in calls:
            return real(*arguments)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(missing, fail)
    with pytest.raises(Unavailable, match=r"Too many open files$"):
        await machine.exec(pod, "sleep", "3600", client=ContainerClient(tty=missing != "os.pipe"))
    assert (os.listdir("/proc/self/fd"), children()) == before  # noqa: PTH208


async def test_a_container_whose_log_cannot_be_opened_does_not_start(machine: Machine) -> None:
    pod = make_pod(containers=(make_container("a" * 250),), restart_policy="Never")  # no name for a file
    await machine.provider.create_pod(pod)
    terminated = (await machine.ended()).container_statuses[0].state.terminated
    assert terminated
    assert (terminated.reason, terminated.message[:26]) == ("StartError", "a log cannot be opened: [E")


async def test_a_large_input_comes_back_whole(machine: Machine) -> None:
    client, sent = ContainerClient(stdin=True), os.urandom(20_000_000)
    client.send(sent)
    client.end()
    assert await machine.exec(await machine.running(), "cat", client=client) == 0
    assert client.output == sent


def attach(machine: Machine, pod: Pod, client: ContainerClient) -> asyncio.Task[None]:
    return asyncio.create_task(machine.provider.attach_to_container(PodKey.of(pod), "main", client.io))


async def test_the_input_of_a_container_ends_with_its_first_client_if_it_says_so(machine: Machine) -> None:
    pod = await machine.running("sh", "-c", "cat; exit 3", stdin=True, stdin_once=True)
    client = ContainerClient(stdin=True)
    attached = attach(machine, pod, client)
    client.send(b"hello")
    await seen(client, b"hello")
    client.end()
    await attached
    status = await machine.until(lambda status: status.container_statuses[0].last_state.terminated is not None)
    terminated = status.container_statuses[0].last_state.terminated
    assert terminated
    assert terminated.exit_code == 3


async def test_the_input_of_a_container_outlives_its_clients_otherwise(machine: Machine) -> None:
    pod = await machine.running("cat", stdin=True)
    for text in (b"first", b"second"):
        client = ContainerClient(stdin=True)
        attached = attach(machine, pod, client)
        client.send(text)
        client.end()
        await seen(client, text)
        attached.cancel()
        await asyncio.wait([attached])


async def test_all_who_are_attached_see_what_the_process_writes(machine: Machine) -> None:
    pod = await machine.running("cat", stdin=True)
    clients = [ContainerClient(stdin=True) for _ in range(3)]
    attached = [attach(machine, pod, client) for client in clients]
    await asyncio.sleep(0)
    clients[0].send(b"hello")
    await asyncio.gather(*(seen(client, b"hello") for client in clients))
    await machine.provider.delete_pod(pod, 0)
    await asyncio.wait_for(asyncio.gather(*attached), SECONDS)


async def test_a_container_with_a_terminal_is_typed_to(machine: Machine) -> None:
    pod = await machine.create(stdin=True, tty=True)  # without a command it is a shell
    await machine.until(lambda status: status.phase == "Running")
    client = ContainerClient(stdin=True, tty=True)
    attached = attach(machine, pod, client)
    client.resize(99, 33)
    client.send(b"stty size; tty\n")
    await seen(client, b"33 99\r\n/dev/pts/")
    await machine.provider.delete_pod(pod, 0)
    await asyncio.wait_for(attached, SECONDS)
    assert b"33 99\r\n" in client.output


async def test_a_client_that_stalls_holds_up_the_process_until_it_leaves(machine: Machine) -> None:
    pod = await machine.running("sh", "-c", "read go; yes | head -c 5000000; echo end; sleep 3600", stdin=True)
    client = ContainerClient(stdin=True)
    client.look_away()
    attached = attach(machine, pod, client)
    client.send(b"\n")
    await asyncio.sleep(0.3)
    assert len(await machine.log(pod)) < 2_000_000
    attached.cancel()
    await asyncio.wait([attached])
    following = machine.log(pod, follow=True, limit_bytes=5_000_004)
    assert (await following).endswith(b"end\n")


async def test_clients_that_type_at_once_do_not_get_into_each_others_way(machine: Machine) -> None:
    pod = await machine.running("sh", "-c", "sleep 0.2; exec wc -c", stdin=True, stdin_once=True)
    clients = [ContainerClient(stdin=True) for _ in range(2)]
    for client in clients:
        client.send(bytes(300_000))
    attached = [attach(machine, pod, client) for client in clients]
    async with asyncio.timeout(SECONDS):
        while any(client.unread for client in clients):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    clients[0].end()
    await asyncio.wait_for(attached[0], SECONDS)
    attached[1].cancel()
    assert int(clients[0].output) > 550_000  # what one of them still had to write may be lost at the end


async def test_what_is_typed_to_a_process_that_does_not_read_waits(machine: Machine) -> None:
    pod = await machine.running("sleep", "3600", stdin=True)
    client = ContainerClient(stdin=True)
    client.send(bytes(10_000_000))
    attached = attach(machine, pod, client)
    await asyncio.sleep(0.2)
    assert client.unread > 9_000_000
    attached.cancel()
    await asyncio.wait([attached])
