"""`virtual-kubelet providers`: what is installed, what one of them takes, whether its settings are good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from vk_core.cli.lean import LeanCommand, LeanGroup
from vk_core.cli.options import complete_provider
from vk_core.cli.output import OutputOption, print_json, print_table

app = typer.Typer(cls=LeanGroup, help="List, show and check the installed providers.")

NameArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the provider, as listed.", autocompletion=complete_provider)
]


@app.callback(invoke_without_command=True)
def providers(context: typer.Context) -> None:
    """List, show and check the installed providers; without a command they are listed.

    Example: virtual-kubelet providers list
    """
    if context.invoked_subcommand is None:
        list_()


@app.command("list", cls=LeanCommand)
def list_(output: OutputOption = "table") -> None:
    """List the installed providers, with the reason for each one that cannot be used.

    Example: virtual-kubelet providers list -o json
    """
    from vk_core.plugin.verdicts import Verdicts, cache_file

    verdicts = Verdicts(cache_file()).wait()
    if output == "json":
        print_json(
            [
                {
                    "name": it.entry.name,
                    "package": it.entry.package,
                    "version": it.entry.version,
                    "api": it.api,
                    "status": "broken" if it.problem else "ok",
                    "description": it.description,
                    "problem": it.problem,
                }
                for it in verdicts
            ]
        )
        return
    rows = [
        (
            it.entry.name,
            it.entry.package,
            it.entry.version,
            "-" if it.api is None else str(it.api),
            "broken" if it.problem else "ok",
            it.shortly(),
        )
        for it in verdicts
    ]
    print_table(("NAME", "PACKAGE", "VERSION", "API", "STATUS", "DESCRIPTION"), rows)


@app.command(cls=LeanCommand)
def show(name: NameArgument, output: OutputOption = "table") -> None:
    """Show what a provider can do and which settings it takes.

    Example: virtual-kubelet providers show mock
    """
    from vk_core.plugin.discovery import find_provider, load_entry
    from vk_core.plugin.facts import capabilities, settings_keys

    entry = find_provider(name)
    plugin = load_entry(entry)
    able = capabilities(plugin.create)
    keys = settings_keys(plugin.settings)
    if output == "json":
        print_json(
            {
                "name": entry.name,
                "description": plugin.description,
                "package": entry.package,
                "version": entry.version,
                "api": plugin.api,
                "capabilities": None if able is None else list(able),
                "settings": [key.as_json() for key in keys],
            }
        )
        return
    shown = "only known once the provider is made" if able is None else ", ".join(able) or "none beside the required"
    for heading, text in (
        ("Name", entry.name),
        ("Description", plugin.description),
        ("Package", entry.origin),
        ("API", str(plugin.api)),
        ("Capabilities", shown),
    ):
        print(f"{heading + ':':<14}{text}")
    print()
    rows = [(key.key, key.expected, key.default_text(), key.description) for key in keys]
    print_table(("SETTING", "EXPECTED", "DEFAULT", "MEANING"), rows)


@app.command(cls=LeanCommand)
def check(
    name: NameArgument,
    provider_config: Annotated[
        str | None, typer.Option("--provider-config", metavar="FILE", help="TOML file with the provider's settings.")
    ] = None,
    output: OutputOption = "table",
) -> None:
    """Check a provider's settings without touching a cluster; every mistake is one line, exit status 2.

    Example: virtual-kubelet providers check mock --provider-config mock.toml
    """
    from vk_core.plugin.discovery import load_provider
    from vk_core.plugin.settings import load_settings

    file = None if provider_config is None else Path(provider_config)
    load_settings(name, load_provider(name), file)
    source = "defaults" if file is None else str(file)
    if output == "json":
        answer: dict[str, Any] = {"provider": name, "settings": source, "status": "ok"}
        print_json(answer)
    else:
        print(f"{name}: the settings in {source} are good" if file else f"{name}: its defaults are good")
