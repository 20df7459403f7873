"""However a call ends, its client is told and nothing is left of it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from vk_core.errors import NotFound
from vk_core.kubelet.remotecommand import runner
from vk_core.kubelet.remotecommand.outcome import Outcome
from vk_core.kubelet.remotecommand.resizing import Resizes
from vk_core.kubelet.remotecommand.runner import Work, serve
from vk_core.provider.streams import ContainerIO

pytestmark = pytest.mark.usefixtures("nothing_left")


class FakeSession:
    """A client that listens."""

    def __init__(self) -> None:
        self.io = ContainerIO(stdin=None, stdout=None, stderr=None, tty=False, resizes=Resizes())
        self.gone = asyncio.Event()
        self.told: list[Outcome] = []

    async def finish(self, outcome: Outcome) -> None:
        self.told.append(outcome)


async def test_the_outcome_of_the_call_is_told() -> None:
    async def call(_io: ContainerIO) -> Outcome:
        return Outcome(exit_code=3)

    session = FakeSession()
    await serve(session, Work("executing command in", call))
    assert session.told == [Outcome(exit_code=3)]


@pytest.mark.parametrize("wrapped", [False, True])
async def test_an_error_of_the_provider_is_told_in_its_words(wrapped: bool) -> None:
    async def call(_io: ContainerIO) -> Outcome:
        error = NotFound("the container has just ended")
        raise ExceptionGroup("of a task group", [error]) if wrapped else error

    session = FakeSession()
    await serve(session, Work("executing command in", call))
    assert session.told == [Outcome(error="error executing command in container: the container has just ended")]


async def test_a_bug_of_the_provider_is_told_and_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def call(_io: ContainerIO) -> Outcome:
        raise KeyError("secret")

    session = FakeSession()
    await serve(session, Work("attaching to", call))
    assert session.told == [Outcome(error="error attaching to container: internal error: KeyError")]
    assert "Traceback" in caplog.text


async def test_a_call_that_cancels_itself_is_no_success() -> None:
    async def call(_io: ContainerIO) -> Outcome:
        raise asyncio.CancelledError

    session = FakeSession()
    await serve(session, Work("attaching to", call))
    assert [outcome.error for outcome in session.told] == ["error attaching to container: the provider gave up"]


async def test_the_call_is_cancelled_and_awaited_when_the_client_goes() -> None:
    steps: list[str] = []
    started = asyncio.Event()

    async def call(_io: ContainerIO) -> Outcome:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            steps.append("cancelled")
            await asyncio.sleep(0)
            steps.append("cleaned up")
        return Outcome()

    session = FakeSession()
    serving = asyncio.create_task(serve(session, Work("executing command in", call)))
    await started.wait()
    session.gone.set()
    await serving
    assert steps == ["cancelled", "cleaned up"]
    assert session.told == []


async def test_the_call_ends_with_the_server() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def call(_io: ContainerIO) -> Outcome:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return Outcome()

    serving = asyncio.create_task(serve(FakeSession(), Work("executing command in", call)))
    await started.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert ended.is_set()


async def test_a_call_that_will_not_end_is_waited_for_only_so_long_and_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(runner, "STOP_SECONDS", 0.01)
    started, release = asyncio.Event(), asyncio.Event()

    async def call(_io: ContainerIO) -> Outcome:
        started.set()
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        raise KeyError("late")

    session = FakeSession()
    serving = asyncio.create_task(serve(session, Work("executing command in", call)))
    await started.wait()
    session.gone.set()
    try:
        await asyncio.wait_for(serving, 5)
    finally:
        release.set()
    assert "does not end its call" in caplog.text


async def test_an_end_that_fails_is_logged_unless_only_the_connection_broke(caplog: pytest.LogCaptureFixture) -> None:
    for error, logged in ((ConnectionResetError(), False), (OSError("stuck"), True)):
        started = asyncio.Event()

        async def call(_io: ContainerIO, started: asyncio.Event = started, error: OSError = error) -> Outcome:
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                raise error

        session = FakeSession()
        with caplog.at_level(logging.ERROR):
            serving = asyncio.create_task(serve(session, Work("executing command in", call)))
            await started.wait()
            session.gone.set()
            await serving
        assert ("failed after its client was gone" in caplog.text) is logged
        caplog.clear()


async def test_a_call_that_fails_just_when_its_client_goes_is_logged_and_told_to_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = FakeSession()

    async def call(_io: ContainerIO) -> Outcome:
        session.gone.set()
        raise KeyError("bug")

    await serve(session, Work("executing command in", call))
    assert session.told == []
    assert "Traceback" in caplog.text
