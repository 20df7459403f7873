"""Many things at once: pods do not wait for each other, the event loop waits for nobody, and objects do not change."""

from __future__ import annotations

import asyncio

import msgspec

from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.testing.contract.base import ContractBase
from vk_core.testing.harness import ProviderUnderTest, fail, heartbeat

_PODS = 8
_NOTICEABLE_SECONDS = 0.05
_ATTEMPTS = 3


class ConcurrencyContract(ContractBase):
    """What holds for all calls together."""

    async def test_pods_are_created_and_deleted_side_by_side(self, subject: ProviderUnderTest) -> None:
        pods = [self.pod(f"web-{index}") for index in range(_PODS)]
        await asyncio.gather(*(subject.run(pod) for pod in pods))
        leaving, staying = pods[::2], pods[1::2]
        await asyncio.gather(*(subject.delete(pod, 0) for pod in leaving))
        await asyncio.gather(*(subject.until_unlisted(pod) for pod in leaving))
        for pod in staying:
            if await subject.listed(pod) is None:
                fail("delete_pod", f"deleting other pods at the same time removed {PodKey.of(pod)}")

    async def test_a_slow_call_for_one_pod_does_not_hold_up_another(self, subject: ProviderUnderTest) -> None:
        alone = await _seconds_to_create(subject, [self.pod("alone")])
        together = await _seconds_to_create(subject, [self.pod(f"web-{index}") for index in range(_PODS)])
        if alone > _NOTICEABLE_SECONDS and together > alone * _PODS * 0.75:
            fail(
                "create_pod",
                f"takes one pod after the other: {alone:.2f} s for one, {together:.2f} s for {_PODS} at the same time",
            )

    async def test_the_event_loop_is_never_blocked(self, subject: ProviderUnderTest) -> None:
        # A busy machine makes everybody late now and then; a provider that blocks does so every time.
        pauses = [await _longest_pause(subject, self.pod(f"web-{index}")) for index in range(_ATTEMPTS)]
        if min(pauses) > self.longest_step.total_seconds():
            fail(
                "create_pod, get_pods or delete_pod",
                f"blocks the event loop for {min(pauses):.2f} s; wait with await, or use asyncio.to_thread",
            )

    async def test_objects_do_not_change_after_they_were_handed_out(self, subject: ProviderUnderTest) -> None:
        pod = self.pod(labels={"app": "web"})
        given = msgspec.json.encode(pod)
        await subject.run(pod)
        pods = {
            "get_pod": await subject.call(subject.provider.get_pod, PodKey.of(pod)),
            "get_pods": await subject.listed(pod),
        }
        before = {method: msgspec.json.encode(found) for method, found in pods.items()}
        await subject.delete(pod, 0)
        await subject.until_stopped(pod, 0)
        for method, found in pods.items():
            if msgspec.json.encode(found) != before[method]:
                fail(method, "changed a pod that it had returned before; make a new one with msgspec.structs.replace")
        if msgspec.json.encode(pod) != given:
            fail("create_pod", "changed the pod it was given; make a new one with msgspec.structs.replace")


async def _seconds_to_create(subject: ProviderUnderTest, pods: list[Pod]) -> float:
    __tracebackhide__ = True
    loop = asyncio.get_running_loop()
    before = loop.time()
    await asyncio.gather(*(subject.create(pod) for pod in pods))
    return loop.time() - before


async def _longest_pause(subject: ProviderUnderTest, pod: Pod) -> float:
    __tracebackhide__ = True
    async with heartbeat() as longest_pause:
        await subject.run(pod)
        await subject.listed(pod)
        await subject.delete(pod, 0)
        await subject.until_unlisted(pod)
    return longest_pause()
