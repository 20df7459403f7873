"""The provider contract tells a provider that is right from one that is not, and says what is wrong with it."""

from __future__ import annotations

import datetime as dt
import inspect
from typing import Any

import pytest

from tests.testing.broken import manners, materials, node, pods, streams  # noqa: F401 - they fill the list of broken providers
from tests.testing.broken.base import BROKEN, KEPT, Right
from vk_core.api.pod import Pod
from vk_core.testing import ProviderContract, make_pod, run_in_virtual_time
from vk_core.testing.harness import under_test


class Contract(ProviderContract):
    longest_step = dt.timedelta(milliseconds=25)
    keeps_pods = True
    closed_port = Right.closed_port

    def logging_pod(self) -> Pod:
        return self.pod("writer")

    def echoing_pod(self) -> tuple[Pod, int]:
        return self.pod("echo"), 80

    def exit_command(self, exit_code: int) -> tuple[str, ...]:
        return ("exit", str(exit_code))

    def ending_pod(self, exit_code: int) -> Pod:
        return make_pod(annotations={"mock.virtual-kubelet.io/exit-code": str(exit_code)}, restart_policy="Never")

    def impossible_pod(self) -> Pod:
        return make_pod(annotations={"mock.virtual-kubelet.io/exit-code": "many"})


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    KEPT.clear()


@pytest.mark.parametrize(
    ("provider", "check", "sentence"),
    [
        pytest.param(provider, check, sentence, id=f"{provider.__name__}-{check}")
        for provider, check, sentence in BROKEN
    ],
)
def test_the_contract_says_what_is_wrong_with_a_provider(provider: type[Right], check: str, sentence: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=f"^{sentence}"):
        run_check(provider, check)


@pytest.mark.parametrize("check", sorted({check for _, check, _ in BROKEN}))
def test_a_provider_that_is_right_passes_the_same_checks(check: str) -> None:
    run_check(Right, check)


def test_every_check_of_the_contract_finds_a_broken_provider() -> None:
    assert {check for _, check, _ in BROKEN} == {name for name in dir(ProviderContract) if name.startswith("test_")}


def run_check(provider: type[Right], name: str) -> None:
    """Runs one check of the contract on virtual time, with the last of its parameters."""
    contract = Contract()
    check = getattr(contract, name)
    arguments: dict[str, Any] = {"make_provider": provider, "exit_code": 3, "phase": "Failed"}
    wanted = inspect.signature(check).parameters

    async def run() -> None:
        async with under_test(provider(), contract.deadline.total_seconds()) as subject:
            given = {**arguments, "subject": subject}
            await check(**{name: given[name] for name in wanted})

    try:
        run_in_virtual_time(run())
    except pytest.skip.Exception as skipped:
        raise AssertionError(f"{name} was skipped: {skipped}") from skipped
