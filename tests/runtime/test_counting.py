"""Calls of the provider are counted, and it stays the same provider."""

from __future__ import annotations

import pytest

from tests.support.metrics import growth
from tests.support.providers import TinyProvider
from vk_core.errors import NotFound
from vk_core.provider.capabilities import HasContainerLogs, NotifiesPods, Pingable, Startable
from vk_core.runtime.counting import counted
from vk_core.testing import make_pod


async def test_calls_of_the_provider_are_counted_by_what_came_of_them() -> None:
    provider = TinyProvider()
    seen = counted(provider)
    pod = make_pod()
    with growth() as found:
        await seen.create_pod(pod)
        with pytest.raises(NotFound):
            await seen.delete_pod(make_pod(), 0)
        provider.failures["get_pods"] = RuntimeError("a bug")
        with pytest.raises(RuntimeError):
            await seen.get_pods()
    assert provider.created == [pod.metadata.name]
    assert found["virtual_kubelet_provider_calls_total", "create_pod", "ok"] == 1
    assert found["virtual_kubelet_provider_calls_total", "delete_pod", "NotFound"] == 1
    assert found["virtual_kubelet_provider_calls_total", "get_pods", "bug"] == 1
    assert found["virtual_kubelet_provider_call_duration_seconds_count", "create_pod", "ok"] == 1


def test_a_provider_that_is_counted_can_do_what_it_could_before() -> None:
    class Able(TinyProvider):
        colour = "green"

        async def ping(self) -> None: ...

        def notify_pods(self, notify: object) -> None: ...

    seen = counted(Able())
    assert isinstance(seen, Pingable)
    assert isinstance(seen, NotifiesPods)
    assert not isinstance(seen, Startable | HasContainerLogs)
    assert getattr(seen, "colour") == "green"  # noqa: B009
