"""How many requests Virtual Kubelet makes for a pod, counted by the API server itself.

The API server's audit log names the user of every request; Virtual Kubelet runs as a user of its own. This has a
control plane of its own, because writing the log would slow down the one on which rates are measured.
"""

from __future__ import annotations

import datetime
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.contenders import VirtualKubelet
from benchmarks.driver import Load, make_namespace
from benchmarks.usage import until_quiet
from scripts.control_plane.cluster import ControlPlane

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Request
  users: [virtual-kubelet]
  resources: [{group: "", resources: ["pods", "pods/*"]}]
- level: Metadata
  users: [virtual-kubelet]
- level: None
"""
# The node's own signs of life: their number depends on time, not on pods.
HEARTBEATS = {"leases", "nodes", "nodes/status"}
EVENTS = {"events"}


@dataclass(frozen=True)
class Requests:
    """Requests while some pods were created, ran and were deleted.

    Attributes:
        pods: how many pods.
        by_kind: all requests, by verb and resource.
        per_pod: those that name one object, apart from events and the node's own heartbeats; watches go on for ever.
        events_per_pod: those that write events.
    """

    pods: int
    by_kind: dict[str, int]
    per_pod: float
    events_per_pod: float


async def count_requests(folder: Path, pods: int) -> Requests:
    """Let `pods` pods come and go, and count what the API server was asked in the meantime."""
    policy, log = folder / "audit-policy.yaml", folder / "audit.log"
    policy.write_text(POLICY)
    flags = (f"--audit-policy-file={policy}", f"--audit-log-path={log}", "--audit-log-mode=blocking")
    with ControlPlane(apiserver_flags=flags) as plane:
        make_namespace(plane)
        subject = VirtualKubelet(plane, folder)
        subject.start()
        assert subject.process is not None
        names = [f"pod-{number}" for number in range(pods)]
        since = datetime.datetime.now(datetime.UTC)
        async with Load(plane) as load:
            await load.create(names, subject.node)
            await load.until_running(names)
            await load.delete(names)
            await load.until_gone(names)
        await until_quiet(subject.process.pid)
        subject.stop()
    return _counted(log, pods, since)


def _counted(log: Path, pods: int, since: datetime.datetime) -> Requests:
    """Count what was asked since then: the requests of a start do not depend on the number of pods."""
    kinds: Counter[str] = Counter()
    named = events = 0
    with log.open() as lines:
        for line in lines:
            entry = json.loads(line)
            # A watch has a stage of its own besides its end.
            if entry["stage"] == "ResponseStarted" or _received(entry) < since:
                continue
            found = entry.get("objectRef", {})
            resource = "/".join(part for part in (found.get("resource"), found.get("subresource")) if part)
            kinds[f"{entry['verb']} {resource or entry['requestURI'].partition('?')[0]}"] += 1
            if found.get("name") and resource not in HEARTBEATS | EVENTS:
                named += 1
            if resource in EVENTS:
                events += 1
    return Requests(
        pods=pods,
        by_kind=dict(kinds.most_common()),
        per_pod=named / pods,
        events_per_pod=events / pods,
    )


def _received(entry: dict[str, Any]) -> datetime.datetime:
    return datetime.datetime.fromisoformat(entry["requestReceivedTimestamp"])
