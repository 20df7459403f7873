"""Commands that start fast: plain text is taken as it is, without the library that typer would load to convert it.

typer hands every value to pydantic, which takes longer to import than all else that `providers list` does. Values that
need no conversion (absent, text for an option that takes text, one of the choices) pass here; all others go typer's
way. Nothing depends on this but time: a typer without these internals behaves the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from typer.core import TyperCommand, TyperGroup

TEXTS = (str, str | None, list[str], list[str] | None)


class LeanCommand(TyperCommand):
    """A command whose options are text."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the arguments."""
        _lighten(self.get_params(ctx))
        return super().parse_args(ctx, args)


class LeanGroup(TyperGroup):
    """A group of commands, with its own options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the arguments of the group."""
        _lighten(self.get_params(ctx))
        return super().parse_args(ctx, args)


class _AsGiven:
    """Stands in for typer's conversion of one parameter."""

    def __init__(self, original: Callable[[], Any]) -> None:
        self._original = original

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value of a parameter as its command gets it."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if isinstance(value, str) and value in (param.type_descriptor.choices or ()):
            return value
        if param.type_descriptor.annotation in TEXTS:
            return list(value) if param.multiple else value
        return self._original().coerce(value, param=param, ctx=ctx)


def _lighten(parameters: Iterable[Any]) -> None:
    for parameter in parameters:
        original = getattr(parameter, "get_runtime_param", None)
        if original is not None and hasattr(parameter, "type_descriptor"):
            stand_in = _AsGiven(original)
            parameter.get_runtime_param = lambda stand_in=stand_in: stand_in
