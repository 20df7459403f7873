"""Stats: of the pods that are there and no others, in figures that a rate can be made of."""

from __future__ import annotations

from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.stats import ContainerStats, PodStats, Summary
from vk_core.provider import HasStats
from vk_core.testing.contract.base import ContractBase, not_applicable
from vk_core.testing.harness import ProviderUnderTest, fail

_METHOD = "get_stats_summary"


class StatsContract(ContractBase):
    """`HasStats`."""

    async def test_running_pods_have_stats_under_their_names(self, subject: ProviderUnderTest) -> None:
        pods = [self.pod("web-0"), self.pod("web-1")]
        for pod in pods:
            await subject.run(pod)
        summary = await _summary(subject)
        for pod in pods:
            found = _stats_of(summary, pod)
            ref = found.pod_ref
            if PodKey(ref.namespace, ref.name, ref.uid) != PodKey.of(pod):
                fail(_METHOD, f"reports the pod {PodKey.of(pod)} as {ref.namespace}/{ref.name}")
            names = [container.name for container in found.containers]
            known = [container.name for container in pod.spec.containers]
            if not set(names) <= set(known) or len(set(names)) < len(names):
                fail(_METHOD, f"reports the containers {names} of a pod that has {known}")

    async def test_the_cpu_time_of_a_container_never_runs_backwards(self, subject: ProviderUnderTest) -> None:
        pod = self.pod()
        await subject.run(pod)
        first = {one.name: one for one in _stats_of(await _summary(subject), pod).containers}
        for later in _stats_of(await _summary(subject), pod).containers:
            before = first.get(later.name)
            if before and before.start_time == later.start_time and _cpu_time(later) < _cpu_time(before):
                got = f"{_cpu_time(before)} ns, then {_cpu_time(later)} ns"
                fail(_METHOD, f"usage_core_nano_seconds of {later.name} ran backwards: {got}")

    async def test_times_have_a_time_zone(self, subject: ProviderUnderTest) -> None:
        pod = self.pod()
        await subject.run(pod)
        found = _stats_of(await _summary(subject), pod)
        times = [found.start_time, *(one.start_time for one in found.containers)]
        times += [part.time for one in found.containers for part in (one.cpu, one.memory) if part]
        for time in times:
            if time.tzinfo is None:
                fail(_METHOD, f"has the time {time} without a time zone")

    async def test_a_pod_that_is_gone_has_no_stats(self, subject: ProviderUnderTest) -> None:
        pod = self.pod()
        await subject.run(pod)
        await subject.delete(pod, 0)
        await subject.until_unlisted(pod)
        if any(one.pod_ref.uid == pod.metadata.uid for one in (await _summary(subject)).pods):
            fail(_METHOD, f"still reports the pod {PodKey.of(pod)}, which is gone")


async def _summary(subject: ProviderUnderTest) -> Summary:
    __tracebackhide__ = True
    if not isinstance(subject.provider, HasStats):
        not_applicable("the provider does not have get_stats_summary")
    summary = await subject.call(subject.provider.get_stats_summary)
    if not summary.node.node_name:
        fail(_METHOD, "does not name its node")
    return summary


def _stats_of(summary: Summary, pod: Pod) -> PodStats:
    __tracebackhide__ = True
    found = [one for one in summary.pods if one.pod_ref.uid == pod.metadata.uid]
    if len(found) != 1:
        fail(_METHOD, f"expected the running pod {PodKey.of(pod)} once, by its UID, got it {len(found)} times")
    return found[0]


def _cpu_time(container: ContainerStats) -> int:
    return (container.cpu and container.cpu.usage_core_nano_seconds) or 0
