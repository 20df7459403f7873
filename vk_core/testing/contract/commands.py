"""Commands in containers: input, output and exit code arrive whole, and a command ends with its client."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.errors import InvalidInput, NotFound, ProviderError
from vk_core.provider import RunsInContainer
from vk_core.testing.clients import ContainerClient
from vk_core.testing.contract.base import ContractBase, not_applicable
from vk_core.testing.contract.creation import identity
from vk_core.testing.harness import ProviderUnderTest, fail

_METHOD = "run_in_container"
_NOT_STARTED = (126, 127)


class CommandsContract(ContractBase):
    """`RunsInContainer`."""

    async def test_a_command_writes_its_output_and_ends_well(self, subject: ProviderUnderTest) -> None:
        client = ContainerClient()
        code = await self._run(subject, await self._running(subject), ("echo", "hello"), client)
        if (code, client.output, client.error_output) != (0, b"hello\n", b""):
            fail(
                _METHOD,
                f"expected echo to write b'hello\\n' and end with 0, got {client.output!r} and exit code {code}",
            )

    async def test_a_command_tells_its_exit_code(self, subject: ProviderUnderTest) -> None:
        code = await self._run(subject, await self._running(subject), self.exit_command(3), ContainerClient())
        if code != 3:  # noqa: PLR2004 - the one above
            fail(_METHOD, f"expected the exit code 3 of a command that ends with it, got {code}")

    async def test_a_command_reads_its_input_to_the_end(self, subject: ProviderUnderTest) -> None:
        client, sent = ContainerClient(stdin=True), b"0123456789abcdef" * 65536
        client.send(sent)
        client.end()
        code = await self._run(subject, await self._running(subject), ("cat",), client)
        if (code, client.output) != (0, sent):
            got = f"{len(client.output)} bytes and exit code {code}"
            fail(_METHOD, f"expected cat to give back all {len(sent)} bytes of its input and end with 0, got {got}")

    async def test_a_command_waits_for_a_client_that_does_not_read(self, subject: ProviderUnderTest) -> None:
        client = ContainerClient(stdin=True)
        client.look_away()
        client.send(bytes(2 * self.held_bytes))
        client.end()
        running = asyncio.create_task(self._run(subject, await self._running(subject), ("cat",), client))
        await asyncio.wait([running], timeout=self.settle.total_seconds())
        taken = 2 * self.held_bytes - client.unread
        client.look_again()
        await running
        if taken > self.held_bytes:
            fail(_METHOD, f"took {taken} bytes of input although the client does not read; expected it to wait")

    async def test_a_command_gets_a_terminal_when_asked(self, subject: ProviderUnderTest) -> None:
        client = ContainerClient(stdin=True, tty=True)
        client.resize(120, 40)
        try:
            code = await self._attempt(subject, await self._running(subject), ("echo", "hello"), client)
        except InvalidInput as error:
            not_applicable(f"the provider says that there are no terminals: {error}")
        except ProviderError as error:
            fail(_METHOD, f"raised {type(error).__name__} where nothing is wrong: {error}")
        if code or client.output.split() != [b"hello"]:
            fail(_METHOD, f"expected echo to write hello to its terminal and end with 0, got {client.output!r}, {code}")

    async def test_a_command_that_is_not_there_is_refused(self, subject: ProviderUnderTest) -> None:
        pod = await self._running(subject)
        try:
            code = await self._attempt(subject, pod, ("no-such-command",), ContainerClient())
        except InvalidInput:
            return
        except ProviderError as error:
            fail(_METHOD, f"raised {type(error).__name__} for a command that is not there, expected InvalidInput")
        if code not in _NOT_STARTED:
            fail(_METHOD, f"ended with {code} for a command that is not there, expected InvalidInput or exit code 127")

    async def test_a_command_ends_with_its_client(self, subject: ProviderUnderTest) -> None:
        pod = await self._running(subject)
        before, client = await subject.status(pod), ContainerClient()
        running = asyncio.create_task(
            self._provider(subject).run_in_container(*_main(pod), ("sleep", "3600"), client.io)
        )
        await asyncio.wait([running], timeout=self.settle.total_seconds())
        if running.done():
            fail(_METHOD, "ended although its command runs")
        running.cancel()
        await asyncio.wait([running], timeout=self.deadline.total_seconds())
        if not running.cancelled():
            fail(_METHOD, "did not end when it was cancelled; end the command and let the cancellation pass")
        after = await subject.status(pod)
        if before is None or after is None or identity(before) != identity(after):
            fail(_METHOD, "stopped the container together with a command in it")

    async def test_a_pod_that_never_was_runs_no_command(self, subject: ProviderUnderTest) -> None:
        self._provider(subject)
        try:
            await self._attempt(subject, self.pod(), ("echo", "hello"), ContainerClient())
        except NotFound:
            return
        except ProviderError as error:
            fail(_METHOD, f"raised {type(error).__name__} for a pod it never had, expected NotFound")
        fail(_METHOD, "ran a command in a pod it never had, expected NotFound")

    async def _running(self, subject: ProviderUnderTest) -> Pod:
        __tracebackhide__ = True
        self._provider(subject)
        pod = self.pod()
        await subject.run(pod)
        return pod

    async def _attempt(
        self, subject: ProviderUnderTest, pod: Pod, command: Sequence[str], client: ContainerClient
    ) -> int:
        __tracebackhide__ = True
        return await subject.attempt(self._provider(subject).run_in_container, *_main(pod), command, client.io)

    async def _run(self, subject: ProviderUnderTest, pod: Pod, command: Sequence[str], client: ContainerClient) -> int:
        __tracebackhide__ = True
        return await subject.call(self._provider(subject).run_in_container, *_main(pod), command, client.io)

    def _provider(self, subject: ProviderUnderTest) -> RunsInContainer:
        if not isinstance(subject.provider, RunsInContainer):
            not_applicable("the provider does not have run_in_container")
        return subject.provider


def _main(pod: Pod) -> tuple[PodKey, str]:
    return PodKey.of(pod), pod.spec.containers[0].name
