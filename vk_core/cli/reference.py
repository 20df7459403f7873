"""Writes the reference pages of the documentation from the code: `python -m vk_core.cli.reference docs/reference`.

A test compares the pages with what this module makes, so that they are never out of date.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vk_core.cli.app import BUILT_IN, build_app
from vk_core.cli.given import TAINT_VARIABLES

PROGRAM = "virtual-kubelet"
PROVIDERS = ("mock",)
"""Providers of this repository; each has a page."""

_NOTE = "<!-- Made by `python -m vk_core.cli.reference docs/reference`; change the code instead. -->\n"
_OTHER_VARIABLES = (
    ("KUBECONFIG", "`--kubeconfig`", "Used when neither the flag nor its own variable is given."),
    *(
        (name, "`--taint`", f"{name.rpartition('_')[2].capitalize()} of the taint when `--taint` is not given.")
        for name in TAINT_VARIABLES
    ),
    ("XDG_CACHE_HOME", "", "Where it is remembered which providers work; `~/.cache` by default."),
)


def pages() -> dict[str, str]:
    """All pages by file name."""
    root = root_command()
    found = {"cli.md": cli_page(root), "environment.md": environment_page(root), "hooks.md": hooks_page()}
    return found | {f"{name}.md": provider_page(name) for name in PROVIDERS}


def root_command() -> Any:
    """The command line without the commands of plug-ins."""
    import typer

    return typer.main.get_command(build_app(BUILT_IN))


def commands(command: Any, path: str = PROGRAM) -> Iterator[tuple[str, Any]]:
    """A command and all below it, each with the words that call it."""
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{path} {name}")


def cli_page(root: Any) -> str:
    """The page about all commands and their flags."""
    parts = [_NOTE, "# Command line\n"]
    for path, command in commands(root):
        text, _, example = (command.help or "").partition("Example:")
        parts.append(f"## `{path}`\n\n{' '.join(text.split())}\n")
        if example:
            parts.append(f"```console\n$ {' '.join(example.split())}\n```\n")
        options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
        arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
        rows = [(f"`{it.metavar or it.name.upper()}`", "", it.help or "") for it in arguments]
        rows += [(_flag(it), _default(it), it.help or "") for it in options]
        if rows:
            parts.append(_table(("Flag", "Default", "Meaning"), rows))
        below = getattr(command, "commands", {})
        if below:
            parts.append("Commands: " + ", ".join(f"`{path} {name}`" for name in below) + ".\n")
    return "\n".join(parts)


def environment_page(root: Any) -> str:
    """The page about all environment variables."""
    flags: dict[str, list[tuple[str, str]]] = {}
    for path, command in commands(root):
        for parameter in command.params:
            for variable in _variables(parameter):
                flags.setdefault(variable, []).append((f"`{parameter.opts[0]}`", path.removeprefix(f"{PROGRAM} ")))
    rows = []
    for variable, uses in flags.items():
        names = " ".join(dict.fromkeys(flag for flag, _ in uses))
        rows.append((f"`{variable}`", names, f"The flag of {_and([f'`{command}`' for _, command in uses])}."))
    rows += [(f"`{name}`", flag, meaning) for name, flag, meaning in _OTHER_VARIABLES]
    intro = "A flag on the command line comes before its environment variables; of those, its own comes first.\n"
    return "\n".join([_NOTE, "# Environment variables\n", intro, _table(("Variable", "Flag", "Meaning"), rows)])


def hooks_page() -> str:
    """The page about what packages may add beside a provider."""
    from vk_core.plugin import spec

    parts = [_NOTE, "# Hooks\n", _prose((spec.__doc__ or "").partition("\n")[2])]
    for name, hook in vars(spec).items():
        if name.startswith("virtual_kubelet_"):
            signature = str(inspect.signature(hook)).replace("'", "")
            parts.append(f"## `{name}`\n\n```python\ndef {name}{signature}\n```\n")
            parts.append(_prose(hook.__doc__))
    return "\n".join(parts)


def _prose(docstring: str) -> str:
    return inspect.cleandoc(docstring) + "\n"


def provider_page(name: str) -> str:
    """The page about one provider and its settings."""
    from vk_core.plugin.discovery import find_provider, load_entry
    from vk_core.plugin.facts import capabilities, settings_keys

    entry = find_provider(name)
    plugin = load_entry(entry)
    able = capabilities(plugin.create)
    intro = f"{plugin.description}. Package `{entry.package}`, provider API {plugin.api}.\n"
    if able:
        intro += f"\nBeside what every provider does, it has {_and([f'`{it}`' for it in able])}.\n"
    rows = [
        (f"`{key.key}`", key.expected, f"`{text}`" if (text := key.default_text()) else "", _sentence(key.description))
        for key in settings_keys(plugin.settings)
    ]
    usage = (
        'Settings are read from the TOML file of `--provider-config`. Where text is expected, `{env = "NAME"}` takes '
        'it from an environment variable and `{file = "path"}` from a file, relative to that of the settings.\n'
    )
    check = f"```console\n$ {PROGRAM} providers check {name} --provider-config {name}.toml\n```\n"
    table = _table(("Key", "Expected", "Default", "Meaning"), rows)
    return "\n".join([_NOTE, f"# Provider `{name}`\n", intro, "## Settings\n", usage, check, table])


def _flag(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    return f"{names} `{option.metavar}`" if option.metavar else names


def _default(option: Any) -> str:
    default = option.default
    return f"`{default}`" if isinstance(default, str) and default else ""


def _variables(parameter: Any) -> Sequence[str]:
    variables: str | Sequence[str] | None = parameter.envvar
    return [variables] if isinstance(variables, str) else variables or ()


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _and(words: Sequence[str]) -> str:
    *head, last = words
    return f"{', '.join(head)} and {last}" if head else last


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(folder: str) -> None:
    """Writes all pages into a folder."""
    for name, text in pages().items():
        (Path(folder) / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
