"""Whatever happens to a pod, and whatever is lost: it converges, nothing runs twice, and nothing starts at the end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.engine.deciding.simulation import TERMINAL, World
from vk_core.api.container import (
    Container,
    ContainerRestartRule,
    ContainerRestartRuleOnExitCodes,
    EphemeralContainer,
    ExecAction,
    Probe,
)
from vk_core.api.pod import Pod
from vk_core.engine.deciding.actions import Plan
from vk_core.engine.deciding.memory import ProbeResults, Termination, Verdict
from vk_core.engine.runtime import RuntimeContainer, SandboxPhase
from vk_core.testing import make_container, make_pod

Step = tuple[str, int, int]

PROBE = Probe(exec=ExecAction(command=("true",)))
EXIT_CODES = (0, 0, 1, 42, 137)
RESULTS = (None, True, True, False)
POLICIES = ("Always", "OnFailure", "Never")


def act(world: World, mask: int, salt: int) -> None:
    """Some of what is planned is done, some of it is half done."""
    decided = world.decide()
    perform_some(world, decided, mask)
    for index, name in enumerate(list(world.under_way)):
        if mask >> index & 1:
            world.complete(name, succeeds=bool(salt % 4))


def perform_some(world: World, decided: Plan, mask: int) -> None:
    for index, stop in enumerate(decided.stops):
        if mask >> index & 1:
            world.stop(stop, 0 if mask & 128 else 143)
    for removed in decided.removes[: 1 + mask % 3]:
        world.remove(removed)
    if decided.sandbox is not None and mask & 4:
        world.make_sandbox(decided.sandbox)
    for index, start in enumerate(decided.starts):
        if mask >> index & 1:
            world.begin(start)
    for sandbox_id in decided.stop_sandboxes:
        world.stop_sandbox(sandbox_id)


def one_of(found: Sequence[RuntimeContainer], index: int) -> RuntimeContainer | None:
    return found[index % len(found)] if found else None


def all_is_done(world: World, _first: int, _second: int) -> None:
    world.perform(world.decide())


def time_passes(world: World, first: int, _second: int) -> None:
    world.now += dt.timedelta(seconds=(1, 15, 700)[first % 3])


def engine_restarts(world: World, _first: int, _second: int) -> None:
    world.restart_engine()


def container_ends(world: World, first: int, second: int) -> None:
    if (one := one_of(world.alive(), first)) is not None:
        world.end(one.id, EXIT_CODES[second % len(EXIT_CODES)])


def container_goes_out_of_sight(world: World, first: int, _second: int) -> None:
    if (one := one_of(world.alive(), first)) is not None:
        world.lose_sight_of(one.id)


def probes_say(world: World, first: int, second: int) -> None:
    if (one := one_of(world.alive(), first)) is not None:
        world.memory.probes[one.id] = ProbeResults(*(RESULTS[second >> shift & 3] for shift in (0, 2, 4)))


def dead_container_is_removed(world: World, first: int, _second: int) -> None:
    world.decide()
    if (one := one_of(world.dead(), first)) is not None:
        del world.containers[one.id]


def sandbox_dies(world: World, first: int, second: int) -> None:
    if world.sandboxes:
        world.stop_sandbox(list(world.sandboxes)[first % len(world.sandboxes)], kills=bool(second & 1))


def image_changes(world: World, first: int, _second: int) -> None:
    apps = list(world.pod.spec.containers)
    apps[first % len(apps)] = replace(apps[first % len(apps)], image=f"busybox:{first}")
    world.pod = replace(world.pod, spec=replace(world.pod.spec, containers=tuple(apps)))


def someone_debugs(world: World, _first: int, _second: int) -> None:
    debugger = (EphemeralContainer(name="debugger", image="busybox"),)
    world.pod = replace(world.pod, spec=replace(world.pod.spec, ephemeral_containers=debugger))


def pod_is_deleted(world: World, first: int, second: int) -> None:
    """The API server knows it, so that a restart of the engine does not forget it."""
    if second & 7:
        return
    grace = (0, 5, 30)[first % 3]
    world.memory.termination = Termination(world.now, grace)
    deletion = world.now + dt.timedelta(seconds=grace)
    meta = replace(world.pod.metadata, deletion_timestamp=deletion, deletion_grace_period_seconds=grace)
    world.pod = replace(world.pod, metadata=meta)


def pod_is_evicted(world: World, _first: int, second: int) -> None:
    """A verdict that is not reported yet is known to nobody but the engine, so this goes on to the end."""
    if second & 7:
        return
    world.memory.verdict = Verdict(world.now, "Evicted", "The node was low on resource: memory.")
    world.settle()


WEIGHTS: dict[Callable[[World, int, int], None], int] = {
    all_is_done: 10,
    act: 10,
    time_passes: 4,
    container_ends: 5,
    engine_restarts: 3,
    probes_say: 3,
    sandbox_dies: 2,
    container_goes_out_of_sight: 1,
    dead_container_is_removed: 2,
    image_changes: 1,
    someone_debugs: 1,
    pod_is_deleted: 1,
    pod_is_evicted: 1,
}
STEPS = {step.__name__: step for step in WEIGHTS}
NAMES = [step.__name__ for step, weight in WEIGHTS.items() for _ in range(weight)]


def make(policy: str, inits: Sequence[int], apps: Sequence[int], deadline: int | None) -> Pod:
    """A pod from numbers, each of which describes a container."""
    return make_pod(
        uid="uid",
        restart_policy=policy,
        active_deadline_seconds=deadline,
        init_containers=tuple(
            describe(f"init-{index}", number, (None, "Always", "Never", "Always")) for index, number in enumerate(inits)
        ),
        containers=tuple(
            describe(f"app-{index}", number, (None, "Always", "Never", "OnFailure"))
            for index, number in enumerate(apps)
        ),
    )


def describe(name: str, number: int, policies: Sequence[str | None]) -> Container:
    policy = policies[number & 3]
    action = ("", "", "Restart", "RestartAllContainers")[number >> 2 & 3] if policy in {"Never", "OnFailure"} else ""
    codes = ContainerRestartRuleOnExitCodes(operator="In", values=(42,))
    probed = name.startswith("app") or policy == "Always"
    return make_container(
        name,
        restart_policy=policy,
        restart_policy_rules=(ContainerRestartRule(action=action, exit_codes=codes),) if action else (),
        startup_probe=PROBE if probed and number & 16 else None,
        readiness_probe=PROBE if probed and number & 32 else None,
    )


def live_through(pod: Pod, steps: Sequence[Step]) -> World:
    """Lets all that happen to a pod, then what is left to do, then deletes it."""
    world = World(pod)
    for name, first, second in steps:
        STEPS[name](world, first, second)
    if not world.settle().ended:
        check_at_rest(world)
    pod_is_deleted(world, 2, 0)
    assert world.settle().ended
    assert not world.alive()
    assert all(sandbox.phase is SandboxPhase.NOT_READY for sandbox in world.sandboxes.values())
    assert world.memory.reported is not None
    assert world.memory.reported.phase in TERMINAL
    if not any(name == image_changes.__name__ for name, _, _ in steps):
        check_runs(world)
    return world


def check_at_rest(world: World) -> None:
    """Nothing is left to do: each app container runs, or is done, or its pod waits for a startup probe."""
    spec = world.pod.spec
    if any(one.startup_probe is not None for one in spec.init_containers):
        return
    for one in spec.containers:
        policy = one.restart_policy or spec.restart_policy
        assert world.alive(one.name) or policy != "Always"


def check_runs(world: World) -> None:
    """What must not be restarted ran once at most."""
    spec = world.pod.spec
    if any(one.restart_policy_rules for one in (*spec.init_containers, *spec.containers)):
        return
    for one in spec.containers:
        if (one.restart_policy or spec.restart_policy) == "Never":
            assert world.runs[one.name] <= 1, f"{one.name} ran twice"


@settings(max_examples=200, deadline=None)
@given(
    policy=st.sampled_from(POLICIES),
    inits=st.lists(st.integers(0, 63), max_size=3),
    apps=st.lists(st.integers(0, 63), min_size=1, max_size=3),
    deadline=st.sampled_from([None, None, None, 600]),
    steps=st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 255), st.integers(0, 63)), max_size=60),
)
def test_a_pod_converges_and_keeps_its_promises_whatever_happens(
    policy: str, inits: list[int], apps: list[int], deadline: int | None, steps: list[Step]
) -> None:
    live_through(make(policy, inits, apps, deadline), steps)
