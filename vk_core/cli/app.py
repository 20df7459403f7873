"""The command line as a whole. What a command needs beyond its options it imports when it runs."""

from __future__ import annotations

import os
from collections.abc import Sequence

import typer

from vk_core.cli import dev, providers, run, version
from vk_core.cli.lean import LeanCommand, LeanGroup
from vk_core.cli.output import warn

COMPLETION_VARIABLE = "_VIRTUAL_KUBELET_COMPLETE"
"""Set by the shell's completion, as typer has it."""

BUILT_IN = ("providers", "run", "dev", "version")


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """The application for these arguments; commands of plug-ins are only looked for when they can matter."""
    # Plain help is twice as fast as one set in frames, and can be searched and piped.
    app = typer.Typer(
        cls=LeanGroup,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        help="Virtual Kubelet: a Kubernetes node whose pods run wherever a provider puts them.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    )
    app.command(cls=LeanCommand)(run.run)
    app.command(cls=LeanCommand)(dev.dev)
    app.add_typer(providers.app, name="providers")
    app.command(cls=LeanCommand)(version.version)
    if not arguments or arguments[0] not in BUILT_IN:
        _add_commands_of_plugins(app)
    return app


def _add_commands_of_plugins(app: typer.Typer) -> None:
    """Adds what hooks bring; a lone command stands by itself, several are a group."""
    from vk_core.plugin.hooks import load_hooks

    # What is printed while a shell completes a word would stand in the middle of the user's line.
    completing = COMPLETION_VARIABLE in os.environ
    hooks = load_hooks(report=(lambda _line: None) if completing else warn)
    for command in hooks.commands(taken=BUILT_IN):
        only = command.app.registered_commands
        if len(only) == 1 and not command.app.registered_groups and not command.app.registered_callback:
            only[0].name = command.name
            app.registered_commands.append(only[0])
        else:
            app.add_typer(command.app, name=command.name)
