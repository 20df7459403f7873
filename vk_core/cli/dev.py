"""`virtual-kubelet dev`: a cluster in this process with one virtual node, to try things out and throw them away."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vk_core.cli.options import (
    AddressOption,
    LogLevelOption,
    NodeNameOption,
    PortOption,
    ProviderConfigOption,
    ProviderOption,
    Text,
    env,
)

if TYPE_CHECKING:
    from vk_core.runtime.options import NodeOptions


def dev(  # noqa: PLR0917 - typer passes them by name
    context: typer.Context,
    provider: ProviderOption = "mock",
    provider_config: ProviderConfigOption = None,
    nodename: NodeNameOption = "virtual-kubelet",
    kubeconfig_out: Annotated[
        Text,
        typer.Option(
            "--kubeconfig-out",
            envvar=env("kubeconfig-out"),
            metavar="FILE",
            help="Where to write the kubeconfig, a file that is not there yet; without, a temporary one.",
        ),
    ] = None,
    address: AddressOption = "127.0.0.1",
    port: PortOption = "0",
    log_level: LogLevelOption = "warning",
) -> None:
    """Start a small cluster in memory with one virtual node, and show its pods until Ctrl-C.

    The node has no taint, so that pods come to it without a toleration. Nothing is kept.

    Example: virtual-kubelet dev --provider mock
    """
    import tempfile

    from vk_core.cli import flags
    from vk_core.cli.given import Given, provider_name
    from vk_core.cli.loop import run_async
    from vk_core.plugin.discovery import load_provider
    from vk_core.plugin.hooks import load_hooks
    from vk_core.plugin.settings import load_settings
    from vk_core.telemetry import logs

    given = Given(context)
    name = given.read("provider", provider_name)
    node_name = given.read("nodename", flags.subdomain)
    out = given.read("kubeconfig_out", new_file)
    host = given.read("address", flags.listen_address)
    number = given.read("port", flags.port)
    level = given.read("log_level", flags.one_of(*logs.LEVELS))
    given.finish()
    logs.setup(level)
    plugin = load_provider(name)
    settings = load_settings(name, plugin, Path(provider_config) if provider_config else None)

    from vk_core.runtime.options import NodeOptions
    from vk_core.runtime.serve import serve

    with kubeconfig_place(out) as kubeconfig, tempfile.TemporaryDirectory(prefix="virtual-kubelet-") as folder:
        options = NodeOptions(
            provider=name,
            node_name=node_name,
            kubeconfig=kubeconfig,
            address=host,
            port=number,
            internal_ip="" if host in {"0.0.0.0", "::"} else host,
            cert_dir=Path(folder),
        )
        node = partial(serve, options, plugin, settings, decorate_node=load_hooks().decorate_node)
        run_async(run_cluster(options, kubeconfig, node, lambda: logs.setup(level)))


async def run_cluster(
    options: NodeOptions,
    kubeconfig: Path,
    node: Callable[..., Coroutine[Any, Any, None]],
    redirect_logs: Callable[[], None],
) -> None:
    """Brings up the cluster with its node, shows its pods, and takes it down when the node ends at a signal."""
    import asyncio

    from vk_core.aio.tasks import run_until_done
    from vk_core.devcluster import DevCluster
    from vk_core.errors import UsageError
    from vk_core.runtime.connection import connect

    ready = asyncio.Event()

    async def show() -> None:
        await ready.wait()
        print(welcome(options, kubeconfig), flush=True)
        async with connect(options) as (client, _):
            await show_pods(client, redirect_logs)

    async with DevCluster() as cluster:
        try:
            cluster.write_kubeconfig(kubeconfig)
        except OSError as error:
            raise UsageError(f"--kubeconfig-out: {kubeconfig} cannot be written: {error.strerror or error}") from error
        await run_until_done(node(on_ready=ready.set), show=show())


async def show_pods(client: Any, redirect_logs: Callable[[], None]) -> None:
    """Shows pods as suits the standard output; a live table is redrawn around what is logged."""
    from vk_core.cli.podview import PodLines, PodTable, follow_pods

    if not sys.stdout.isatty():
        await follow_pods(client, PodLines(lambda line: print(line, flush=True)))
        return
    from rich.console import Console

    await follow_pods(client, PodTable(Console(), redirect_logs))


def welcome(options: NodeOptions, kubeconfig: Path) -> str:
    """What to do next."""
    import shlex

    return (
        f"Node {options.node_name} of provider {options.provider} is Ready, in a cluster that ends with Ctrl-C.\n"
        "In another terminal:\n\n"
        f"    export KUBECONFIG={shlex.quote(str(kubeconfig))}\n"
        "    kubectl run hello --image=nginx\n"
    )


def new_file(text: str | None) -> Path | None:
    """A file to be made: it must not be there yet, because it is removed at the end."""
    if text is None:
        return None
    path = Path(text).absolute()
    if path.exists() or path.is_symlink():
        raise ValueError("expected a file that is not there yet")
    if not path.parent.is_dir():
        raise ValueError("expected a file in a folder that is there")
    return path


@contextlib.contextmanager
def kubeconfig_place(path: Path | None) -> Iterator[Path]:
    """Where the kubeconfig goes; whatever is there is removed at the end."""
    import tempfile

    if path is None:
        with tempfile.TemporaryDirectory(prefix="virtual-kubelet-") as folder:
            yield Path(folder) / "kubeconfig"
        return
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
