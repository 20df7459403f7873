"""What the author of a provider overrides, and the fixture that the checks use."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn, TypeAlias

import pytest
import pytest_asyncio

from vk_core.api.pod import Pod
from vk_core.provider import Provider
from vk_core.testing.builders import make_container, make_pod
from vk_core.testing.harness import ProviderUnderTest, under_test

ProviderFactory: TypeAlias = Callable[[], Provider]
"""Makes a provider. Called again, it makes another one over the same back end, as after a crash."""


@pytest.mark.asyncio
class ContractBase:
    """The knobs of the contract.

    Attributes:
        image: an image that the back end can run and that has `cat`, `echo`, `env`, `sleep` and `sh`.
        other_image: another one, to update to.
        deadline: how long a call, a start, a stop (beyond the grace period) or a change may take.
        grace_period_seconds: the grace period that pods are deleted with.
        settle: how long to listen for notifications that must not come.
        longest_step: how long the event loop may stand still.
        keeps_pods: whether pods outlive the provider's process, so that a second provider finds them.
        log_lines: what the container of `logging_pod` writes.
        held_bytes: how much of a command's input may be on its way while the client does not read the output.
        closed_port: a port where nothing listens, if the provider can tell.
    """

    image = "busybox:1.37"
    other_image = "busybox:1.36"
    deadline = dt.timedelta(seconds=30)
    grace_period_seconds = 2
    settle = dt.timedelta(seconds=0.2)
    longest_step = dt.timedelta(seconds=0.1)
    keeps_pods = False
    log_lines: tuple[str, ...] = ("first line", "second line", "third line")
    held_bytes = 4 * 1024 * 1024
    closed_port: int | None = None

    @pytest.fixture
    def make_provider(self) -> ProviderFactory:
        """Override this: return a function that makes your provider, over one back end for the whole test."""
        pytest.fail(f"{type(self).__name__} has to override the fixture make_provider", pytrace=False)

    @pytest_asyncio.fixture
    async def subject(self, make_provider: ProviderFactory) -> AsyncIterator[ProviderUnderTest]:
        """The provider under test, started."""
        async with under_test(make_provider(), self.deadline.total_seconds()) as subject:
            yield subject

    def pod(self, name: str = "web", **fields: Any) -> Pod:
        """A pod that runs until it is deleted."""
        return make_pod(name, **{"containers": (make_container(image=self.image),), **fields})

    def ending_pod(self, exit_code: int) -> Pod:
        """A pod whose container ends by itself with an exit code and is not started again."""
        container = make_container(image=self.image, command=("sh", "-c", f"exit {exit_code}"))
        return make_pod("job", containers=(container,), restart_policy="Never")

    def impossible_pod(self) -> Pod | None:
        """A pod that the provider can never run, if there is one."""
        return None

    def logging_pod(self) -> Pod:
        """A pod whose container writes `log_lines` to its output, and then runs until it is deleted."""
        script = "".join(f"echo '{line}'; " for line in self.log_lines) + "exec sleep 3600"
        return make_pod("writer", containers=(make_container(image=self.image, command=("sh", "-c", script)),))

    def attachable_pod(self) -> Pod:
        """A pod whose container writes what it reads, until it is deleted."""
        container = make_container(image=self.image, command=("cat",), stdin=True)
        return make_pod("reader", containers=(container,))

    def echoing_pod(self) -> tuple[Pod, int] | None:
        """A pod that sends back what comes to a port until the client has sent everything, and the port."""
        return None

    def exit_command(self, exit_code: int) -> tuple[str, ...]:
        """A command that ends with an exit code."""
        return ("sh", "-c", f"exit {exit_code}")

    def read_command(self, path: str) -> tuple[str, ...]:
        """A command that writes a file of the container to its output."""
        return ("cat", path)


def not_applicable(reason: str) -> NoReturn:
    """Skip a check that does not concern this provider."""
    pytest.skip(reason)
