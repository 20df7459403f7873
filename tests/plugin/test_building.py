"""The walk over a document never crashes, never misses a mistake and never invents one, whatever the document is."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from vk_core.plugin.building import BAD, Builder
from vk_core.provider.settings_types import Duration, Quantity, SecretText


class Leaf(msgspec.Struct, forbid_unknown_fields=True):
    a: Annotated[int, msgspec.Meta(ge=0, le=3)]
    b: str = ""


class Plain(msgspec.Struct, forbid_unknown_fields=True):
    """Types that msgspec judges alone, so that its verdict can be compared."""

    a: int | str = 0
    b: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    c: Literal["a", "b"] = "a"
    d: tuple[Leaf, ...] = ()
    e: dict[str, list[bool]] = {}
    f: Leaf | None = None
    g: tuple[int, str] | None = None
    h: Any = None
    i: dt.date | bool = True


class Special(msgspec.Struct):
    """Types that are ours."""

    a: Duration | tuple[Duration, Duration] = dt.timedelta()
    b: Quantity = "1"
    c: SecretText = ""
    d: dict[str, Quantity] = {}
    e: list[str] = []


SCALARS = (
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["a", "b", "10s", "1Gi"])
    | st.dates()
    | st.datetimes()
    | st.times()
)
KEYS = st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h", "i", "env", "file"]) | st.text(max_size=3)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=6)


def has_reference(value: Any) -> bool:
    if isinstance(value, dict):
        return value.keys() in ({"env"}, {"file"}) or any(has_reference(item) for item in value.values())
    return isinstance(value, list) and any(has_reference(item) for item in value)


@given(DOCUMENTS.filter(lambda document: not has_reference(document)))
def test_a_document_is_good_exactly_when_msgspec_says_so(document: dict[str, Any]) -> None:
    builder = Builder(Path("/nonexistent"), {})
    built = builder.build(Plain, document)
    try:
        expected = msgspec.convert(document, Plain)
    except msgspec.ValidationError:
        assert built is BAD
        assert builder.problems
    else:
        assert msgspec.to_builtins(built) == msgspec.to_builtins(expected) or "nan" in repr(expected)
        assert not builder.problems


@given(DOCUMENTS)
def test_every_document_is_either_built_or_has_problems_of_one_line_each(document: dict[str, Any]) -> None:
    builder = Builder(Path("/nonexistent"), {"a": "x", "b": "1s"})
    for settings in (Plain, Special):
        builder.problems.clear()
        assert (builder.build(settings, document) is BAD) == bool(builder.problems)
        assert all(len(problem.splitlines()) == 1 for problem in builder.problems)
