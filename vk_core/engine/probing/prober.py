"""Probes the containers of all pods, without a task for each probe that waits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.engine.deciding.memory import ProbeResults
from vk_core.engine.runtime import ContainerRuntime
from vk_core.provider.events import PodEvents

Changed = Callable[[str, str, ProbeResults], None]
"""Is told a pod's UID, a container's ID, and what its probes have found by now; must be quick."""


class Prober:
    """Follows running containers and says what their probes find.

    Args:
        runtime: runs the commands of `exec` probes.
        events: where to tell about probes that fail.
        changed: is told whenever a result changes, from a callback of the event loop.
        now: the wall clock, which times of the runtime are compared with.
    """

    def __init__(
        self,
        runtime: ContainerRuntime,
        events: PodEvents,
        *,
        changed: Changed,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._runtime = runtime
        self._events = events
        self._changed = changed
        self._now = now

    def follow(
        self,
        pod: Pod,
        container: Container,
        container_id: str,
        *,
        pod_ip: str,
        started_at: dt.datetime,
        was: ProbeResults | None = None,
    ) -> None:
        """Probe a running container; may be called again at any time, such as with a pod that is being deleted now.

        Args:
            pod: as it is specified; once it has a deletion timestamp, its containers are not probed for being alive.
            container: as it is specified.
            container_id: the runtime's name for it.
            pod_ip: where to probe it; the node's address in the host's network.
            started_at: when its process began.
            was: for a container that was followed before virtual-kubelet was restarted: what was known of it then.
        """
        raise NotImplementedError

    def results(self, container_id: str) -> ProbeResults | None:
        """What is known of a container; None if it is not followed, such as when it has no probes."""
        raise NotImplementedError

    def stop_killing(self, uid: str) -> None:
        """A pod ends: its containers are no longer probed for having started or being alive, only for being ready."""
        raise NotImplementedError

    def forget(self, container_id: str) -> None:
        """A container runs no more; nothing is told about it from now on. It may be forgotten already."""
        raise NotImplementedError

    def forget_pod(self, uid: str) -> None:
        """The same for all containers of a pod."""
        raise NotImplementedError

    async def run(self) -> None:
        """Probe what is followed until `close` is called, or this is cancelled."""
        raise NotImplementedError

    async def close(self) -> None:
        """End `run` and the probes under way; returns when they have ended."""
        raise NotImplementedError
