"""The records of all pods of the node, and what the provider had before the cluster was heard."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vk_core.api.pod import Pod
from vk_core.pod.admission import Usage
from vk_core.pod.phase import is_finished
from vk_core.pod.record import PodRecord


class PodBook:
    """All records by UID.

    Attributes:
        usage: what the pods that the node has taken ask for.
        closed: told the UID of every pod that has come to its end or is forgotten.
        provider_counts_restarts: whether the provider goes on with the restart counts of pods (`CountsRestarts`).
        tick: grows with every inventory; records are stamped with it to tell old knowledge from new.
    """

    def __init__(self) -> None:
        self.usage = Usage()
        self.provider_counts_restarts = False
        self.tick = 0
        self.closed: Callable[[str], None] = lambda _uid: None
        self._records: dict[str, PodRecord] = {}
        self._uids: dict[tuple[str, str], str] = {}
        self._unclaimed: dict[str, Pod] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[tuple[str, PodRecord]]:
        return iter(list(self._records.items()))

    def __contains__(self, uid: str) -> bool:
        return uid in self._records

    def get(self, uid: str) -> PodRecord | None:
        """The record of a pod, if there is one."""
        return self._records.get(uid)

    def named(self, namespace: str, name: str) -> PodRecord | None:
        """The record of the pod that the API server knows by this name."""
        record = self._records.get(self._uids.get((namespace, name), ""))
        return record if record is not None and record.wanted else None

    def open(self, pod: Pod) -> PodRecord:
        """Begin a record for a pod that the API server shows; what the provider has of it is adopted."""
        uid = pod.metadata.uid
        record = self._records[uid] = PodRecord(pod=pod, touched=self.tick)
        self._uids[pod.metadata.namespace, pod.metadata.name] = uid
        found = self._unclaimed.pop(uid, None)
        if found is not None:
            adopt(record, found)
            if self.provider_counts_restarts:
                record.restarts.clear()
        if record.present and not is_finished(pod.status):
            self.usage.add(pod)
        return record

    def open_orphan(self, pod: Pod) -> PodRecord:
        """Begin a record for a pod that only the provider has."""
        record = PodRecord(pod=pod, wanted=False, present=True, actual=pod.status, touched=self.tick)
        self._records[pod.metadata.uid] = record
        return record

    def finish(self, uid: str) -> None:
        """A pod has come to its end by itself and needs nothing any more, but it is still there to be asked about."""
        self.usage.remove(uid)
        self.closed(uid)

    def close(self, uid: str) -> None:
        """Forget a pod."""
        record = self._records.pop(uid, None)
        if record is not None:
            name = (record.pod.metadata.namespace, record.pod.metadata.name)
            if self._uids.get(name) == uid:
                del self._uids[name]
        self._unclaimed.pop(uid, None)
        self.finish(uid)

    def find(self, pods: list[Pod]) -> None:
        """Note what the provider has before the cluster was heard."""
        for pod in pods:
            self._unclaimed[pod.metadata.uid] = pod

    def found_changed(self, pod: Pod) -> None:
        """Note a change of a pod that the cluster has not shown yet."""
        found = self._unclaimed.get(pod.metadata.uid)
        if found is not None:
            self._unclaimed[pod.metadata.uid] = pod

    def unclaimed(self) -> list[Pod]:
        """What the provider had and the cluster did not show; each is given once."""
        pods = list(self._unclaimed.values())
        self._unclaimed.clear()
        return pods


def adopt(record: PodRecord, found: Pod) -> None:
    """Take over a pod that the provider has already, as after a restart of this process."""
    record.present = True
    record.actual = found.status
    # A provider that cannot give the specification back is taken to run what the cluster wants.
    record.handed = found if found.spec.containers else record.pod
    counted = {status.name: status.restart_count for status in found.status.container_statuses}
    for status in record.pod.status.container_statuses:
        missing = status.restart_count - counted.get(status.name, status.restart_count)
        if missing > 0:
            record.restarts[status.name] = missing
