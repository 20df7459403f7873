"""A pod in memory, and the addresses that pods get."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import math
from collections import deque

from vk_core.api.meta import utc_now
from vk_core.api.pod import Pod
from vk_core.api.podstatus import ContainerStatus, PodIP, PodStatus
from vk_core.errors import Unavailable
from vk_mock import containers

_FINISHED = ("Succeeded", "Failed")


class Meter:
    """Counts the CPU time that a container would have used.

    Args:
        container_id: which run of the container is measured.
        nano_cores: how much CPU it uses, 1e9 is one core.
        since: from when on.
    """

    __slots__ = ("_at", "_nano_cores", "_nano_seconds", "container_id")

    def __init__(self, container_id: str, nano_cores: int, since: dt.datetime) -> None:
        self.container_id = container_id
        self._nano_cores = nano_cores
        self._nano_seconds = 0.0
        self._at = since

    def read(self, now: dt.datetime, nano_cores: int) -> int:
        """The sum until now in nanoseconds of one core; from now on it uses `nano_cores`."""
        seconds = (now - self._at).total_seconds()
        if seconds > 0:
            self._nano_seconds += seconds * self._nano_cores
            self._at = now
        self._nano_cores = nano_cores
        return round(self._nano_seconds)


class MockPod:
    """A pod in memory: what was asked for, the state of its containers, and what is due when.

    Attributes:
        pod: as created or last updated, with its present status.
        address: its IP address.
        born: when it was created; this and all times are seconds on the event loop's clock.
        reason: why it failed as a whole.
        statuses: the state of each container by name.
        due: by container: when it changes its state, and with which exit code if it ends.
        stop_at: when its containers end after the signal to stop; infinity as long as it is not being deleted.
        kill_at: when its grace period is over.
        timer: wakes the provider when something is due.
        meters: what its containers have used, as far as anybody has asked.
    """

    __slots__ = (
        "_changed",
        "address",
        "born",
        "due",
        "kill_at",
        "meters",
        "pod",
        "reason",
        "statuses",
        "stop_at",
        "timer",
    )

    def __init__(self, pod: Pod, address: str, now: float) -> None:
        spec = pod.spec
        self.pod = pod
        self.address = address
        self.born = now
        self.reason = ""
        self.statuses: dict[str, ContainerStatus] = {
            container.name: containers.created(container, initializing=bool(spec.init_containers))
            for container in (*spec.init_containers, *spec.containers, *spec.ephemeral_containers)
        }
        self.due: dict[str, tuple[float, int]] = {}
        self.stop_at = self.kill_at = math.inf
        self.timer: asyncio.TimerHandle | None = None
        self.meters: dict[str, Meter] = {}
        self._changed: asyncio.Event | None = None

    @property
    def is_running(self) -> bool:
        """Whether any container runs."""
        return any(status.state.running for status in self.statuses.values())

    @property
    def is_finished(self) -> bool:
        """Whether the pod has ended and will not start again."""
        return containers.phase(self.pod.spec, self.statuses) in _FINISHED

    def is_stopped(self, now: float) -> bool:
        """Whether it was told to stop and all of it has ended."""
        return now >= min(self.stop_at, self.kill_at)

    def cancel_timer(self) -> None:
        """Nothing is due any more."""
        if self.timer:
            self.timer.cancel()
            self.timer = None

    def changed(self) -> None:
        """Wake those who wait for a change."""
        if self._changed:
            self._changed.set()
            self._changed = None

    def next_change(self) -> asyncio.Event:
        """Set when its status changes for the next time."""
        self._changed = self._changed or asyncio.Event()
        return self._changed

    def end_all(self, exit_code: int) -> None:
        """End what has not ended yet."""
        self.due.clear()
        for name, status in self.statuses.items():
            self.statuses[name] = containers.ended(status, exit_code)

    def status(self) -> PodStatus:
        """The status as Kubernetes wants it; core adds conditions, QoS class and the node's address."""
        spec, statuses = self.pod.spec, self.statuses
        return PodStatus(
            phase=containers.phase(spec, statuses),
            reason=self.reason,
            pod_ip=self.address,
            pod_ips=(PodIP(ip=self.address),),
            start_time=self.pod.status.start_time or utc_now(),
            init_container_statuses=tuple([statuses[container.name] for container in spec.init_containers]),
            container_statuses=tuple([statuses[container.name] for container in spec.containers]),
            ephemeral_container_statuses=tuple([statuses[container.name] for container in spec.ephemeral_containers]),
        )


class Addresses:
    """The addresses of a CIDR, each in use once; those given back are used again last."""

    def __init__(self, cidr: str) -> None:
        self._network = ipaddress.ip_network(cidr)
        self._unused = 1
        self._returned: deque[str] = deque()

    def take(self) -> str:
        """An address that no pod has.

        Raises:
            Unavailable: all are in use.
        """
        if self._unused < self._network.num_addresses - 1:
            self._unused += 1
            return str(self._network[self._unused - 1])
        if not self._returned:
            raise Unavailable(f"all addresses of {self._network} are in use")
        return self._returned.popleft()

    def give_back(self, address: str) -> None:
        """The address is free again."""
        self._returned.append(address)
