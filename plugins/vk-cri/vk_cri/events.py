"""Which pods have changed: told by the runtime where it tells (`GetContainerEvents`), else found out by asking.

Asking costs little, and is done as often as it is likely to be worth it: ten times a second after something has been
changed, by us or by itself, and less and less often down to once a second while nothing happens.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator

from vk_cri import methods
from vk_cri.api import runtime_pb2 as pb
from vk_cri.failures import RpcError, refusal
from vk_cri.lists import Lists
from vk_cri.runtimeapi import RuntimeApi

SHORTEST_SECONDS, LONGEST_SECONDS = 0.1, 1.0
_GROWTH = 1.5

PodStates = dict[str, frozenset[tuple[str, int]]]
"""Of each pod by UID: the IDs of its sandboxes and containers, with their states."""


class Events:
    """Tells about changes; several may listen."""

    def __init__(self, api: RuntimeApi, lists: Lists) -> None:
        self._api = api
        self._lists = lists
        self._hurried: set[asyncio.Event] = set()

    def hurry(self) -> None:
        """Something is about to change: ask soon."""
        for event in self._hurried:
            event.set()

    async def listen(self) -> AsyncGenerator[str]:
        """UIDs of pods that have changed, until the connection breaks.

        Raises:
            Unavailable: the runtime does not answer any more.
        """
        try:
            async for event in self._api.stream(methods.EVENTS, pb.GetEventsRequest()):
                uid = event.pod_sandbox_status.metadata.uid
                if uid:
                    yield uid
        except RpcError:
            # It does not know the call, or its events are turned off.
            async for uid in self._by_lists():
                yield uid

    async def _by_lists(self) -> AsyncGenerator[str]:
        hurry = asyncio.Event()
        self._hurried.add(hurry)
        try:
            known = await self._states()
            pause = SHORTEST_SECONDS
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await hurry.wait()
                        pause = SHORTEST_SECONDS
                if hurry.is_set():
                    hurry.clear()
                    await asyncio.sleep(SHORTEST_SECONDS)
                found = await self._states()
                changed = changes(known, found)
                known = found
                pause = SHORTEST_SECONDS if changed else min(pause * _GROWTH, LONGEST_SECONDS)
                for uid in changed:
                    yield uid
        except RpcError as error:
            raise refusal(error) from error
        finally:
            self._hurried.discard(hurry)

    async def _states(self) -> PodStates:
        states: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
        for uid, made_id, state in await self._lists.states():
            states[uid].add((made_id, state))
        return {uid: frozenset(made) for uid, made in states.items()}


def changes(before: PodStates, after: PodStates) -> list[str]:
    """The pods that are not as they were."""
    gone = [uid for uid in before if uid not in after]
    return [uid for uid, made in after.items() if before.get(uid) != made] + gone
