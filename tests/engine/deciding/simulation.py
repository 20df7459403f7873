"""A container runtime and an engine in memory, driven by plans: whatever a plan asks for can be done, or not yet.

It keeps its own books of what ran when and raises AssertionError as soon as a plan would break a promise.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter, defaultdict

from msgspec.structs import replace as with_fields

from vk_core.api.pod import Pod
from vk_core.api.podstatus import PodStatus
from vk_core.engine import identity
from vk_core.engine.configuration.labels import container_hash
from vk_core.engine.deciding.actions import Kind, MakeSandbox, Plan, Start, Stop
from vk_core.engine.deciding.memory import PodMemory
from vk_core.engine.deciding.plan import plan
from vk_core.engine.deciding.status import pod_status
from vk_core.engine.observed import ObservedPod, by_pod
from vk_core.engine.runtime import ContainerPhase, RuntimeContainer, Sandbox, SandboxPhase, Snapshot

BEGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
TERMINAL = {"Succeeded", "Failed"}


class World:
    """One pod, its runtime and its engine."""

    def __init__(self, pod: Pod) -> None:
        self.pod = pod
        self.now = BEGIN
        self.memory = self._fresh_memory()
        self.sandboxes: dict[str, Sandbox] = {}
        self.containers: dict[str, RuntimeContainer] = {}
        self.under_way: dict[str, tuple[Start, str]] = {}
        self.runs: Counter[str] = Counter()
        self.has_run: defaultdict[str, set[str]] = defaultdict(set)
        self.has_passed: defaultdict[str, set[str]] = defaultdict(set)
        self.was_over = False
        self.counts: Counter[str] = Counter()
        self._ids = 0

    def _fresh_memory(self) -> PodMemory:
        return PodMemory(runtime_name="sim", accepted_at=BEGIN)

    @property
    def observed(self) -> ObservedPod:
        snapshot = Snapshot(sandboxes=tuple(self.sandboxes.values()), containers=tuple(self.containers.values()))
        uid = self.pod.metadata.uid
        return by_pod(snapshot).get(uid) or ObservedPod(uid, (), {})

    def alive(self, name: str | None = None) -> list[RuntimeContainer]:
        return [
            one
            for one in self.containers.values()
            if one.phase in {ContainerPhase.RUNNING, ContainerPhase.UNKNOWN}
            and (name is None or one.labels[identity.CONTAINER_NAME] == name)
        ]

    def dead(self) -> list[RuntimeContainer]:
        return [one for one in self.containers.values() if one.phase is ContainerPhase.EXITED]

    def decide(self) -> Plan:
        """What the engine does each time: reports the status, then plans; both are checked."""
        observed = self.observed
        status = pod_status(self.pod, observed, self.memory, self.now)
        self._check_status(status)
        self.memory.reported = status
        before = repr(self.memory)
        decided = plan(self.pod, observed, self.memory, self.now)
        assert repr(self.memory) == before, "planning must not change the memory"
        self._check_plan(decided)
        return decided

    def _check_status(self, status: PodStatus) -> None:
        previous = self.memory.reported or self.pod.status
        if previous.phase in TERMINAL:
            assert status.phase == previous.phase
        if status.phase in TERMINAL:
            assert not self.alive()
        for one in (*status.init_container_statuses, *status.container_statuses):
            assert one.restart_count >= self.counts[one.name], f"the restart count of {one.name} went back"
            self.counts[one.name] = one.restart_count
            assert not (one.ready and not one.started and one.state.terminated is None)
        assert len(status.container_statuses) == len(self.pod.spec.containers)

    def _check_plan(self, decided: Plan) -> None:
        if self.was_over:
            assert decided.over, "what is over remains over"
        self.was_over = decided.over
        if decided.over:
            assert not decided.starts
            assert decided.sandbox is None
        if decided.sandbox is not None:
            assert not decided.starts
            assert not self.alive(), "a sandbox is made only when nothing runs"
            assert decided.sandbox.attempt not in {one.attempt for one in self.sandboxes.values()}
        for start in decided.starts:
            self._check_start(start)
        for container_id in decided.removes:
            assert self.containers[container_id] not in self.alive()

    def _check_start(self, start: Start) -> None:
        name = start.container.name
        assert not self.alive(name), f"{name} would run twice"
        assert name not in self.under_way, f"{name} is being started already"
        assert self.sandboxes[start.sandbox_id].phase is SandboxPhase.READY
        if start.kind is Kind.EPHEMERAL:
            assert not self.runs[name]
            return
        for before in self.pod.spec.init_containers:
            if before.name == name:
                return
            if before.restart_policy == "Always":
                assert before.name in self.has_run[start.sandbox_id], f"{name} before {before.name}"
            else:
                assert before.name in self.has_passed[start.sandbox_id], f"{name} before {before.name}"

    def make_sandbox(self, wanted: MakeSandbox) -> None:
        for replaced in wanted.replaces:
            self.stop_sandbox(replaced)
        made = Sandbox(
            id=self._new_id("sandbox"),
            phase=SandboxPhase.READY,
            created_at=self.now,
            attempt=wanted.attempt,
            labels={identity.POD_UID: self.pod.metadata.uid},
            ips=("10.0.0.1",),
        )
        self.sandboxes[made.id] = made

    def stop_sandbox(self, sandbox_id: str, *, kills: bool = True) -> None:
        self.sandboxes[sandbox_id] = with_phase(self.sandboxes[sandbox_id])
        for one in self.alive():
            if kills and one.sandbox_id == sandbox_id:
                self.end(one.id, 137)

    def begin(self, start: Start) -> None:
        """Makes the container; it does not run yet."""
        self.memory.note_starting(start)
        for removed in start.removes:
            assert self.containers[removed].phase in {ContainerPhase.CREATED, ContainerPhase.UNKNOWN}
            del self.containers[removed]
        made = RuntimeContainer(
            id=self._new_id(start.container.name),
            sandbox_id=start.sandbox_id,
            phase=ContainerPhase.CREATED,
            created_at=self.now,
            image=start.container.image,
            labels={
                identity.POD_UID: self.pod.metadata.uid,
                identity.CONTAINER_NAME: start.container.name,
            },
            annotations={
                identity.RESTART_COUNT: str(start.attempt),
                identity.HASH: container_hash(start.container),
            },
        )
        self.containers[made.id] = made
        self.under_way[start.container.name] = start, made.id

    def complete(self, name: str, *, succeeds: bool = True) -> None:
        """Starts what was made, or fails to."""
        start, made = self.under_way.pop(name)
        container = self.containers.get(made)
        ready = self.sandboxes[start.sandbox_id].phase is SandboxPhase.READY
        if container is None or not succeeds or not ready:
            retry_at = self.now + dt.timedelta(seconds=10)
            self.memory.note_failed(start, "CreateContainerError", "no", retry_at)
            self.containers.pop(made, None)
            return
        self._set(made, phase=ContainerPhase.RUNNING, started_at=self.now)
        self.memory.note_started(start, made)
        self.runs[name] += 1
        self.has_run[start.sandbox_id].add(name)

    def stop(self, stop: Stop, exit_code: int = 143) -> None:
        self.memory.note_stopping(stop)
        if stop.its_turn:
            self.end(stop.container_id, exit_code)
            self.memory.note_stopped(stop)

    def end(self, container_id: str, exit_code: int) -> None:
        one = self.containers[container_id]
        self._set(container_id, phase=ContainerPhase.EXITED, finished_at=self.now, exit_code=exit_code)
        if exit_code == 0:
            self.has_passed[one.sandbox_id].add(one.labels[identity.CONTAINER_NAME])

    def lose_sight_of(self, container_id: str) -> None:
        self._set(container_id, phase=ContainerPhase.UNKNOWN)

    def remove(self, container_id: str) -> None:
        """Removes it as the plan says: it is as if it had never been in its sandbox."""
        one = self.containers.pop(container_id)
        self.has_run[one.sandbox_id].discard(one.labels[identity.CONTAINER_NAME])
        self.has_passed[one.sandbox_id].discard(one.labels[identity.CONTAINER_NAME])

    def restart_engine(self) -> None:
        """All that is remembered is lost but what the API server has; what was being done stays half done."""
        self.pod = with_fields(self.pod, status=self.memory.reported or self.pod.status)
        self.memory = self._fresh_memory()
        self.under_way.clear()

    def perform(self, decided: Plan) -> None:
        """Does all that a plan asks for, at once."""
        for stop in decided.stops:
            self.stop(stop)
        for removed in decided.removes:
            self.remove(removed)
        if decided.sandbox is not None:
            self.make_sandbox(decided.sandbox)
        for start in decided.starts:
            self.begin(start)
        for resize in decided.resizes:
            self.memory.actuated[resize.container_id] = resize.resources
        for sandbox_id in decided.stop_sandboxes:
            self.stop_sandbox(sandbox_id)
        for name in list(self.under_way):
            self.complete(name)

    def settle(self, rounds: int = 200) -> Plan:
        """Goes on without faults until there is nothing left to do; init containers succeed."""
        for _ in range(rounds):
            inits = {one.name for one in self.pod.spec.init_containers if one.restart_policy != "Always"}
            for one in self.alive():
                if one.phase is ContainerPhase.RUNNING and one.labels[identity.CONTAINER_NAME] in inits:
                    self.end(one.id, 0)
            decided = self.decide()
            if is_idle(decided) and not self.under_way:
                if decided.ended or decided.wake_at is None or decided.wake_at > BEGIN + dt.timedelta(days=300):
                    return decided
                self.now = decided.wake_at
            self.perform(decided)
        raise AssertionError(f"does not come to rest: {decided}")

    def _set(self, container_id: str, **fields: object) -> None:

        self.containers[container_id] = dataclasses.replace(self.containers[container_id], **fields)  # type: ignore[arg-type]

    def _new_id(self, name: str) -> str:
        self._ids += 1
        self.now += dt.timedelta(milliseconds=1)
        return f"{name}-{self._ids}"


def with_phase(sandbox: Sandbox) -> Sandbox:

    return dataclasses.replace(sandbox, phase=SandboxPhase.NOT_READY)


def is_idle(decided: Plan) -> bool:
    return not (
        decided.stops
        or decided.removes
        or decided.sandbox
        or decided.starts
        or decided.resizes
        or decided.stop_sandboxes
    )
