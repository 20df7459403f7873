"""Tiny providers whose behaviour a test decides, and a pod controller around one."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence

from msgspec.structs import replace

from tests.support.cluster import FakeCluster
from tests.support.pods import ended, running, status_of
from vk_core.api.meta import ObjectMeta
from vk_core.api.node import Node, NodeAddress, NodeStatus
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import PodStatus
from vk_core.errors import NotFound
from vk_core.pod.controller import PodController, PodFollower
from vk_core.provider import PodCallback, Provider
from vk_core.testing import make_context
from vk_core.testing.builders import OWNER
from vk_mock import PROVIDER as MOCK
from vk_mock.provider import MockProvider
from vk_mock.settings import MockSettings


class TinyProvider:
    """Runs pods at once, notifies of nothing, and forgets a pod when it is deleted.

    Attributes:
        pods: by UID, with their status.
        calls: how often each method was called.
        created: names of the pods that were really started, in order.
        updated: the pods that were handed over as changed.
        deleted: names and grace periods.
        failures: what a method raises, by its name, until it is taken away.
        hanging: methods, or a method and a pod such as `create_pod web`, that never return.
        keeps_running: whether a deleted pod goes on until `finish` is called.
    """

    def __init__(self) -> None:
        self.pods: dict[str, Pod] = {}
        self.calls: Counter[str] = Counter()
        self.created: list[str] = []
        self.updated: list[Pod] = []
        self.deleted: list[tuple[str, int]] = []
        self.failures: dict[str, Exception] = {}
        self.hanging: set[str] = set()
        self.keeps_running = False

    async def create_pod(self, pod: Pod) -> None:
        await self._called("create_pod", pod)
        uid = pod.metadata.uid
        if uid not in self.pods:
            self.created.append(pod.metadata.name)
            self.pods[uid] = pod
            self.set(uid, self.first_status(pod))

    async def update_pod(self, pod: Pod) -> None:
        await self._called("update_pod", pod)
        self.updated.append(pod)
        self.pods[pod.metadata.uid] = replace(pod, status=self._find(pod.metadata.uid).status)

    async def delete_pod(self, pod: Pod, grace_period_seconds: int) -> None:
        await self._called("delete_pod", pod)
        self.deleted.append((pod.metadata.name, grace_period_seconds))
        self._find(pod.metadata.uid)
        if not self.keeps_running or grace_period_seconds == 0:
            self.finish(pod.metadata.uid)

    async def get_pod(self, key: PodKey) -> Pod:
        await self._called("get_pod")
        return self._find(key.uid)

    async def get_pod_status(self, key: PodKey) -> PodStatus:
        await self._called("get_pod_status")
        return self._find(key.uid).status

    async def get_pods(self) -> Sequence[Pod]:
        await self._called("get_pods")
        return list(self.pods.values())

    def first_status(self, pod: Pod) -> PodStatus:
        """The status of a pod that was just created."""
        return status_of(*(running(container.name) for container in pod.spec.containers), phase="Running")

    def set(self, uid: str, status: PodStatus) -> None:
        """A pod has another status from now on."""
        self.pods[uid] = replace(self.pods[uid], status=status)

    def finish(self, uid: str, code: int = 0) -> None:
        """The containers of a pod have ended, and it is gone."""
        self.lose(uid)

    def lose(self, uid: str) -> None:
        """A pod is gone without a word."""
        self.pods.pop(uid, None)

    def _find(self, uid: str) -> Pod:
        try:
            return self.pods[uid]
        except KeyError:
            raise NotFound(f"no pod {uid}") from None

    async def _called(self, method: str, pod: Pod | None = None) -> None:
        self.calls[method] += 1
        name = pod.metadata.name if pod else ""
        if method in self.hanging or f"{method} {name}" in self.hanging:
            await asyncio.Event().wait()
        if method in self.failures:
            raise self.failures[method]


class TellingProvider(TinyProvider):
    """The same, but tells about every change."""

    def __init__(self) -> None:
        super().__init__()
        self.notify: PodCallback = lambda _pod: None

    def notify_pods(self, notify: PodCallback) -> None:
        self.notify = notify

    def set(self, uid: str, status: PodStatus) -> None:
        super().set(uid, status)
        self.notify(self.pods[uid])

    def finish(self, uid: str, code: int = 0) -> None:
        """The containers have ended; the last that is heard of the pod."""
        pod = self.pods[uid]
        phase = "Failed" if code else "Succeeded"
        self.set(uid, status_of(*(ended(container.name, code) for container in pod.spec.containers), phase=phase))
        self.lose(uid)


def mock(settings: MockSettings | None = None) -> MockProvider:
    """The mock provider."""
    provider = MOCK.create(make_context(settings or MockSettings()))
    assert isinstance(provider, MockProvider)
    return provider


NODE = Node(
    metadata=ObjectMeta(name="virtual", labels={"kubernetes.io/os": "linux"}),
    status=NodeStatus(
        allocatable={"cpu": "1000", "memory": "1Ti", "pods": "100000"},
        addresses=(NodeAddress(type="InternalIP", address="192.0.2.1"),),
    ),
)


@contextlib.asynccontextmanager
async def controlling(
    cluster: FakeCluster,
    provider: Provider,
    *,
    node: Node = NODE,
    workers: int = 8,
    resync_seconds: float = 60.0,
    namespace: str = "",
    follower: PodFollower | None = None,
) -> AsyncIterator[PodController]:
    """A pod controller that runs; it is stopped as if the process were killed."""
    controller = PodController(
        cluster.client,
        provider,
        node_name="virtual",
        owner=OWNER,
        node=lambda: node,
        namespace=namespace,
        workers=workers,
        resync_seconds=resync_seconds,
        follower=follower,
    )
    task = asyncio.create_task(controller.run())
    ready = asyncio.create_task(controller.ready.wait())
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield controller
        if task.done():
            task.result()
    finally:
        ready.cancel()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def phase(cluster: FakeCluster, name: str = "web") -> str:
    """The phase of a pod; empty without one, `gone` without the pod."""
    pod = cluster.pod(name)
    return pod.status.phase if pod else "gone"


def events(cluster: FakeCluster) -> Counter[str]:
    """How often each reason of an event was told."""
    counter: Counter[str] = Counter()
    for event in cluster.all("events"):
        counter[event["reason"]] += event["count"]
    return counter


def writes(cluster: FakeCluster) -> list[str]:
    """What was written about pods, in order."""
    return [f"{verb} {resource}" for verb, resource, _ in cluster.log if resource.startswith("pods") and verb != "list"]
