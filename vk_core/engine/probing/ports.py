"""The port that a probe or a hook means, which it may name as the container does. Pure."""

from __future__ import annotations

import re

from vk_core.api.container import Container, IntOrString

HIGHEST_PORT = 65535


def port_number(port: IntOrString, container: Container) -> int:
    """The number of a port.

    Raises:
        ValueError: there is no such port, in kubelet's words.
    """
    number = _named(port, container) if isinstance(port, str) else port
    if not 0 < number <= HIGHEST_PORT:
        raise ValueError(f"invalid port number: {number}")
    return number


def _named(name: str, container: Container) -> int:
    for port in container.ports:
        if port.name == name:
            return port.container_port
    if re.fullmatch(r"[+-]?[0-9]{1,18}", name):
        return int(name)
    raise ValueError(f'strconv.Atoi: parsing "{name}": invalid syntax')
