"""A minimal scheduler: gives pods a node with room for them that they tolerate and select, the emptiest first.

No preemption, no pod affinity, no spreading, no volumes. It sits on the store, not behind HTTP, and works in small
portions so that the API stays responsive while thousands of pods wait. What cannot be placed is tried again when
something changes.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from vk_core.api.node import Node
from vk_core.api.pod import Pod
from vk_core.api.scheduling import pod_requests
from vk_core.devcluster import podactions
from vk_core.devcluster.placing import Candidate, reasons_against, unschedulable_message
from vk_core.devcluster.registry import Registry, fresh
from vk_core.devcluster.resources import EVENTS, NODES, PODS
from vk_core.devcluster.statuses import StatusError
from vk_core.devcluster.store import Change, Key, Object

_LOG = logging.getLogger(__name__)
NAME = "default-scheduler"
_PORTION = 20
_FINISHED = ("Failed", "Succeeded")


class Scheduler:
    """Watches pods and nodes of a registry and binds the ones to the others."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._nodes: dict[str, Candidate] = {}
        self._placed: dict[Key, tuple[str, Counter[str]]] = {}
        self._pending: dict[Key, None] = {}
        self._waiting: dict[Key, None] = {}
        self._is_awake = False
        self._stops: list[Callable[[], None]] = []

    def start(self) -> None:
        """Begins to schedule, what is there already included."""
        store = self._registry.store
        for resource, react in ((NODES, self._node_changed), (PODS, self._pod_changed)):
            for stored in store.items(resource):
                key = (stored.metadata.get("namespace", ""), stored.metadata["name"])
                react(Change("ADDED", resource, key, stored))
            self._stops.append(store.listen(react, resource))

    def stop(self) -> None:
        """Ends scheduling."""
        for stop in self._stops:
            stop()
        self._stops.clear()
        self._pending.clear()

    def _node_changed(self, change: Change) -> None:
        name = change.key[1]
        if change.type == "DELETED":
            self._nodes.pop(name, None)
            self._retry()
            return
        node = msgspec.convert(change.new.object, Node)
        candidate = self._nodes.get(name)
        if candidate is None:
            self._nodes[name] = Candidate(node, self._used_on(name))
        elif not candidate.replace(node):
            return
        self._retry()

    def _used_on(self, node: str) -> Counter[str]:
        used: Counter[str] = Counter()
        for name, requests in self._placed.values():
            if name == node:
                used.update(requests)
        return used

    def _pod_changed(self, change: Change) -> None:
        pod, key = change.new.object, change.key
        node = pod["spec"].get("nodeName")
        if change.type == "DELETED" or pod.get("status", {}).get("phase") in _FINISHED:
            self._pending.pop(key, None)
            self._waiting.pop(key, None)
            self._release(key)
        elif node:
            self._pending.pop(key, None)
            self._waiting.pop(key, None)
            self._account(key, node, pod, change)
        elif self._is_ours(pod) and (change.old is None or _differs(pod, change.old.object)):
            self._waiting.pop(key, None)
            self._pending[key] = None
            self._wake()

    def _is_ours(self, pod: Object) -> bool:
        return pod["spec"].get("schedulerName") == NAME and "deletionTimestamp" not in pod["metadata"]

    def _account(self, key: Key, node: str, pod: Object, change: Change) -> None:
        """Counts what a placed pod takes; again when it was resized."""
        if key in self._placed:
            if change.old is None or change.old.object["spec"] == pod["spec"]:
                return
            self._release(key)
        requests = Counter(pod_requests(msgspec.convert(pod, Pod)))
        requests["pods"] = 1
        self._placed[key] = (node, requests)
        if node in self._nodes:
            self._nodes[node].used.update(requests)

    def _release(self, key: Key) -> None:
        node, requests = self._placed.pop(key, ("", Counter()))
        if node in self._nodes:
            self._nodes[node].used.subtract(requests)
            self._retry()

    def _retry(self) -> None:
        """Lets the pods that found no place try again."""
        if self._waiting:
            self._pending.update(self._waiting)
            self._waiting.clear()
            self._wake()

    def _wake(self) -> None:
        if not self._is_awake:
            self._is_awake = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        """Schedules some pods, and comes back for the rest on the next turn of the event loop."""
        self._is_awake = False
        for _ in range(min(_PORTION, len(self._pending))):
            key = next(iter(self._pending))
            del self._pending[key]
            self._schedule(key)
        if self._pending:
            self._wake()

    def _schedule(self, key: Key) -> None:
        stored = self._registry.store.get(PODS, key)
        if stored is None or stored.object["spec"].get("nodeName"):
            return
        pod = msgspec.convert(stored.object, Pod)
        if pod.spec.scheduling_gates:
            self._refuse(key, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates")
            return
        reasons: Counter[str] = Counter()
        requests = pod_requests(pod)
        best: Candidate | None = None
        for candidate in self._candidates(pod, requests, reasons):
            if best is None or candidate.load < best.load:
                best = candidate
        if best is None:
            self._waiting[key] = None
            message = unschedulable_message(len(self._nodes), reasons)
            if self._refuse(key, "Unschedulable", message):
                self._record(stored.object, "Warning", "FailedScheduling", message)
            return
        podactions.bind(self._registry, key, {"target": {"kind": "Node", "name": best.node.metadata.name}})
        where = f"{key[0]}/{key[1]} to {best.node.metadata.name}"
        self._record(stored.object, "Normal", "Scheduled", f"Successfully assigned {where}")

    def _candidates(self, pod: Pod, requests: dict[str, int], reasons: Counter[str]) -> Iterator[Candidate]:
        for candidate in self._nodes.values():
            against = reasons_against(pod, requests, candidate)
            if against:
                reasons.update(against)
            else:
                yield candidate

    def _refuse(self, key: Key, reason: str, message: str) -> bool:
        """Says in the pod's status why it has no node; returns whether that is news."""
        stored = self._registry.get(PODS, key)
        pod = fresh(stored.object)
        podactions.set_condition(pod, "PodScheduled", "False", reason=reason, message=message)
        return self._registry.commit(PODS, key, pod, stored) is not stored

    def _record(self, pod: Object, kind: str, reason: str, message: str) -> None:
        metadata: dict[str, Any] = pod["metadata"]
        moment = dt.datetime.now(dt.UTC)
        event = {
            "metadata": {"name": f"{metadata['name']}.{int(moment.timestamp() * 1e9):x}"},
            "involvedObject": {
                "kind": "Pod",
                "apiVersion": "v1",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            },
            "type": kind,
            "reason": reason,
            "message": message,
            "action": "Binding" if kind == "Normal" else "Scheduling",
            "eventTime": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingComponent": NAME,
            "reportingInstance": NAME,
        }
        try:
            self._registry.create(EVENTS, metadata["namespace"], event)
        except StatusError as error:
            _LOG.debug("event %s of %s not recorded: %s", reason, metadata["name"], error)


def _differs(pod: Object, old: Object) -> bool:
    """Whether a change can matter for scheduling: not the condition that the scheduler itself wrote."""
    return bool(pod["spec"] != old["spec"] or pod["metadata"].get("labels") != old["metadata"].get("labels"))
