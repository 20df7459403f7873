"""What can be said about a provider without making one: its capabilities, and the keys of its settings."""

from __future__ import annotations

import datetime as dt
import inspect
import re
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from vk_core.plugin import wording
from vk_core.provider import capabilities as protocols
from vk_core.provider.settings_types import format_duration

_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingsKey:
    """One key of a provider's settings.

    Attributes:
        key: its path, such as `pods[].cpu` or `labels.*`.
        expected: what may be written there.
        required: whether the file must have it.
        default: what holds without it.
        description: what it means, from the type's annotation or the struct's docstring.
    """

    key: str
    expected: str
    required: bool
    default: Any
    description: str

    def default_text(self) -> str:
        """The default as it would be written in the file."""
        if self.required:
            return "required"
        # The keys of a nested struct have rows of their own.
        return "" if isinstance(self.default, msgspec.Struct) else toml_text(self.default)

    def as_json(self) -> dict[str, Any]:
        """The key for programs."""
        return {
            "key": self.key,
            "expected": self.expected,
            "required": self.required,
            "default": None if self.required or self.default is None else self.default_text(),
            "description": self.description,
        }


def capabilities(create: Callable[..., object]) -> tuple[str, ...] | None:
    """The optional methods of the provider that `create` makes; None when its type does not say which class it is."""
    made: Any = create
    if not inspect.isclass(create):
        try:
            made = typing.get_type_hints(create).get("return")
        except (NameError, TypeError):
            return None
    if not inspect.isclass(made) or getattr(made, "_is_protocol", False):
        return None
    return tuple(name for name in capability_methods() if callable(getattr(made, name, None)))


def capability_methods() -> tuple[str, ...]:
    """The methods that core detects, in the order of `vk_core.provider.capabilities`."""
    found = (it for it in vars(protocols).values() if inspect.isclass(it) and it.__module__ == protocols.__name__)
    return tuple(name for protocol in found for name in vars(protocol) if not name.startswith("_"))


def settings_keys(settings: type[msgspec.Struct]) -> list[SettingsKey]:
    """All keys of a settings struct, nested ones after the key that holds them."""
    return list(_keys(settings, "", ()))


def _keys(struct: Any, where: str, above: tuple[Any, ...]) -> Iterator[SettingsKey]:
    documented = documented_attributes(struct)
    for field in msgspec.structs.fields(struct):
        key = wording.join_key(where, field.encode_name)
        yield SettingsKey(
            key=key,
            expected=wording.expected(field.type),
            required=field.required,
            default=_default(field),
            description=_annotated_description(field.type) or documented.get(field.name, ""),
        )
        for inner, suffix in _structs(field.type):
            if inner not in above:
                yield from _keys(inner, key + suffix, (*above, struct, inner))


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _annotated_description(annotation: Any) -> str:
    metas = getattr(annotation, "__metadata__", ())
    return next((meta.description for meta in metas if isinstance(meta, msgspec.Meta) and meta.description), "")


def _structs(annotation: Any) -> Iterator[tuple[Any, str]]:
    """The structs that a type contains, each with what stands between its key and theirs."""
    if inspect.isclass(annotation) and issubclass(annotation, msgspec.Struct):
        yield annotation, ""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if inspect.isclass(origin) and issubclass(origin, dict):
        yield from ((inner, f".*{suffix}") for inner, suffix in _structs(arguments[1]))
    elif inspect.isclass(origin) and issubclass(origin, list | tuple | set | frozenset):
        for argument in arguments:
            yield from ((inner, f"[]{suffix}") for inner, suffix in _structs(argument))
    else:
        for argument in arguments:
            yield from _structs(argument)


def documented_attributes(struct: type) -> dict[str, str]:
    """The `Attributes:` section of a class docstring, by attribute."""
    lines = inspect.cleandoc(struct.__doc__ or "").splitlines()
    found: dict[str, str] = {}
    name = ""
    for line in lines[lines.index("Attributes:") + 1 :] if "Attributes:" in lines else ():
        match = _ATTRIBUTE.match(line)
        if match:
            name, found[match[1]] = match[1], match[2]
        elif name and line.startswith(" " * 5):
            found[name] += f" {line.strip()}"
        elif line and not line.startswith(" "):
            break
    return found


def toml_text(value: Any) -> str:
    """A default as TOML would have it; nothing for None, which TOML cannot say."""
    if value is None:
        return ""
    if isinstance(value, dt.timedelta):
        return f'"{format_duration(value)}"'
    if isinstance(value, list | tuple | set | frozenset):
        return f"[{', '.join(toml_text(item) for item in value)}]"
    if isinstance(value, dict):
        inside = ", ".join(f"{wording.join_key('', str(key))} = {toml_text(item)}" for key, item in value.items())
        return f"{{{inside}}}"
    if isinstance(value, msgspec.Struct):
        fields = {field.encode_name: getattr(value, field.name) for field in msgspec.structs.fields(value)}
        return toml_text({key: item for key, item in fields.items() if item is not None})
    return wording.show(getattr(value, "value", value))
