"""What people find who look into containers of the mock: logs, commands, attached clients, ports and stats."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
from msgspec.structs import replace

from vk_core.api.container import EnvVar
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.stats import ContainerStats
from vk_core.errors import InvalidInput, NotFound
from vk_core.provider import LogOptions
from vk_core.testing import ContainerClient, make_container, make_context, make_pod, virtual_time
from vk_mock.containers import started
from vk_mock.logs import lines_until
from vk_mock.pods import Meter, MockPod
from vk_mock.provider import MockProvider
from vk_mock.settings import Ending, Logs, MockSettings, Usage
from vk_mock.usage import summary

THEN = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


async def running(pod: Pod | None = None, **settings: Any) -> tuple[MockProvider, PodKey]:
    mock, pod = MockProvider(make_context(MockSettings(**settings))), pod or make_pod()
    await mock.create_pod(pod)
    return mock, PodKey.of(pod)


async def read_log(mock: MockProvider, key: PodKey, **options: Any) -> list[str]:
    log = await mock.get_container_logs(key, "main", LogOptions(**options))
    return [line.partition(b" ")[2].decode() async for chunk in log.chunks for line in chunk.splitlines()]


@pytest.mark.parametrize(
    ("rate", "seconds", "count"),
    [
        pytest.param(0, 0, 2, id="all at once"),
        pytest.param(0, 1000, 2, id="no more"),
        pytest.param(1, 0, 1, id="the first one at once"),
        pytest.param(1, 9.9, 10, id="one a second"),
        pytest.param(0.1, 9.9, 1, id="one in ten seconds"),
        pytest.param(1, -1, 0, id="not started"),
    ],
)
def test_the_number_of_lines_follows_from_the_rate(rate: float, seconds: float, count: int) -> None:
    logs = Logs(lines=("a", "b"), lines_per_second=rate)
    assert lines_until(logs, THEN, THEN + dt.timedelta(seconds=seconds)) == count


async def test_lines_are_numbered_and_name_their_pod() -> None:
    mock, key = await running(logs=Logs(lines=("{pod} {container}: {number}", "again")))
    assert await read_log(mock, key) == ["web main: 1", "again"]


async def test_a_log_that_is_followed_goes_on_at_its_rate() -> None:
    mock, key = await running(logs=Logs(lines=("line {number}",), lines_per_second=200))
    log = await mock.get_container_logs(key, "main", LogOptions(follow=True, tail_lines=0))
    seen = b""
    async with asyncio.timeout(10):
        async for chunk in log.chunks:
            seen += chunk
            if seen.count(b"\n") >= 20:
                break
    numbers = [int(line.split()[-1]) for line in seen.splitlines()]
    assert numbers == [*range(numbers[0], numbers[0] + len(numbers))]


async def test_nothing_is_written_to_the_standard_error() -> None:
    mock, key = await running()
    assert await read_log(mock, key, stream="Stdout") == ["main of web has started"]
    assert await read_log(mock, key, stream="Stderr") == []


async def test_lines_are_as_far_apart_as_the_rate_says() -> None:
    mock, key = await running(logs=Logs(lines=("line",), lines_per_second=4))
    log = await mock.get_container_logs(key, "main", LogOptions(follow=True))
    times: list[dt.datetime] = []
    async with asyncio.timeout(10):
        async for chunk in log.chunks:
            times += [dt.datetime.fromisoformat(line.split()[0].decode()) for line in chunk.splitlines()]
            if len(times) >= 3:
                break
    assert times[2] - times[1] == times[1] - times[0] == dt.timedelta(seconds=0.25)


@virtual_time
async def test_a_log_that_is_followed_ends_with_its_run_not_with_the_next_one() -> None:
    mock, key = await running(endings=(Ending(exit_code=1, after=dt.timedelta(seconds=60)),))
    async with asyncio.timeout(100):
        assert await read_log(mock, key, follow=True) == ["main of web has started"]
    assert (await mock.get_pod_status(key)).container_statuses[0].restart_count == 1


async def test_there_is_no_log_before_the_previous_run() -> None:
    mock, key = await running()
    with pytest.raises(NotFound, match='previous terminated container "main" in pod "web" not found'):
        await mock.get_container_logs(key, "main", LogOptions(previous=True))


@virtual_time
async def test_the_previous_run_has_a_log_of_its_own() -> None:
    mock, key = await running(endings=(Ending(exit_code=1),))
    assert await read_log(mock, key, previous=True) == ["main of web has started"]


async def run(command: str, *, stdin: bytes = b"", tty: bool = False) -> tuple[int, bytes, bytes]:
    variables = (EnvVar(name="COLOR", value="blue"), EnvVar(name="SKY", value="$(COLOR)"))
    mock, key = await running(make_pod(containers=(make_container(env=variables),)))
    client = ContainerClient(stdin=True, tty=tty)
    client.send(stdin)
    client.end()
    return await mock.run_in_container(key, "main", command.split(), client.io), client.output, client.error_output


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("echo hello  world", (0, b"hello world\n", b""), id="echo"),
        pytest.param("/bin/cat", (0, b"typed", b""), id="cat"),
        pytest.param("cat file", (1, b"", b"cat: file: No such file or directory\n"), id="cat of a file"),
        pytest.param("env", (0, b"HOSTNAME=web\nCOLOR=blue\nSKY=blue\n", b""), id="env"),
        pytest.param("exit 3", (3, b"", b""), id="exit"),
        pytest.param("exit 256", (2, b"", b"exit: expected a number from 0 to 255\n"), id="exit with too much"),
        pytest.param("sleep 0.001", (0, b"", b""), id="sleep"),
        pytest.param("sleep", (2, b"", b"sleep: expected one duration such as 10, 1.5s or 2m\n"), id="sleep how long"),
        pytest.param("true", (0, b"", b""), id="true"),
        pytest.param("false", (1, b"", b""), id="false"),
    ],
)
async def test_a_few_words_are_understood(command: str, expected: tuple[int, bytes, bytes]) -> None:
    assert await run(command, stdin=b"typed") == expected


async def test_other_words_are_not_found() -> None:
    code, _, complaint = await run("sh -c true")
    assert (code, complaint.startswith(b"mock: sh: command not found; there are cat, echo,")) == (127, True)


async def test_a_terminal_gets_its_line_ends() -> None:
    assert await run("echo hello", tty=True) == (0, b"hello\r\n", b"")


async def test_a_container_that_takes_no_input_does_not_echo() -> None:
    mock, key = await running()
    client = ContainerClient(stdin=True)
    attached = asyncio.create_task(mock.attach_to_container(key, "main", client.io))
    client.send(b"hello")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not client.unread
    await mock.delete_pod(await mock.get_pod(key), 0)
    await attached
    assert client.output == b""


async def stats_of(mock: MockProvider) -> ContainerStats:
    return (await mock.get_stats_summary()).pods[0].containers[0]


async def test_annotations_say_what_a_pod_uses_and_may_change() -> None:
    pod = make_pod(annotations={"mock.virtual-kubelet.io/cpu-usage": "250m"})
    mock, _ = await running(pod, usage=Usage(cpu="1", memory="1Mi"))
    before = await stats_of(mock)
    assert before.cpu
    assert before.memory
    assert (before.cpu.usage_nano_cores, before.memory.working_set_bytes) == (250_000_000, 1024**2)
    annotations = {"mock.virtual-kubelet.io/memory-usage": "2Mi"}
    await mock.update_pod(replace(pod, metadata=replace(pod.metadata, annotations=annotations)))
    after = await stats_of(mock)
    assert after.cpu
    assert after.memory
    assert (after.cpu.usage_nano_cores, after.memory.working_set_bytes) == (1_000_000_000, 2 * 1024**2)


async def test_a_container_that_starts_again_is_measured_from_its_start() -> None:
    mock = MockPod(make_pod(), "10.0.0.1", 0)
    container = mock.pod.spec.containers[0]
    mock.statuses["main"] = started(container, mock.statuses["main"], "uid")
    mock.meters["main"] = Meter("another run", 10**9, THEN)
    found = await summary("node", THEN, [mock], Usage(cpu="1"))
    cpu = found.pods[0].containers[0].cpu
    assert cpu
    assert (cpu.usage_core_nano_seconds or 0) < 10 * 10**9


def test_a_meter_counts_what_was_used_at_each_rate() -> None:
    meter = Meter("one", 500_000_000, THEN)
    assert meter.read(THEN + dt.timedelta(seconds=10), 2_000_000_000) == 5_000_000_000
    assert meter.read(THEN + dt.timedelta(seconds=11), 0) == 7_000_000_000
    assert meter.read(THEN + dt.timedelta(seconds=99), 0) == 7_000_000_000


@pytest.mark.parametrize("usage", [pytest.param("much", id="no quantity"), pytest.param("-1", id="negative")])
async def test_annotations_that_are_no_quantities_make_a_pod_impossible(usage: str) -> None:
    pod = make_pod(annotations={"mock.virtual-kubelet.io/cpu-usage": usage})
    with pytest.raises(InvalidInput, match=r"annotation mock\.virtual-kubelet\.io/cpu-usage: "):
        await running(pod)
