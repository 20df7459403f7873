"""For the authors of providers: the contract that every provider must keep, and what its tests need besides.

    class TestAcme(ProviderContract):
        @pytest.fixture
        def make_provider(self) -> ProviderFactory:
            backend = FakeAcme()
            return lambda: AcmeProvider(make_context(AcmeSettings()), backend)

Needs the extra `testing` (pytest and pytest-asyncio); nothing else in `vk_core` imports this package.
"""

from vk_core.testing.builders import make_container, make_context, make_pod
from vk_core.testing.clients import ContainerClient, PortClient
from vk_core.testing.contract import ProviderContract, ProviderFactory
from vk_core.testing.events import RecordedEvents, ToldEvent
from vk_core.testing.materials import FixedMaterials, make_materials
from vk_core.testing.validity import status_problems
from vk_core.testing.virtualtime import VirtualTimeLoop, run_in_virtual_time, virtual_time

__all__ = [
    "ContainerClient",
    "FixedMaterials",
    "PortClient",
    "ProviderContract",
    "ProviderFactory",
    "RecordedEvents",
    "ToldEvent",
    "VirtualTimeLoop",
    "make_container",
    "make_context",
    "make_materials",
    "make_pod",
    "run_in_virtual_time",
    "status_problems",
    "virtual_time",
]
