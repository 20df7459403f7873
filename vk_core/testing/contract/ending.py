"""Pods that end by themselves: their exit codes are told, and they stay until they are deleted."""

from __future__ import annotations

import pytest

from vk_core.api.podstatus import PodStatus
from vk_core.testing.contract.base import ContractBase
from vk_core.testing.harness import ProviderUnderTest, fail
from vk_core.testing.validity import describe


class EndingContract(ContractBase):
    """Jobs and everything else that is over some time."""

    @pytest.mark.parametrize(
        ("exit_code", "phase"),
        [pytest.param(0, "Succeeded", id="success"), pytest.param(3, "Failed", id="failure")],
    )
    async def test_a_pod_that_ends_by_itself_tells_its_exit_code(
        self, subject: ProviderUnderTest, exit_code: int, phase: str
    ) -> None:
        pod = self.ending_pod(exit_code)
        await subject.create(pod)
        status = await subject.until(pod, has_finished, "get_pod_status", "did not finish although its container ends")
        if status is None or status.phase != phase or _exit_codes(status) != [exit_code]:
            got = describe(status or PodStatus())
            fail(
                "get_pod_status",
                f"expected phase {phase} and exit code {exit_code} of a container that ended, got {got}",
            )

    async def test_a_finished_pod_stays_until_it_is_deleted(self, subject: ProviderUnderTest) -> None:
        pod = self.ending_pod(0)
        await subject.create(pod)
        await subject.until(pod, has_finished, "get_pod_status", "did not finish although its container ends")
        if await subject.listed(pod) is None:
            fail("get_pods", "does not list a pod that has finished; it stays until delete_pod is called for it")
        await subject.delete(pod, 0)
        await subject.until_unlisted(pod)


def has_finished(status: PodStatus | None) -> bool:
    """Whether a pod has come to its end by itself."""
    return status is not None and status.phase in ("Succeeded", "Failed")


def _exit_codes(status: PodStatus) -> list[int]:
    return [one.state.terminated.exit_code for one in status.container_statuses if one.state.terminated]
