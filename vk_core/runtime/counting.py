"""Counts the calls of a provider's methods where they all pass: in front of the provider."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast

from vk_core.errors import VirtualKubeletError
from vk_core.provider import capabilities
from vk_core.provider.protocol import Provider
from vk_core.telemetry.metrics import PROVIDER_CALLS


def counted(provider: Provider) -> Provider:
    """The provider with every call of its interface counted; it has the same capabilities and attributes."""
    return cast(Provider, _Counted(provider))


class _Counted:
    """Has the methods of the provider's interface that the provider has, found as attributes of its own.

    A capability is detected by its method, so there must be no method that the provider does not have.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        for name, is_call in interface():
            method = getattr(provider, name, None)
            if method is not None:
                vars(self)[name] = _counting(name, method) if is_call else method

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)


def interface() -> Iterator[tuple[str, bool]]:
    """Every method that a provider can have, and whether it is one to wait for."""
    optional = (found for found in vars(capabilities).values() if getattr(found, "_is_protocol", False))
    for protocol in (Provider, *optional):
        for name, method in vars(protocol).items():
            if not name.startswith("_") and inspect.isfunction(method):
                yield name, inspect.iscoroutinefunction(method)


def _counting(name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    succeeded = PROVIDER_CALLS.of(name, "ok")
    clock = time.perf_counter

    async def call(*arguments: Any, **named: Any) -> Any:
        began = clock()
        try:
            result = await method(*arguments, **named)
        except BaseException as error:
            PROVIDER_CALLS.of(name, outcome_of(error)).observe(clock() - began)
            raise
        succeeded.observe(clock() - began)
        return result

    return call


def outcome_of(error: BaseException) -> str:
    """The kind of an error: its name if it is one that providers raise, `bug` for any other, or `cancelled`."""
    if isinstance(error, VirtualKubeletError):
        return type(error).__name__
    return "bug" if isinstance(error, Exception) else "cancelled"
