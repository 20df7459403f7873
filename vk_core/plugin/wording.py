"""Words for settings: what a type expects and what a value is, in the terms of someone who writes TOML."""

from __future__ import annotations

import datetime as dt
import difflib
import json
import re
from collections.abc import Iterable
from typing import Any

from msgspec import inspect

from vk_core.provider.settings_types import SETTING, Written

_LONGEST_SHOWN = 60
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_PLAIN: dict[type[inspect.Type], str] = {
    inspect.AnyType: "anything",
    inspect.BoolType: "true or false",
    inspect.BytesType: "text in base64",
    inspect.DateTimeType: "a date and time",
    inspect.DateType: "a date",
    inspect.TimeType: "a time of day",
    inspect.TimeDeltaType: "a duration in ISO 8601 such as PT10S",
    inspect.UUIDType: "a UUID",
    inspect.DecimalType: "a decimal number",
    inspect.StructType: "a table",
    inspect.DataclassType: "a table",
    inspect.TypedDictType: "a table",
}
_TOML_NAMES = ((dict, "a table"), (list, "an array"), (tuple, "an array"))


def join_key(where: str, key: str) -> str:
    """The path of a key in a table: `pods[0].cpu`; a key that is not a bare word is quoted as in TOML."""
    text = key if _BARE_KEY.fullmatch(key) else json.dumps(key)
    return f"{where}.{text}" if where else text


def show(value: object) -> str:
    """A value as it stands in the file, cut short."""
    for kind, name in _TOML_NAMES:
        if isinstance(value, kind):
            return name
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(_cut(value), ensure_ascii=False)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def expected(annotation: Any) -> str:
    """Completes `expected ...` for a type: `a whole number from 1 to 10`."""
    return describe(inspect.type_info(annotation))


def describe(kind: inspect.Type) -> str:
    """The same for what `msgspec.inspect` makes of a type."""
    if isinstance(kind, inspect.Metadata):
        written = (kind.extra or {}).get(SETTING)
        return written.expected if isinstance(written, Written) else describe(kind.type)
    if isinstance(kind, inspect.UnionType):
        return _either(describe(member) for member in kind.types if not isinstance(member, inspect.NoneType))
    if isinstance(kind, inspect.LiteralType | inspect.EnumType):
        return _either(show(value) for value in choices(kind))
    return _describe_value(kind) or _describe_container(kind)


def _describe_value(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        noun = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
        return noun + _range(kind) + (f" that is a multiple of {kind.multiple_of}" if kind.multiple_of else "")
    if isinstance(kind, inspect.StrType):
        return f"text{_length(kind, 'character')}" + (f" matching {kind.pattern}" if kind.pattern else "")
    return _PLAIN.get(type(kind), "")


def _describe_container(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.DictType):
        return f"a table{_length(kind, 'key')}"
    if isinstance(kind, inspect.TupleType):
        return f"an array of {_count(len(kind.item_types), 'item')}"
    if isinstance(kind, inspect.CollectionType):
        return f"an array{_length(kind, 'item')}"
    named: type = getattr(kind, "cls", type(kind))
    return named.__name__


def choices(kind: inspect.LiteralType | inspect.EnumType) -> list[object]:
    """The values that can be chosen from, as they are written."""
    return list(kind.values) if isinstance(kind, inspect.LiteralType) else [member.value for member in kind.cls]


def _either(options: Iterable[str]) -> str:
    *head, last = dict.fromkeys(options)
    return f"{', '.join(head)} or {last}" if head else last


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.ge is not None and kind.le is not None:
        return f" from {kind.ge} to {kind.le}"
    bounds = (("of at least", kind.ge), ("above", kind.gt), ("of at most", kind.le), ("below", kind.lt))
    said = [f"{words} {bound}" for words, bound in bounds if bound is not None]
    return f" {' and '.join(said)}" if said else ""


def _length(kind: Any, noun: str) -> str:
    low, high = kind.min_length, kind.max_length
    if low is None and high is None:
        return ""
    if low == high:
        return f" of exactly {_count(low, noun)}"
    if low is None or high is None:
        return f" of at least {_count(low, noun)}" if high is None else f" of at most {_count(high, noun)}"
    return f" of {low} to {_count(high, noun)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """What is said about a key that the settings do not have."""
    names = list(known)
    near = difflib.get_close_matches(key, names, n=1)
    if near:
        return f"unknown key, did you mean {near[0]}?"
    return f"unknown key, expected one of {', '.join(names)}" if names else "unknown key, nothing can be set here"


def did_you_mean_value(value: object, annotation: Any) -> str:
    """A suggestion when a text is nearly one of the values that can be chosen from."""
    kind = inspect.type_info(annotation)
    kind = kind.type if isinstance(kind, inspect.Metadata) else kind
    if not isinstance(kind, inspect.LiteralType | inspect.EnumType):
        return ""
    near = difflib.get_close_matches(str(value), [str(choice) for choice in choices(kind)], n=1, cutoff=0.7)
    return f", did you mean {json.dumps(near[0])}?" if near else ""
