"""Builds typed settings from a TOML document and notes everything that is wrong with it on the way.

Whether a single value is good is decided by msgspec alone; this walk exists because msgspec stops at the first mistake
and speaks of types rather than of TOML. It works from the leaves up: a container is only made of good children.
"""

from __future__ import annotations

import os
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import inspect

from vk_core.plugin import wording
from vk_core.provider.settings_types import SETTING, Confidential, Written

BAD: Final = object()
"""Stands for a value that could not be built; a problem has been noted."""

_TABLES = (inspect.StructType, inspect.DictType, inspect.DataclassType, inspect.TypedDictType)
_ARRAYS = (
    inspect.ListType,
    inspect.SetType,
    inspect.FrozenSetType,
    inspect.VarTupleType,
    inspect.TupleType,
    inspect.NamedTupleType,
)
_REFERENCES = ({"env"}, {"file"})
_LARGEST_SECRET = 2**20


class Builder:
    """Builds one document.

    Attributes:
        problems: what is wrong, `pods[0].cpu: expected ..., got ...`.
        secrets: values that came from the environment or from files, never to be shown.
    """

    def __init__(self, base: Path, environment: Mapping[str, str] = os.environ) -> None:
        self.problems: list[str] = []
        self.secrets: list[str] = []
        self._base = base
        self._environment = environment

    def build(self, annotation: Any, value: Any, where: str = "") -> Any:
        """The value as the type wants it, or BAD."""
        plain, setting = _unwrap(annotation)
        if isinstance(setting, Written):
            return self._written(setting, value, where)
        kind = inspect.type_info(plain)
        if isinstance(kind, inspect.UnionType):
            return self._member(annotation, plain, value, where)
        if isinstance(value, dict):
            return self._from_table(annotation, kind, value, where)
        if isinstance(kind, _ARRAYS) and isinstance(value, list):
            return self._array(annotation, plain, value, where)
        return self._leaf(annotation, value, where, hidden=isinstance(setting, Confidential))

    def _from_table(self, annotation: Any, kind: inspect.Type, value: dict[str, Any], where: str) -> Any:
        plain, _ = _unwrap(annotation)
        if isinstance(kind, inspect.StructType) and not kind.array_like:
            return self._struct(plain, kind, value, where)
        if isinstance(kind, inspect.DictType):
            return self._table(annotation, plain, value, where)
        if isinstance(kind, inspect.StrType) and is_reference(value):
            return self._referenced(annotation, value, where)
        return self._leaf(annotation, value, where)

    def note(self, where: str, message: str) -> Any:
        """Notes a problem and returns BAD."""
        self.problems.append(f"{where}: {message}" if where else message)
        return BAD

    def _leaf(self, annotation: Any, value: Any, where: str, *, hidden: bool = False, got: str = "") -> Any:
        if hidden and isinstance(value, str) and value:
            self.secrets.append(value)
        try:
            return msgspec.convert(value, annotation, str_keys=True)
        except msgspec.ValidationError:
            shown = got or ("a value that is not shown" if hidden else wording.show(value))
            suggestion = "" if hidden or got else wording.did_you_mean_value(value, annotation)
            return self.note(where, f"expected {wording.expected(annotation)}, got {shown}{suggestion}")

    def hide(self, text: str) -> str:
        """A message of somebody else's, with the secrets taken out."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    def _written(self, setting: Written, value: Any, where: str) -> Any:
        got = wording.show(value)
        if is_reference(value):
            value, got = self._dereference(value, where)
            if value is BAD:
                return BAD
        try:
            return setting.parse(value)
        except ValueError:
            return self.note(where, f"expected {setting.expected}, got {got}")

    def _struct(self, cls: Any, kind: inspect.StructType, value: dict[str, Any], where: str) -> Any:
        fields = msgspec.structs.fields(cls)
        known = [field.encode_name for field in fields]
        before = len(self.problems)
        built = {key: item for key, item in value.items() if key == kind.tag_field}
        for key in value:
            if key not in known and key not in built:
                self.note(wording.join_key(where, key), wording.unknown_key(key, known))
        for field in fields:
            place = wording.join_key(where, field.encode_name)
            if field.encode_name in value:
                built[field.encode_name] = self.build(field.type, value[field.encode_name], place)
            elif field.required:
                self.note(place, f"missing, expected {wording.expected(field.type)}")
        return BAD if len(self.problems) > before else self._assemble(cls, built, where)

    def _table(self, annotation: Any, plain: Any, value: dict[str, Any], where: str) -> Any:
        _, items = typing.get_args(plain) or (Any, Any)
        built = {key: self.build(items, item, wording.join_key(where, key)) for key, item in value.items()}
        return BAD if BAD in built.values() else self._assemble(annotation, built, where)

    def _array(self, annotation: Any, plain: Any, value: list[Any], where: str) -> Any:
        types_ = _item_types(plain, len(value))
        if types_ is None:
            return self._assemble(annotation, value, where)
        built = [
            self.build(item_type, item, f"{where}[{index}]")
            for index, (item_type, item) in enumerate(zip(types_, value, strict=True))
        ]
        return BAD if any(item is BAD for item in built) else self._assemble(annotation, built, where)

    def _assemble(self, annotation: Any, built: Any, where: str) -> Any:
        """Makes a container of good children; only its length, its keys or its own check can still be wrong."""
        try:
            return msgspec.convert(built, annotation, str_keys=True)
        except msgspec.ValidationError as error:
            if error.__cause__ is not None:
                return self.note(where, self.hide(str(error.__cause__)))
            size = f"one of {len(built)}" if isinstance(built, list) else f"this one: {error}"
            return self.note(where, self.hide(f"expected {wording.expected(annotation)}, got {size}"))

    def _member(self, annotation: Any, plain: Any, value: Any, where: str) -> Any:
        """Takes the member of a union that the value is meant for, or says what all of them expect."""
        fitting = [member for member in typing.get_args(plain) if _fits(member, value)]
        if len(fitting) > 1 and isinstance(value, dict):
            return self._tagged(fitting, value, where)
        if len(fitting) == 1:
            return self.build(fitting[0], value, where)
        for member in fitting:
            attempt = Builder(self._base, self._environment)
            built = attempt.build(member, value, where)
            if built is not BAD:
                self.secrets += attempt.secrets
                return built
        return self.note(where, f"expected {wording.expected(annotation)}, got {wording.show(value)}")

    def _tagged(self, members: Sequence[Any], value: dict[str, Any], where: str) -> Any:
        tagged = [(member, inspect.type_info(member)) for member in members]
        tags = {kind.tag: member for member, kind in tagged if isinstance(kind, inspect.StructType)}
        field = next((kind.tag_field for _, kind in tagged if isinstance(kind, inspect.StructType)), None)
        if field is None:
            return self.build(members[0], value, where)
        place = wording.join_key(where, field)
        choice: Any = typing.Literal[tuple(tags)]
        if field not in value:
            return self.note(place, f"missing, expected {wording.expected(choice)}")
        tag = self._leaf(choice, value[field], place)
        return BAD if tag is BAD else self.build(tags[tag], value, where)

    def _referenced(self, annotation: Any, value: dict[str, Any], where: str) -> Any:
        text, got = self._dereference(value, where)
        return BAD if text is BAD else self._leaf(annotation, text, where, got=got)

    def _dereference(self, value: dict[str, Any], where: str) -> tuple[Any, str]:
        """The text that `{env = ...}` or `{file = ...}` stands for, and how to speak of it."""
        ((source, name),) = value.items()
        if not isinstance(name, str) or not name or "\0" in name:
            what = "the name of an environment variable" if source == "env" else "the path of a file"
            return self.note(wording.join_key(where, source), f"expected {what}, got {wording.show(name)}"), ""
        text = self._from_environment(name, where) if source == "env" else self._from_file(name, where)
        if text is not BAD and text:
            self.secrets.append(text)
        kind = "environment variable" if source == "env" else "file"
        return text, f"something else in {kind} {name}"

    def _from_environment(self, name: str, where: str) -> Any:
        text = self._environment.get(name)
        return self.note(where, f"environment variable {name} is not set") if text is None else text

    def _from_file(self, name: str, where: str) -> Any:
        path = self._base / name
        try:
            with path.open(encoding="utf-8") as file:
                text = file.read(_LARGEST_SECRET + 1)
        except OSError as error:
            return self.note(where, f"file {path} cannot be read: {error.strerror or error}")
        except UnicodeDecodeError:
            return self.note(where, f"file {path} is not UTF-8 text")
        if len(text) > _LARGEST_SECRET:
            return self.note(where, f"file {path} is larger than {_LARGEST_SECRET} characters")
        return text.removesuffix("\n").removesuffix("\r")


def is_reference(value: object) -> bool:
    """Whether a value is `{env = ...}` or `{file = ...}`."""
    return isinstance(value, dict) and value.keys() in _REFERENCES


def _unwrap(annotation: Any) -> tuple[Any, object]:
    """The type without its annotations, and what core has to know about it."""
    setting = None
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation, *metas = typing.get_args(annotation)
            extras = (meta.extra or {} for meta in metas if isinstance(meta, msgspec.Meta))
            setting = next((extra[SETTING] for extra in extras if SETTING in extra), setting)
        elif hasattr(annotation, "__value__"):  # `type Name = ...`
            annotation = annotation.__value__
        else:
            return annotation, setting


def _item_types(plain: Any, count: int) -> list[Any] | None:
    """The types of an array's items; None when they cannot be told or the length cannot be right."""
    arguments = typing.get_args(plain)
    if typing.get_origin(plain) is tuple and arguments[-1:] != (Ellipsis,):
        return list(arguments) if len(arguments) == count else None
    return [arguments[0]] * count if arguments else None


def _fits(member: Any, value: Any) -> bool:
    """Whether a value has the shape (table, array, single value) of a union's member."""
    if member is types.NoneType:
        return False
    plain, setting = _unwrap(member)
    kind = inspect.type_info(plain)
    array = isinstance(kind, _ARRAYS) or (isinstance(kind, inspect.StructType) and kind.array_like)
    table = isinstance(kind, _TABLES) and not array
    if isinstance(kind, inspect.AnyType):
        return True
    if isinstance(value, dict):
        return table or (is_reference(value) and (setting is not None or isinstance(kind, inspect.StrType)))
    return array if isinstance(value, list) else not (table or array)
