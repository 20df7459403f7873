"""The mock without materials: what pods cost when nobody looks at what they refer to, to compare with."""

from __future__ import annotations

import dataclasses
from typing import Any

from vk_core.provider import Environment, ProviderContext, ProviderPlugin
from vk_mock.provider import MockProvider
from vk_mock.settings import MockSettings


class _Nothing:
    def of(self, _pod: object) -> Any:
        return self

    async def volumes(self, **_: object) -> dict[str, object]:
        return {}

    async def environment(self, _name: str) -> Environment:
        return Environment({})

    def mounts(self, _name: str, _environment: Environment) -> tuple[()]:
        return ()


def create(context: ProviderContext[MockSettings]) -> MockProvider:
    """The mock, which is told that pods refer to nothing."""
    nothing: Any = _Nothing()
    return MockProvider(dataclasses.replace(context, materials=nothing))


PROVIDER = ProviderPlugin(api=1, description="The mock without materials.", settings=MockSettings, create=create)
