"""Options that several commands have, and the names of their environment variables."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

ENV_PREFIX = "VIRTUAL_KUBELET_"
"""Every flag has an environment variable: this, and the flag's name in capitals."""

Text: TypeAlias = str | None


def env(flag: str, *others: str) -> str | list[str]:
    """The environment variables of a flag; the first one that is set holds."""
    own = ENV_PREFIX + flag.upper().replace("-", "_")
    return [own, *others] if others else own


def complete_provider(incomplete: str) -> list[str]:
    """The installed providers whose names begin like this, for the shell."""
    from vk_core.plugin import PROVIDER_GROUP
    from vk_core.plugin.entries import installed

    return [entry.name for entry in installed(PROVIDER_GROUP) if entry.name.startswith(incomplete)]


ProviderOption: TypeAlias = Annotated[
    Text,
    typer.Option(
        "--provider",
        envvar=env("provider"),
        metavar="NAME",
        help="Provider that runs the pods.",
        autocompletion=complete_provider,
    ),
]
ProviderConfigOption: TypeAlias = Annotated[
    Text,
    typer.Option(
        "--provider-config",
        envvar=env("provider-config"),
        metavar="FILE",
        help="TOML file with the provider's settings; its defaults without.",
    ),
]
NodeNameOption: TypeAlias = Annotated[
    str,
    typer.Option("--nodename", envvar=env("nodename", "DEFAULT_NODE_NAME"), metavar="NAME", help="Name of the node."),
]
AddressOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--address",
        envvar=env("address"),
        metavar="IP",
        help="Address that the node's kubelet API listens on; 0.0.0.0 and :: are all of the machine.",
    ),
]
PortOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--port",
        envvar=env("port", "KUBELET_PORT"),
        metavar="PORT",
        help="TCP port of the node's kubelet API; 0 takes a free one.",
    ),
]
LogLevelOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--log-level", envvar=env("log-level"), metavar="debug|info|warning|error", help="Least level that is shown."
    ),
]
