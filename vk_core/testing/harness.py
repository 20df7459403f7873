"""Holds a provider under test: calls it as core does, listens to it, and says in a sentence what it does wrong.

Every call has a deadline, everything that is raised must be a `ProviderError`, and every status that comes by is
checked. It knows no provider and contains no check of a single rule: those are in `vk_core.testing.contract`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import NoReturn, ParamSpec, TypeVar

import pytest

from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import PodStatus
from vk_core.errors import NotFound, ProviderError
from vk_core.provider import Closable, NotifiesPods, Provider, Startable
from vk_core.testing.validity import all_run, all_terminated, describe, status_problems

P = ParamSpec("P")
T = TypeVar("T")

_POLL_SECONDS = 0.05
_BEAT_SECONDS = 0.01


def fail(method: str, sentence: str) -> NoReturn:
    """End the test: `sentence` says what is wrong with the provider's `method`."""
    __tracebackhide__ = True
    pytest.fail(f"{method}: {sentence}", pytrace=False)


class ProviderUnderTest:
    """A provider, the pods it was given, and what it has told.

    Attributes:
        provider: the provider itself.
        deadline: seconds that a call, a start or a stop may take.
        notified: the pods of all notifications, in order.
    """

    def __init__(self, provider: Provider, deadline: float) -> None:
        self.provider = provider
        self.deadline = deadline
        self.notified: list[Pod] = []
        self._pods: dict[str, Pod] = {}
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def start(self) -> None:
        """Make the provider ready as core does."""
        if isinstance(self.provider, NotifiesPods):
            self.provider.notify_pods(self._remember)
        if isinstance(self.provider, Startable):
            await self.call(self.provider.start)

    async def close(self) -> None:
        """Remove what the test has left behind, then close the provider."""
        for pod in self._pods.values():
            # What is wrong with delete_pod was said before, or is not this test's business.
            with contextlib.suppress(ProviderError, pytest.fail.Exception):
                await self.attempt(self.provider.delete_pod, pod, 0)
        if isinstance(self.provider, Closable):
            await self.call(self.provider.close)

    def _remember(self, pod: Pod) -> None:
        """The callback; a provider may call it from any thread."""
        self.notified.append(pod)
        self._loop.call_soon_threadsafe(self._changed.set)

    async def attempt(self, method: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method of the provider; it may only return in time or raise a ProviderError."""
        __tracebackhide__ = True
        name = method.__name__
        limit = asyncio.timeout(self.deadline)
        try:
            async with limit:
                return await method(*args, **kwargs)
        except ProviderError:
            raise
        except Exception as error:
            if limit.expired():
                fail(name, f"did not return within {self.deadline:g} s; calls start things, they do not wait for them")
            where = traceback.extract_tb(error.__traceback__)[-1]
            fail(
                name, f"raised {error!r} ({where.filename}:{where.lineno}); expected errors are those of vk_core.errors"
            )

    async def call(self, method: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method that has no reason to fail."""
        __tracebackhide__ = True
        try:
            return await self.attempt(method, *args, **kwargs)
        except ProviderError as error:
            fail(method.__name__, f"raised {type(error).__name__} where nothing is wrong: {error}")

    async def create(self, pod: Pod) -> None:
        """Create a pod that can run."""
        __tracebackhide__ = True
        self._pods[pod.metadata.uid] = pod
        await self.call(self.provider.create_pod, pod)

    async def run(self, pod: Pod) -> PodStatus:
        """Create a pod and wait until all of its containers run."""
        __tracebackhide__ = True
        await self.create(pod)
        status = await self.until(pod, lambda status: status is not None and all_run(status), "create_pod", "never ran")
        return status or PodStatus()

    async def delete(self, pod: Pod, grace_period_seconds: int) -> None:
        """Ask the provider to stop a pod; a pod that is gone already is fine."""
        __tracebackhide__ = True
        with contextlib.suppress(NotFound):
            try:
                await self.attempt(self.provider.delete_pod, pod, grace_period_seconds)
            except NotFound:
                raise
            except ProviderError as error:
                fail("delete_pod", f"raised {type(error).__name__} where nothing is wrong: {error}")

    async def listed(self, pod: Pod) -> Pod | None:
        """The pod from `get_pods`, by UID; None if it is not there."""
        __tracebackhide__ = True
        pods = await self.call(self.provider.get_pods)
        found = [one for one in pods if one.metadata.uid == pod.metadata.uid]
        if len(found) > 1:
            fail("get_pods", f"lists the pod {PodKey.of(pod)} {len(found)} times under one UID")
        return found[0] if found else None

    async def status(self, pod: Pod) -> PodStatus | None:
        """The valid status of a pod; None if the provider does not have it."""
        __tracebackhide__ = True
        try:
            status = await self.attempt(self.provider.get_pod_status, PodKey.of(pod))
        except NotFound:
            return None
        except ProviderError as error:
            fail("get_pod_status", f"raised {type(error).__name__} where nothing is wrong: {error}")
        self.check("get_pod_status", pod, status)
        return status

    def check(self, method: str, pod: Pod, status: PodStatus) -> None:
        """A status that came from `method` must be valid."""
        __tracebackhide__ = True
        if problems := status_problems(pod, status):
            fail(method, f"the status of the pod {PodKey.of(pod)} is not valid: {'; '.join(problems)}")

    async def until(
        self, pod: Pod, done: Callable[[PodStatus | None], bool], method: str, sentence: str, *, within: float = 0
    ) -> PodStatus | None:
        """Wait for a status; `within` seconds come on top of the deadline."""
        __tracebackhide__ = True
        sentence = f"the pod {PodKey.of(pod)} {sentence}"
        nothing = "the provider has no such pod"
        return await self._wait(lambda: self.status(pod), done, method, sentence, nothing=nothing, within=within)

    async def until_notified(
        self, pod: Pod, done: Callable[[PodStatus | None], bool], sentence: str, *, within: float = 0
    ) -> PodStatus | None:
        """Wait until the latest notification about a pod is as wanted."""
        __tracebackhide__ = True

        async def latest() -> PodStatus | None:
            statuses = self.notifications(pod)
            return statuses[-1] if statuses else None

        sentence = f"{sentence} for the pod {PodKey.of(pod)}"
        return await self._wait(latest, done, "notify_pods", sentence, nothing="there was none", within=within)

    async def until_stopped(self, pod: Pod, grace_period_seconds: int) -> None:
        """Wait until a pod that is being deleted has ended: all containers terminated, or no longer there."""
        __tracebackhide__ = True

        def has_stopped(status: PodStatus | None) -> bool:
            return status is None or all_terminated(status)

        sentence = f"still ran after it was deleted with a grace period of {grace_period_seconds} s"
        await self.until(pod, has_stopped, "delete_pod", sentence, within=grace_period_seconds)

    async def until_unlisted(self, pod: Pod) -> None:
        """Wait until `get_pods` no longer has a pod that was deleted and has ended."""
        __tracebackhide__ = True
        last_moment = self._loop.time() + self.deadline
        while await self.listed(pod):
            if self._loop.time() >= last_moment:
                fail("delete_pod", f"get_pods still lists the pod {PodKey.of(pod)} that was deleted and has ended")
            await asyncio.sleep(_POLL_SECONDS)

    def notifications(self, pod: Pod) -> Sequence[PodStatus]:
        """The statuses of all notifications about a pod."""
        __tracebackhide__ = True
        statuses = [one.status for one in self.notified if one.metadata.uid == pod.metadata.uid]
        for status in statuses:
            self.check("notify_pods", pod, status)
        return statuses

    async def _wait(
        self,
        read: Callable[[], Awaitable[PodStatus | None]],
        done: Callable[[PodStatus | None], bool],
        method: str,
        sentence: str,
        *,
        nothing: str,
        within: float,
    ) -> PodStatus | None:
        __tracebackhide__ = True
        last_moment = self._loop.time() + self.deadline + within
        while not done(status := await read()):
            if self._loop.time() >= last_moment:
                state = describe(status) if status else nothing
                fail(method, f"{sentence} within {self.deadline + within:g} s; in the end: {state}")
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _POLL_SECONDS)
        return status


@contextlib.asynccontextmanager
async def under_test(provider: Provider, deadline: float) -> AsyncIterator[ProviderUnderTest]:
    """Start a provider for a test and clean up behind it."""
    subject = ProviderUnderTest(provider, deadline)
    await subject.start()
    try:
        yield subject
    finally:
        await subject.close()


@contextlib.asynccontextmanager
async def heartbeat() -> AsyncIterator[Callable[[], float]]:
    """Watch the event loop; what is yielded tells the longest time in seconds it has stood still."""
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        before = time.monotonic()
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            now = time.monotonic()
            longest = max(longest, now - before - _BEAT_SECONDS)
            before = now

    task = asyncio.create_task(beat(), name="heartbeat")
    try:
        await asyncio.sleep(0)
        yield lambda: longest
        await asyncio.sleep(2 * _BEAT_SECONDS)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
