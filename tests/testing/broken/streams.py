"""Providers that are wrong about logs, commands, attached clients, ports or stats."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import msgspec

from tests.testing.broken.base import Right, found_by
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import PodStatus
from vk_core.api.stats import PodStats, Summary
from vk_core.errors import InvalidInput, NotFound
from vk_core.provider import ContainerIO, LogOptions, LogStream, PortStream
from vk_core.testing import ContainerClient


class WrongLogs(Right):
    def cut(self, text: bytes, options: LogOptions) -> bytes:
        return text

    async def get_container_logs(self, key: PodKey, container_name: str, options: LogOptions) -> LogStream:
        log = await super().get_container_logs(key, container_name, options)

        async def chunks() -> AsyncIterator[bytes]:
            async for chunk in log.chunks:
                yield self.cut(chunk, options)

        return replace(log, chunks=chunks())


@found_by("test_a_log_has_every_line_in_order", "get_container_logs: expected b'first line.*with no options, got b'")
class ForgetsTheLastLine(WrongLogs):
    def cut(self, text: bytes, options: LogOptions) -> bytes:
        return b"".join(text.splitlines(keepends=True)[:-1])


@found_by("test_the_last_lines_of_a_log_are_the_last_ones", "get_container_logs: expected b'second line.*tail_lines=2")
class TakesTheFirstLinesForTheLast(WrongLogs):
    def cut(self, text: bytes, options: LogOptions) -> bytes:
        return text if options.tail_lines is None else text.replace(b"second", b"first")


@found_by("test_a_limit_cuts_a_log_to_the_byte", "get_container_logs: expected the first 17 bytes of the log")
class SaysThatItHasCut(WrongLogs):
    async def get_container_logs(self, key: PodKey, container_name: str, options: LogOptions) -> LogStream:
        log = await super().get_container_logs(key, container_name, options)
        return replace(log, timestamped=False, applied=log.applied | {"limit"})

    def cut(self, text: bytes, options: LogOptions) -> bytes:
        return b"".join(line.partition(b" ")[2] for line in text.splitlines(keepends=True))


@found_by("test_lines_come_with_their_times_when_asked", "get_container_logs: expected a time such as")
class WritesTimesOfItsOwn(WrongLogs):
    def cut(self, text: bytes, options: LogOptions) -> bytes:
        return text.replace(b"Z ", b" ") if options.timestamps else text


@found_by("test_a_log_since_later_is_empty", "get_container_logs: expected b'' with since=")
class SaysThatItHasLookedAtTimes(Right):
    async def get_container_logs(self, key: PodKey, container_name: str, options: LogOptions) -> LogStream:
        log = await super().get_container_logs(key, container_name, options)
        return replace(log, applied=log.applied | {"since"})


@found_by(
    "test_following_a_log_ends_with_its_container", "get_container_logs: a log that is followed ended although its"
)
class DoesNotFollow(Right):
    async def get_container_logs(self, key: PodKey, container_name: str, options: LogOptions) -> LogStream:
        return await super().get_container_logs(key, container_name, replace(options, follow=False))


@found_by(
    "test_following_a_log_ends_with_its_container", "get_container_logs: a log that is followed did not end with its"
)
class FollowsForEver(Right):
    async def get_container_logs(self, key: PodKey, container_name: str, options: LogOptions) -> LogStream:
        log = await super().get_container_logs(key, container_name, options)

        async def chunks() -> AsyncIterator[bytes]:
            async for chunk in log.chunks:
                yield chunk
            await asyncio.sleep(3600 if options.follow else 0)

        return replace(log, chunks=chunks())


async def nothing() -> AsyncIterator[bytes]:
    yield b""


@found_by("test_a_pod_that_never_was_has_no_log", "get_container_logs: gave the log of a pod it never had")
@found_by("test_nobody_attaches_to_a_pod_that_never_was", "attach_to_container: attached to a pod it never had")
@found_by("test_a_pod_that_never_was_has_no_ports", "port_forward: forwarded a port of a pod it never had")
@found_by("test_a_pod_that_never_was_runs_no_command", "run_in_container: ran a command in a pod it never had")
class KnowsEveryPod(Right):
    async def get_container_logs(self, key: PodKey, container_name: str, options: LogOptions) -> LogStream:
        return LogStream(chunks=nothing())

    async def run_in_container(self, key: PodKey, container_name: str, command: Sequence[str], io: ContainerIO) -> int:
        return 0

    async def attach_to_container(self, key: PodKey, container_name: str, io: ContainerIO) -> None:
        pass

    async def port_forward(self, key: PodKey, port: int, stream: PortStream) -> None:
        pass


@found_by("test_a_command_writes_its_output_and_ends_well", "run_in_container: expected echo to write b'hello")
@found_by("test_a_command_gets_a_terminal_when_asked", "run_in_container: expected echo to write hello to its terminal")
class WritesToStderr(Right):
    async def run_in_container(self, key: PodKey, container_name: str, command: Sequence[str], io: ContainerIO) -> int:
        return await super().run_in_container(key, container_name, command, replace(io, stdout=io.stderr))


@found_by("test_a_command_tells_its_exit_code", "run_in_container: expected the exit code 3 .* got 0")
@found_by(
    "test_a_command_that_is_not_there_is_refused",
    "run_in_container: ended with 0 for a command that is not there, expected InvalidInput or exit code 127",
)
class AlwaysSucceeds(Right):
    async def run_in_container(self, key: PodKey, container_name: str, command: Sequence[str], io: ContainerIO) -> int:
        await super().run_in_container(key, container_name, command, io)
        return 0


@found_by("test_a_command_that_is_not_there_is_refused", "run_in_container: raised NotFound for a command that is not")
class DoesNotFindCommands(Right):
    async def run_in_container(self, key: PodKey, container_name: str, command: Sequence[str], io: ContainerIO) -> int:
        if command[0] == "no-such-command":
            raise NotFound("no such command")
        return await super().run_in_container(key, container_name, command, io)


@found_by("test_a_command_reads_its_input_to_the_end", "run_in_container: expected cat to give back all 1048576 bytes")
class ReadsOnce(Right):
    async def run_in_container(self, key: PodKey, container_name: str, command: Sequence[str], io: ContainerIO) -> int:
        if io.stdin and io.stdout:
            await io.stdout.write(await io.stdin.read())
        return 0


@found_by("test_a_command_waits_for_a_client_that_does_not_read", "run_in_container: took 8388608 bytes of input")
class HoldsEverything(Right):
    async def run_in_container(self, key: PodKey, container_name: str, command: Sequence[str], io: ContainerIO) -> int:
        held = b""
        while io.stdin and (data := await io.stdin.read()):
            held += data
        if io.stdout:
            await io.stdout.write(held)
        return 0


@found_by("test_a_command_ends_with_its_client", "run_in_container: did not end when it was cancelled")
class RunsOnAlone(Right):
    async def run_in_container(self, key: PodKey, container_name: str, command: Sequence[str], io: ContainerIO) -> int:
        try:
            return await super().run_in_container(key, container_name, command, io)
        except asyncio.CancelledError:
            return 0


@found_by("test_an_attached_client_types_and_sees_the_answer", "attach_to_container: expected the process to answer")
class DoesNotListen(Right):
    async def attach_to_container(self, key: PodKey, container_name: str, io: ContainerIO) -> None:
        await super().attach_to_container(key, container_name, ContainerClient().io)


@found_by("test_a_client_that_leaves_does_not_stop_the_container", "attach_to_container: stopped the container when")
class StopsWithItsClient(Right):
    async def attach_to_container(self, key: PodKey, container_name: str, io: ContainerIO) -> None:
        try:
            await super().attach_to_container(key, container_name, io)
        finally:
            await self.delete_pod(await self.get_pod(key), 0)


@found_by("test_a_client_is_let_go_when_the_container_ends", "attach_to_container: did not return although")
class KeepsItsClients(Right):
    async def attach_to_container(self, key: PodKey, container_name: str, io: ContainerIO) -> None:
        await super().attach_to_container(key, container_name, io)
        await asyncio.sleep(3600)


@found_by("test_what_goes_into_a_port_comes_back_to_the_last_byte", "port_forward: did not call write_eof")
class DoesNotEnd(Right):
    async def port_forward(self, key: PodKey, port: int, stream: PortStream) -> None:
        while data := await stream.read():
            await stream.write(data)


@found_by("test_what_goes_into_a_port_comes_back_to_the_last_byte", "port_forward: expected all 1048576 bytes back")
class ForwardsOnce(Right):
    async def port_forward(self, key: PodKey, port: int, stream: PortStream) -> None:
        await stream.write(await stream.read())
        await stream.write_eof()


@found_by(
    "test_one_connection_does_not_wait_for_another", "port_forward: raised NotFound where nothing is wrong: one at a"
)
class ForwardsOneAtATime(Right):
    def __init__(self) -> None:
        super().__init__()
        self._is_busy = False

    async def port_forward(self, key: PodKey, port: int, stream: PortStream) -> None:
        if self._is_busy:
            raise NotFound("one at a time")
        self._is_busy = True
        await super().port_forward(key, port, stream)


@found_by("test_a_port_where_nothing_listens_is_unavailable", "port_forward: raised InvalidInput for a port where")
class CallsPortsInvalid(Right):
    async def port_forward(self, key: PodKey, port: int, stream: PortStream) -> None:
        raise InvalidInput("no such port")


class WrongStats(Right):
    calls = 0

    async def get_stats_summary(self) -> Summary:
        self.calls += 1
        summary = await super().get_stats_summary()
        return msgspec.structs.replace(summary, pods=tuple(self.change(pod) for pod in summary.pods))

    def change(self, pod: PodStats) -> PodStats:
        return pod


@found_by("test_running_pods_have_stats_under_their_names", "get_stats_summary: reports the pod default/web-0 as")
class MixesUpNames(WrongStats):
    def change(self, pod: PodStats) -> PodStats:
        return msgspec.structs.replace(pod, pod_ref=msgspec.structs.replace(pod.pod_ref, namespace="other"))


@found_by("test_the_cpu_time_of_a_container_never_runs_backwards", "get_stats_summary: usage_core_nano_seconds of main")
class CountsBackwards(WrongStats):
    def change(self, pod: PodStats) -> PodStats:
        (container,) = pod.containers
        assert container.cpu
        cpu = msgspec.structs.replace(container.cpu, usage_core_nano_seconds=1000 - self.calls)
        return msgspec.structs.replace(pod, containers=(msgspec.structs.replace(container, cpu=cpu),))


@found_by("test_times_have_a_time_zone", "get_stats_summary: has the time .* without a time zone")
class LivesInNoTimeZone(WrongStats):
    def change(self, pod: PodStats) -> PodStats:
        return msgspec.structs.replace(pod, start_time=dt.datetime(2026, 1, 2))


@found_by("test_a_pod_that_is_gone_has_no_stats", "get_stats_summary: still reports the pod default/web, which is gone")
class RemembersStats(Right):
    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, PodStats] = {}

    async def get_pod_status(self, key: PodKey) -> PodStatus:
        await self.get_stats_summary()
        return await super().get_pod_status(key)

    async def get_stats_summary(self) -> Summary:
        summary = await super().get_stats_summary()
        self._known |= {pod.pod_ref.uid: pod for pod in summary.pods}
        return msgspec.structs.replace(summary, pods=tuple(self._known.values()))
