"""The command line as a whole. What a command needs beyond its options it imports when it runs."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from vk_core.cli import providers, version
from vk_core.cli.lean import LeanCommand, LeanGroup

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
    app.add_typer(providers.app, name="providers")
    app.command(cls=LeanCommand)(version.version)
    return app
