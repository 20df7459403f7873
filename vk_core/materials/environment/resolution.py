"""The variables of one container, from its specification and what is known right now.

The order is kubelet's: whole objects (`envFrom`) first, then `env`, each entry over all before it, and services where
nothing else has the name. Values are in no message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from vk_core.api.container import (
    ConfigMapKeySelector,
    Container,
    EnvFromSource,
    EnvVarSource,
    FileKeySelector,
    SecretKeySelector,
)
from vk_core.api.expansion import expand, references
from vk_core.materials.environment.envfile import parse_env_file
from vk_core.materials.environment.fields import AddressUnknown, field_value, quote
from vk_core.materials.environment.resources import resource_value
from vk_core.materials.objects import (
    Absent,
    KeyedObject,
    Lookup,
    Notice,
    PodFacts,
    Ref,
    Unreadable,
    container_failed,
)
from vk_core.provider.materials import Environment

Kind = Literal["ConfigMap", "Secret"]


class Resolved(NamedTuple):
    """What became of a container's environment.

    Attributes:
        environment: the variables; None as long as something is missing.
        notices: warnings about the pod, those about what is missing among them.
        missing: what is missing, empty if nothing is.
    """

    environment: Environment | None
    notices: tuple[Notice, ...]
    missing: str


def env_files_of(container: Container) -> tuple[tuple[str, str], ...]:
    """The files (volume, path in it) that a container's environment is made of, each once."""
    sources = (variable.value_from.file_key_ref for variable in container.env if variable.value_from is not None)
    return tuple(dict.fromkeys((source.volume_name, source.path) for source in sources if source is not None))


def resolve_environment(
    container: Container,
    facts: PodFacts,
    lookup: Lookup,
    services: Mapping[str, str],
    env_files: Mapping[tuple[str, str], bytes | str],
) -> Resolved:
    """Makes the environment of a container.

    Variables that need an address that is not known yet, and those whose value refers to such a one, are left out and
    listed in the environment. An optional object that cannot be read is waited for like any other, as kubelet does:
    nobody knows that it is not there.

    Args:
        container: the container.
        facts: its pod, with the addresses that are known.
        lookup: what is known about a config map or secret.
        services: the variables of services.
        env_files: by volume and path the content of each of `env_files_of`, or why it could not be read; empty text for
            a file that is not there.
    """
    resolution = _Resolution(container.name, facts, lookup, services, env_files)
    try:
        for source in container.env_from:
            resolution.add_object(source)
        for variable in container.env:
            if variable.value:
                resolution.add_text(variable.name, variable.value)
            elif variable.value_from is not None:
                resolution.add_from(variable.name, variable.value_from)
            else:
                resolution.set(variable.name, "")
    except _Missing as problem:
        if not problem.is_told:
            resolution.notices.append(container_failed(str(problem)))
        return Resolved(None, tuple(resolution.notices), str(problem))
    return Resolved(resolution.environment(), tuple(resolution.notices), "")


class _Missing(Exception):
    """Something mandatory is not there; the message says what, and `is_told` whether a notice does so too."""

    def __init__(self, message: str, *, is_told: bool = False) -> None:
        super().__init__(message)
        self.is_told = is_told


class _Resolution:
    """An environment in the making."""

    __slots__ = (
        "_awaiting",
        "_container_name",
        "_env_files",
        "_facts",
        "_known",
        "_lookup",
        "_objects",
        "_parsed",
        "_services",
        "_variables",
        "notices",
    )

    def __init__(
        self,
        container_name: str,
        facts: PodFacts,
        lookup: Lookup,
        services: Mapping[str, str],
        env_files: Mapping[tuple[str, str], bytes | str],
    ) -> None:
        self.notices: list[Notice] = []
        self._container_name = container_name
        self._facts = facts
        self._lookup = lookup
        self._env_files = env_files
        self._services = services
        self._variables: dict[str, str] = {}
        self._known: dict[str, str] | None = None  # variables over services, made when the first text refers to one
        self._awaiting: dict[str, None] = {}
        self._objects: dict[tuple[Kind, str], KeyedObject | Absent | Unreadable] = {}
        self._parsed: dict[tuple[str, str], dict[str, str]] = {}

    def environment(self) -> Environment:
        """What has come together, with the services that no variable hides; call it last."""
        variables = self._variables
        for name, value in self._services.items():
            if name not in variables and name not in self._awaiting:
                variables[name] = value
        return Environment(variables, tuple(self._awaiting))

    def set(self, name: str, value: str) -> None:
        """Defines a variable, whatever it was before."""
        self._variables[name] = value
        if self._known is not None:
            self._known[name] = value
        self._awaiting.pop(name, None)

    def add_text(self, name: str, text: str) -> None:
        """Defines a variable with others in its value."""
        if "$" not in text:
            self.set(name, text)
        elif self._awaiting and not self._awaiting.keys().isdisjoint(references(text)):
            self._await(name)
        else:
            if self._known is None:
                self._known = {**self._services, **self._variables}
            self.set(name, expand(text, self._known))

    def add_object(self, source: EnvFromSource) -> None:
        """Defines all variables of a config map or secret, those with impossible names left out."""
        reference = source.config_map_ref or source.secret_ref
        if reference is None:
            return
        kind: Kind = "ConfigMap" if source.config_map_ref is not None else "Secret"
        found = self._found(kind, reference.name, optional=reference.optional, skipping="")
        if found is None:
            return
        data, prefix = found.data, source.prefix
        keys = sorted(data.keys() - found.binary if found.binary else data)
        if not _all_names(prefix, keys):
            keys = self._valid_keys(prefix, keys, found.ref)
        self._variables.update({prefix + key: data[key].decode("utf-8", "surrogateescape") for key in keys})

    def add_from(self, name: str, source: EnvVarSource) -> None:
        """Defines a variable by what it refers to; leaves it as it is if that is optional and not there.

        Raises:
            _Missing: it is mandatory and not there.
        """
        try:
            value = self._value(name, source)
        except AddressUnknown:
            self._await(name)
        except ValueError as problem:
            raise _Missing(str(problem)) from problem
        else:
            if value is not None:
                self.set(name, value)

    def _value(self, name: str, source: EnvVarSource) -> str | None:
        if source.field_ref is not None:
            return field_value(source.field_ref.field_path, self._facts)
        if source.resource_field_ref is not None:
            return resource_value(source.resource_field_ref, self._facts, self._container_name)
        if source.config_map_key_ref is not None:
            return self._key(name, "ConfigMap", source.config_map_key_ref)
        if source.secret_key_ref is not None:
            return self._key(name, "Secret", source.secret_key_ref)
        return "" if source.file_key_ref is None else self._file_key(source.file_key_ref)

    def _await(self, name: str) -> None:
        self._variables.pop(name, None)
        self._awaiting[name] = None

    def _key(self, name: str, kind: Kind, selector: ConfigMapKeySelector | SecretKeySelector) -> str | None:
        skipping = f"skipping optional envvar {quote(name)}: " if selector.optional else ""
        found = self._found(kind, selector.name, optional=selector.optional, skipping=skipping)
        if found is None:
            return None
        value = found.data.get(selector.key)
        if value is None or selector.key in found.binary:
            message = f"key {quote(selector.key)} does not exist in {kind.lower()} {quote(selector.name)}"
            namespace = self._facts.pod.metadata.namespace
            self._not_there(
                Notice(_need(selector.optional) + f"{kind}KeyNotFound", skipping + message),
                f"couldn't find key {selector.key} in {kind} {namespace}/{selector.name}",
                optional=selector.optional,
            )
            return None
        return value.decode("utf-8", "surrogateescape")

    def _found(self, kind: Kind, name: str, *, optional: bool | None, skipping: str) -> KeyedObject | None:
        """The object, or None if it is optional and does not exist."""
        state = self._objects.get((kind, name))
        if state is None:
            ref = Ref(kind, self._facts.pod.metadata.namespace, name)
            state = self._objects[kind, name] = self._lookup(ref) if name else Absent(ref)
        if isinstance(state, KeyedObject):
            return state
        if isinstance(state, Unreadable):
            message = f"failed to read {kind.lower()} {quote(name)}: {state.message}"
            self.notices.append(Notice(f"FailedToRead{_need(optional)}{kind}", message))
            raise _Missing(message, is_told=True)
        message = f"{kind.lower()} {quote(name)} not found"
        self._not_there(Notice(_need(optional) + f"{kind}NotFound", skipping + message), message, optional=optional)
        return None

    def _not_there(self, notice: Notice, message: str, *, optional: bool | None) -> None:
        self.notices.append(notice)
        if not optional:
            raise _Missing(message, is_told=True)

    def _valid_keys(self, prefix: str, keys: list[str], ref: Ref) -> list[str]:
        """The keys that can be names of variables; the others go into a warning."""
        skipped = ", ".join(quote(key)[1:-1] for key in keys if not _all_names(prefix, [key]))
        self.notices.append(
            Notice(
                "InvalidEnvironmentVariableNames",
                f"keys [{skipped}] from {ref.kind.lower()} {ref.namespace}/{ref.name} were skipped since they are "
                "invalid as environment variable names",
            )
        )
        return [key for key in keys if _all_names(prefix, [key])]

    def _file_key(self, selector: FileKeySelector) -> str | None:
        file = selector.volume_name, selector.path
        variables = self._parsed.get(file)
        if variables is None:
            content = self._env_files.get(file, "")
            if selector.optional and not content:
                return None
            variables = self._parsed[file] = _parsed(content, selector)
        if selector.key not in variables and not selector.optional:
            raise _Missing(f"environment variable key {quote(selector.key)} not found in {_file_name(selector)}")
        return variables.get(selector.key)


def _need(optional: bool | None) -> str:
    return "Optional" if optional else "Mandatory"


def _all_names(prefix: str, keys: list[str]) -> bool:
    """Whether all are names of variables: printable ASCII but `=`, not empty (KEP-4369); asked at once for speed."""
    text = prefix + "".join(keys)
    return text.isascii() and text.isprintable() and "=" not in text and (prefix != "" or "" not in keys)


def _file_name(selector: FileKeySelector) -> str:
    return f"file {quote(selector.path)} of volume {quote(selector.volume_name)}"


def _parsed(content: bytes | str, selector: FileKeySelector) -> dict[str, str]:
    """The variables of an env file, if it is there and is one."""
    if isinstance(content, str):
        name = _file_name(selector)
        raise _Missing(f"couldn't read env {name}: {content}" if content else f"env {name} not found")
    try:
        return parse_env_file(content)
    except ValueError as problem:
        raise _Missing(f"couldn't parse env {_file_name(selector)}: {problem}") from problem
