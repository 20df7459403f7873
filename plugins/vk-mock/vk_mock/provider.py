"""A whole provider on one page: what core asks for, answered from memory.

The six calls of `vk_core.provider.Provider` come first, then the capabilities that the mock has besides. A provider
with a real back end would ask that where this one asks `Timeline`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import replace

from vk_core.api.container import Container
from vk_core.api.meta import utc_now
from vk_core.api.node import NodeCondition
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import PodStatus
from vk_core.api.stats import Summary
from vk_core.errors import NotFound, Unavailable
from vk_core.provider import (
    FILE_VOLUMES,
    ContainerIO,
    LogFilter,
    LogOptions,
    LogStream,
    PodCallback,
    PortStream,
    ProviderContext,
)
from vk_mock import commands, connections
from vk_mock.endings import annotated_ending
from vk_mock.inside import Inside, check_materials
from vk_mock.logs import MockLog
from vk_mock.pods import Addresses, MockPod
from vk_mock.settings import MockSettings, capacity
from vk_mock.timeline import Timeline
from vk_mock.usage import check_usage, summary

_CONDITIONS = {
    "MemoryPressure": "KubeletHasSufficientMemory",
    "DiskPressure": "KubeletHasNoDiskPressure",
    "PIDPressure": "KubeletHasSufficientPID",
}
"""What kubelet calls the absence of each."""


class MockProvider:
    """Keeps pods in memory, by UID. All of it happens on the event loop, so there is nothing to lock."""

    def __init__(self, context: ProviderContext[MockSettings]) -> None:
        self._settings = context.settings
        self._materials = context.materials
        self._node_name = context.node_name
        self._born = utc_now()
        self._timeline = Timeline(context.settings)
        self._addresses = Addresses(context.settings.pod_cidr)
        self._pods: dict[str, MockPod] = {}
        self._notify: PodCallback = lambda _pod: None

    async def create_pod(self, pod: Pod) -> None:
        """Start a pod, unless it was started before."""
        uid = pod.metadata.uid
        if uid in self._pods:
            return
        check_usage(pod)
        annotated_ending(pod)  # a pod that can never run is refused before anything is kept
        self._fail_at(self._settings.failures.create)
        await check_materials(pod, self._materials)
        self._pods[uid] = MockPod(pod, self._addresses.take(), _now())
        self._advance(uid)

    async def update_pod(self, pod: Pod) -> None:
        """Take over what has changed."""
        mock = self._find(PodKey.of(pod))
        annotated_ending(pod)
        check_usage(pod)
        self._timeline.update(mock, pod, _now())
        self._advance(pod.metadata.uid)

    async def delete_pod(self, pod: Pod, grace_period_seconds: int) -> None:
        """Begin to stop a pod."""
        mock = self._find(PodKey.of(pod))
        self._fail_at(self._settings.failures.delete)
        self._timeline.begin_stop(mock, grace_period_seconds, _now())
        self._advance(pod.metadata.uid)

    async def get_pod(self, key: PodKey) -> Pod:
        """The pod with its present status."""
        return self._find(key).pod

    async def get_pod_status(self, key: PodKey) -> PodStatus:
        """The present status."""
        return self._find(key).pod.status

    async def get_pods(self) -> Sequence[Pod]:
        """All pods, finished ones too."""
        return [mock.pod for mock in self._pods.values()]

    def notify_pods(self, notify: PodCallback) -> None:
        """Remember whom to tell about changes (`NotifiesPods`)."""
        self._notify = notify

    async def ping(self) -> None:
        """Memory always answers, unless the settings let it fail (`Pingable`)."""
        self._fail_at(self._settings.failures.ping)

    async def capacity(self) -> Mapping[str, str]:
        """How much the settings say there is (`HasCapacity`)."""
        return capacity(self._settings)

    async def node_conditions(self) -> Sequence[NodeCondition]:
        """Nothing is ever short (`HasNodeConditions`)."""
        return [
            NodeCondition(type=type, status="False", reason=reason, message="the pods exist in memory only")
            for type, reason in _CONDITIONS.items()
        ]

    def mountable_volumes(self) -> Collection[str]:
        """What core makes the files of, empty directories, and what the settings say (`MountsVolumes`)."""
        return {*FILE_VOLUMES, "emptyDir", *self._settings.pretended_volumes}

    async def get_container_logs(self, key: PodKey, container_name: str, options: LogOptions) -> LogStream:
        """What the settings say that containers write (`HasContainerLogs`)."""
        mock, container = self._find_container(key, container_name)
        log = MockLog(self._settings.logs, mock, container.name, previous=options.previous)
        applied: frozenset[LogFilter] = frozenset({"stream"})
        if options.since is None:
            applied |= {"tail"}  # with a time, the last lines are those behind it, and core looks at times
        else:
            options = dataclasses.replace(options, tail_lines=None)
        return LogStream(chunks=log.read(options), timestamped=True, applied=applied)

    async def run_in_container(self, key: PodKey, container_name: str, command: Sequence[str], io: ContainerIO) -> int:
        """Do what a few words say (`RunsInContainer`)."""
        mock, container = self._find_running(key, container_name)
        return await commands.run(command, Inside(self._materials.of(mock.pod), container, mock.address), io)

    async def attach_to_container(self, key: PodKey, container_name: str, io: ContainerIO) -> None:
        """Show new lines of the log, and give back what is typed (`AttachesToContainer`)."""
        mock, container = self._find_running(key, container_name)
        await connections.attach(MockLog(self._settings.logs, mock, container.name), container, io)

    async def port_forward(self, key: PodKey, port: int, stream: PortStream) -> None:
        """Send back what comes, on every port (`ForwardsPorts`)."""
        self._find(key)
        await connections.echo(stream)

    async def get_stats_summary(self) -> Summary:
        """What the settings and annotations say that pods use (`HasStats`)."""
        return await summary(self._node_name, self._born, [*self._pods.values()], self._settings.usage)

    async def close(self) -> None:
        """Let no more time pass (`Closable`)."""
        for mock in self._pods.values():
            mock.cancel_timer()

    def _find(self, key: PodKey) -> MockPod:
        try:
            return self._pods[key.uid]
        except KeyError:
            raise NotFound(f"the mock has no pod {key} with UID {key.uid}") from None

    def _find_container(self, key: PodKey, name: str) -> tuple[MockPod, Container]:
        mock, spec = self._find(key), self._find(key).pod.spec
        for container in (*spec.init_containers, *spec.containers, *spec.ephemeral_containers):
            if container.name == name:
                return mock, container
        raise NotFound(f'container "{name}" in pod "{key.name}" does not exist')

    def _find_running(self, key: PodKey, name: str) -> tuple[MockPod, Container]:
        mock, container = self._find_container(key, name)
        if mock.statuses[name].state.running is None:
            raise NotFound(f'container "{name}" in pod "{key.name}" is not running')
        return mock, container

    def _fail_at(self, rate: float) -> None:
        if self._timeline.happens(rate):
            raise Unavailable("the mock fails at the rate that its settings ask for")

    def _advance(self, uid: str) -> None:
        """Let the pod do what is due, tell about it, and come back when something is due again."""
        mock, now = self._pods[uid], _now()
        next_at = self._timeline.advance(mock, now)
        mock.cancel_timer()
        if mock.is_stopped(now):
            del self._pods[uid]
            self._addresses.give_back(mock.address)
        elif next_at < math.inf:
            mock.timer = asyncio.get_running_loop().call_at(next_at, self._advance, uid)
        status = mock.status()
        if status != mock.pod.status:
            mock.pod = replace(mock.pod, status=status)
            mock.changed()
            self._notify(mock.pod)


def _now() -> float:
    return asyncio.get_running_loop().time()
