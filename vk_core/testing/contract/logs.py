"""Logs: every line is there, in its order, and what a request asks for is done by the provider or left to core."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from typing import Any

from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.errors import NotFound, ProviderError
from vk_core.kubelet.logs.reading import read_log
from vk_core.kubelet.refusal import Refusal
from vk_core.provider import HasContainerLogs, LogOptions, LogStream
from vk_core.testing.contract.base import ContractBase, not_applicable
from vk_core.testing.harness import ProviderUnderTest, fail

_STAMPED = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d) (.*)")
_METHOD = "get_container_logs"


class LogsContract(ContractBase):
    """`HasContainerLogs`. Each check reads a log as kubectl gets it: what the provider has not applied, core has."""

    async def test_a_log_has_every_line_in_order(self, subject: ProviderUnderTest) -> None:
        pod = await self._run_writer(subject)
        await self._expect(subject, pod, self.log_lines)

    async def test_the_last_lines_of_a_log_are_the_last_ones(self, subject: ProviderUnderTest) -> None:
        pod = await self._run_writer(subject)
        await self._expect(subject, pod, self.log_lines)
        await self._expect(subject, pod, self.log_lines[-2:], tail_lines=2)
        await self._expect(subject, pod, (), tail_lines=0)

    async def test_a_limit_cuts_a_log_to_the_byte(self, subject: ProviderUnderTest) -> None:
        pod = await self._run_writer(subject)
        await self._expect(subject, pod, self.log_lines)
        whole = _text(self.log_lines)
        size = len(whole) // 2
        if (cut := await self._read(subject, pod, limit_bytes=size)) != whole[:size]:
            fail(_METHOD, f"expected the first {size} bytes of the log with limit_bytes={size}, got {cut!r}")

    async def test_lines_come_with_their_times_when_asked(self, subject: ProviderUnderTest) -> None:
        pod = await self._run_writer(subject)
        await self._expect(subject, pod, self.log_lines)
        lines = (await self._read(subject, pod, timestamps=True)).splitlines()
        if [match and match[1].decode() for match in map(_STAMPED.fullmatch, lines)] != [*self.log_lines]:
            fail(_METHOD, f"expected a time such as 2026-01-02T03:04:05.123456789Z before every line, got {lines}")

    async def test_a_log_since_later_is_empty(self, subject: ProviderUnderTest) -> None:
        pod = await self._run_writer(subject)
        await self._expect(subject, pod, self.log_lines)
        await self._expect(subject, pod, self.log_lines, since=dt.datetime(2001, 1, 1, tzinfo=dt.UTC))
        await self._expect(subject, pod, (), since=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))

    async def test_following_a_log_ends_with_its_container(self, subject: ProviderUnderTest) -> None:
        pod = await self._run_writer(subject)
        await self._expect(subject, pod, self.log_lines)
        following = asyncio.create_task(self._read(subject, pod, follow=True))
        _, pending = await asyncio.wait([following], timeout=self.settle.total_seconds())
        if not pending:
            fail(_METHOD, "a log that is followed ended although its container was running")
        await subject.delete(pod, 0)
        try:
            text = await asyncio.wait_for(following, self.deadline.total_seconds())
        except TimeoutError:
            fail(_METHOD, "a log that is followed did not end with its container")
        if not text.startswith(_text(self.log_lines)):
            fail(_METHOD, f"expected {self.log_lines} from the start of a log that is followed, got {text!r}")

    async def test_a_pod_that_never_was_has_no_log(self, subject: ProviderUnderTest) -> None:
        provider = _provider(subject)
        try:
            stream = await subject.attempt(provider.get_container_logs, PodKey.of(self.pod()), "main", LogOptions())
            async for _ in stream.chunks:
                pass
        except NotFound:
            return
        except ProviderError as error:
            fail(_METHOD, f"raised {type(error).__name__} for a pod it never had, expected NotFound")
        fail(_METHOD, "gave the log of a pod it never had, expected NotFound before the first byte")

    async def _run_writer(self, subject: ProviderUnderTest) -> Pod:
        __tracebackhide__ = True
        _provider(subject)
        pod = self.logging_pod()
        await subject.run(pod)
        return pod

    async def _expect(self, subject: ProviderUnderTest, pod: Pod, lines: tuple[str, ...], **options: Any) -> None:
        """Wait until the log is as wanted; its lines may come after the container is said to run."""
        __tracebackhide__ = True
        loop = asyncio.get_running_loop()
        last_moment = loop.time() + self.deadline.total_seconds()
        while (text := await self._read(subject, pod, **options)) != _text(lines):
            if loop.time() >= last_moment:
                asked = ", ".join(f"{key}={value}" for key, value in options.items()) or "no options"
                fail(_METHOD, f"expected {_text(lines)!r} with {asked}, got {text!r}")
            await asyncio.sleep(0.05)

    async def _read(self, subject: ProviderUnderTest, pod: Pod, **options: Any) -> bytes:
        """A log as kubectl gets it."""
        __tracebackhide__ = True
        provider, name = _provider(subject), pod.spec.containers[0].name

        async def open_log(wanted: LogOptions) -> LogStream:
            return await subject.call(provider.get_container_logs, PodKey.of(pod), name, wanted)

        try:
            return b"".join([chunk async for chunk in read_log(open_log, LogOptions(**options))])
        except Refusal as refusal:
            not_applicable(str(refusal))


def _provider(subject: ProviderUnderTest) -> HasContainerLogs:
    if not isinstance(subject.provider, HasContainerLogs):
        not_applicable("the provider does not have get_container_logs")
    return subject.provider


def _text(lines: tuple[str, ...]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
