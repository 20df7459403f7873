"""What a container runs: its command and its environment, from the pod alone. There is no image to ask."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.errors import InvalidInput

_FROM_HERE = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")
"""What processes get of virtual-kubelet's own environment; the rest may hold secrets."""

_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")
_TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
_SHELL = ("/bin/sh",)


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by the variable; `$$` is a dollar sign, and names that are not known stay as they are."""

    def replacement(match: re.Match[str]) -> str:
        name = match[1]
        return "$" if name is None else variables.get(name, match[0])

    return _REFERENCE.sub(replacement, text)


def environment_of(container: Container, pod: Pod) -> dict[str, str]:
    """The variables of a container's processes, with those before each expanded in its value."""
    variables: dict[str, str] = {}
    for variable in container.env:
        variables[variable.name] = expand(variable.value, variables)
    inherited = {name: os.environ[name] for name in _FROM_HERE if name in os.environ}
    terminal = {"TERM": "xterm"} if container.tty else {}
    return {**inherited, "HOSTNAME": pod.spec.hostname or pod.metadata.name, **terminal, **variables}


def command_of(container: Container, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The command line; a container that takes input and names no command gets a shell."""
    command = tuple(expand(part, environment) for part in (*container.command, *container.args))
    return command or _SHELL


def refuse_what_is_not_here(pod: Pod) -> None:
    """Look whether a pod asks for what no process of this machine can be given.

    Raises:
        InvalidInput: it does; the message names the field.
    """
    spec = pod.spec
    for field, containers in (
        ("initContainers", spec.init_containers),
        ("containers", spec.containers),
        ("ephemeralContainers", spec.ephemeral_containers),
    ):
        for container in containers:
            for key, problem in _problems(container):
                raise InvalidInput(f"spec.{field}[{container.name}].{key}: {problem}")


def _problems(container: Container) -> Iterator[tuple[str, str]]:
    if not (container.command or container.args or container.stdin):
        yield "command", "required; images are not looked at, so there is no command to take from one"
    if container.env_from or any(variable.value_from for variable in container.env):
        yield "env", "only literal values are supported by this provider"
    if any(mount.mount_path != _TOKEN_FOLDER for mount in container.volume_mounts):
        yield "volumeMounts", "volumes are not supported by this provider"
