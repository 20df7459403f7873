"""Calls the hooks of installed packages, each in isolation: one that fails is reported and never stops another.

This is the only module that knows of pluggy's managers. Every package gets a manager of its own, so that neither
loading nor calling one can lose the results of the others.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vk_core.errors import PluginError
from vk_core.plugin import HOOK_GROUP, HOOK_PROJECT
from vk_core.plugin.entries import Entry, installed

if TYPE_CHECKING:
    import pluggy

    from vk_core.api.node import Node
    from vk_core.plugin.spec import Command

log = logging.getLogger("virtual_kubelet.plugin")


@dataclass(frozen=True, slots=True)
class HookPlugin:
    """A package whose hooks could be loaded."""

    entry: Entry
    manager: pluggy.PluginManager


class Hooks:
    """The hooks of all installed packages.

    Attributes:
        plugins: those that loaded, in the order of their names.
        problems: one line for each package or call that failed; each is reported once.
    """

    def __init__(self, report: Callable[[str], None] = log.warning) -> None:
        self.plugins: list[HookPlugin] = []
        self.problems: list[str] = []
        self._report = report

    def commands(self, taken: Collection[str] = ()) -> list[Command]:
        """The commands that packages add, leaving out those whose name is taken."""
        if not self.plugins:
            return []
        from vk_core.plugin.spec import Command

        found: dict[str, Command] = {}
        for plugin in self.plugins:
            answers: list[list[Any]] = self._ask(plugin, "virtual_kubelet_commands", list)
            for command in itertools.chain.from_iterable(answers):
                if not isinstance(command, Command):
                    self.note(plugin.entry, f"{command!r} is not a vk_core.plugin.spec.Command")
                elif command.name in taken or command.name in found:
                    self.note(plugin.entry, f"there is a command {command.name!r} already")
                else:
                    found[command.name] = command
        return list(found.values())

    def decorate_node(self, node: Node) -> Node:
        """The node as all packages together want it; one that fails leaves it as it was."""
        name = node.metadata.name
        for plugin in self.plugins:
            for answer in self._ask(plugin, "virtual_kubelet_decorate_node", lambda it: it, node=node):
                if type(answer) is type(node) and answer.metadata.name == name:
                    node = answer
                else:
                    self.note(plugin.entry, f"virtual_kubelet_decorate_node returned {answer!r}, expected node {name}")
        return node

    def note(self, entry: Entry, problem: str) -> None:
        """Reports what is wrong with a package, once."""
        self.tell(f"hooks {entry.name!r} of {entry.origin}: {problem}")

    def tell(self, line: str) -> None:
        """Reports a line, once."""
        if line not in self.problems:
            self.problems.append(line)
            self._report(line)

    def _ask(self, plugin: HookPlugin, hook: str, shape: Callable[[Any], Any], **arguments: Any) -> list[Any]:
        """A package's answers to a hook; none when it fails."""
        try:
            return [shape(answer) for answer in getattr(plugin.manager.hook, hook)(**arguments)]
        except (Exception, SystemExit) as error:
            self.note(plugin.entry, f"{hook} failed: {type(error).__name__}: {error}")
            return []


def load_hooks(report: Callable[[str], None] = log.warning) -> Hooks:
    """Loads the hooks of all installed packages; without any, nothing is imported.

    Args:
        report: takes one line for each package that cannot be loaded and, later, each call that fails.
    """
    hooks = Hooks(report)
    for entry in installed(HOOK_GROUP):
        try:
            hooks.plugins.append(_load(entry))
        except PluginError as error:
            hooks.tell(str(error))
    return hooks


def _load(entry: Entry) -> HookPlugin:
    import pluggy

    from vk_core.plugin import spec
    from vk_core.plugin.discovery import import_entry

    implementation = import_entry(entry, "hooks")
    manager = pluggy.PluginManager(HOOK_PROJECT)
    manager.add_hookspecs(spec)
    try:
        manager.register(implementation, name=entry.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        reason = " ".join(str(error).split())
        raise PluginError(f"hooks {entry.name!r} of {entry.origin} cannot be loaded: {reason}") from error
    return HookPlugin(entry=entry, manager=manager)
