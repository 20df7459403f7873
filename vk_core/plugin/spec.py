"""The hooks: what a package may add to Virtual Kubelet beside a provider.

A package implements them as functions of a module (or methods of an object) that its entry point in the group
`virtual_kubelet.hooks` names, each under the hook's name and marked with `vk_core.plugin.hookimpl`:

    @hookimpl
    def virtual_kubelet_decorate_node(node: Node) -> Node:
        return msgspec.structs.replace(node, ...)

Core never calls these directly but through `vk_core.plugin.hooks`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pluggy import HookspecMarker

from vk_core.plugin import HOOK_PROJECT

if TYPE_CHECKING:
    import typer

    from vk_core.api.node import Node

hookspec = HookspecMarker(HOOK_PROJECT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A command that a package adds to `virtual-kubelet`.

    Attributes:
        name: the word on the command line; the names of core's own commands are taken.
        app: the command, or the group of commands, behind it.
    """

    name: str
    app: typer.Typer


@hookspec
def virtual_kubelet_commands() -> Iterable[Command]:
    """Adds commands to the command line; called when the command line is not one of core's own.

    It should return quickly and import what its commands need when they run, because `--help` waits for it.
    """
    return ()


@hookspec
def virtual_kubelet_decorate_node(node: Node) -> Node:
    """Changes the node that is about to be registered, or whose status is about to be written.

    Called again at every status update, after the provider has had its say. Must be quick, must not block, and must
    give the same answer for the same node. The name, and what identifies the node, must stay.
    """
    return node
