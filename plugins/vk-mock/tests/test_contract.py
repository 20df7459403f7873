"""The mock keeps the provider contract, at once and with delays."""

from __future__ import annotations

import datetime as dt

import pytest

from vk_core.api.pod import Pod
from vk_core.testing import ProviderContract, ProviderFactory, make_context, make_pod
from vk_mock.provider import MockProvider
from vk_mock.settings import Delays, Logs, MockSettings

LOGS = Logs(lines=ProviderContract.log_lines)


class TestMock(ProviderContract):
    settings = MockSettings(logs=LOGS)

    @pytest.fixture
    def make_provider(self) -> ProviderFactory:
        return lambda: MockProvider(make_context(self.settings))

    def ending_pod(self, exit_code: int) -> Pod:
        annotations = {"mock.virtual-kubelet.io/exit-code": str(exit_code)}
        return make_pod(annotations=annotations, restart_policy="Never")

    def logging_pod(self) -> Pod:
        return self.pod("writer")

    def echoing_pod(self) -> tuple[Pod, int]:
        return self.pod("echo"), 80

    def exit_command(self, exit_code: int) -> tuple[str, ...]:
        return ("exit", str(exit_code))

    def impossible_pod(self) -> Pod:
        return make_pod(annotations={"mock.virtual-kubelet.io/exit-code": "many"})


class TestMockWithDelays(TestMock):
    settings = MockSettings(
        logs=LOGS,
        delays=Delays(
            pull=(dt.timedelta(milliseconds=1), dt.timedelta(milliseconds=20)),
            start=dt.timedelta(milliseconds=10),
            stop=dt.timedelta(milliseconds=10),
        ),
    )
