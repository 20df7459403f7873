"""Reads the flags of one command line: everything that is wrong with them is told at once, by the flag's name.

A value may come from the flag or from an environment variable; messages name the one it came from.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import typer

from vk_core.cli import flags
from vk_core.errors import PluginError, UsageError
from vk_core.runtime.options import DEFAULT_RESOLV_CONF, NodeOptions

Value = TypeVar("Value")

TAINT_VARIABLES = ("VKUBELET_TAINT_KEY", "VKUBELET_TAINT_VALUE", "VKUBELET_TAINT_EFFECT")
"""Environment variables of a taint's parts; `--taint` comes before them."""


class Given:
    """What was given to one command.

    Attributes:
        problems: one line for each bad value so far.
    """

    def __init__(self, context: typer.Context, environment: Mapping[str, str] = os.environ) -> None:
        self.problems: list[str] = []
        self._values: dict[str, Any] = context.params
        self._context = context
        self._environment = environment

    def read(self, name: str, parse: Callable[[Any], Value]) -> Value:
        """The value of a parameter; a problem is noted when it is bad, and what is returned must not be used."""
        value = self._values[name]
        try:
            return parse(value)
        except ValueError as error:
            got = "" if repr(value) in str(error) or " got " in str(error) else f", got {value!r}"
            self.problems.append(f"{self.source(name)}: {error}{got}")
            return None  # type: ignore[return-value]  # never seen: `finish` raises

    def value(self, name: str) -> Any:
        """The value of a parameter as it was given."""
        return self._values[name]

    def source(self, name: str) -> str:
        """How to speak of a parameter: its flag, and the environment variable if the value came from one."""
        parameter = next(it for it in self._context.command.params if it.name == name)
        flag: str = parameter.opts[0]
        origin = self._context.get_parameter_source(name)
        if origin is None or origin.name != "ENVIRONMENT":
            return flag
        variables = [parameter.envvar] if isinstance(parameter.envvar, str) else parameter.envvar or ()
        variable = next((it for it in variables if self._environment.get(it)), "the environment")
        return f"{flag} (from {variable})"

    def taint(self, provider: str) -> Any:
        """The node's taint; None with `--disable-taint`."""
        if self._values["disable_taint"]:
            if self._values["taint"]:
                self.problems.append("--disable-taint: expected to be given without --taint")
            return None
        if self._values["taint"]:
            return self.read("taint", lambda text: flags.taint(text, provider))
        defaults = (flags.DEFAULT_TAINT_KEY, provider, flags.DEFAULT_TAINT_EFFECT)
        parts = [
            self._environment.get(name) or default for name, default in zip(TAINT_VARIABLES, defaults, strict=True)
        ]
        try:
            return flags.make_taint(*parts)
        except ValueError as error:
            names = ", ".join(name for name in TAINT_VARIABLES if self._environment.get(name))
            self.problems.append(f"{names or self.source('provider')}: {error}")
            return None

    def check_combinations(self) -> None:
        """Note flags that need or exclude each other."""
        value = self._values
        if bool(value["tls_cert_file"]) != bool(value["tls_private_key_file"]):
            alone, missing = "--tls-cert-file", "--tls-private-key-file"
            if not value["tls_cert_file"]:
                alone, missing = missing, alone
            self.problems.append(f"{alone}: expected to be given together with {missing}")
        if value["tls_cert_file"] and value["rotate_server_certificates"]:
            self.problems.append("--rotate-server-certificates: expected to be given without --tls-cert-file")
        if value["kubeconfig"] and value["bootstrap_kubeconfig"]:
            self.problems.append("--bootstrap-kubeconfig: expected to be given without --kubeconfig")

    def finish(self) -> None:
        """Ends with all that was wrong.

        Raises:
            UsageError: one line for each bad value.
        """
        if self.problems:
            raise UsageError("\n".join(self.problems))


def node_options(given: Given) -> NodeOptions:
    """The options of one node; `given.finish()` has to be called before they are used."""
    given.check_combinations()
    provider = given.read("provider", provider_name)
    return NodeOptions(
        provider=provider,
        kubeconfig=given.read("kubeconfig", readable_file),
        namespace=given.read("namespace", flags.namespace),
        node_name=given.read("nodename", flags.subdomain),
        operating_system=given.read("os", flags.operating_system),
        taint=given.taint(provider) if provider else None,
        cluster_domain=given.read("cluster_domain", flags.subdomain),
        cluster_dns=given.read("cluster_dns", flags.ip_addresses),
        resolv_conf=given.read("resolv_conf", readable_file) or DEFAULT_RESOLV_CONF,
        internal_ip=given.read("internal_ip", flags.ip_address),
        address=given.read("address", flags.listen_address),
        port=given.read("port", flags.port),
        tls_cert_file=given.read("tls_cert_file", readable_file),
        tls_private_key_file=given.read("tls_private_key_file", readable_file),
        client_ca_file=given.read("client_ca_file", readable_file),
        authorization=given.read("authorization", flags.one_of("webhook", "always-allow")),
        anonymous_auth=given.value("anonymous_auth"),
        rotate_server_certificates=given.value("rotate_server_certificates"),
        cert_dir=given.read("cert_dir", folder),
        bootstrap_kubeconfig=given.read("bootstrap_kubeconfig", readable_file),
        stream_idle_timeout=given.read("stream_idle_timeout", flags.duration),
        stream_creation_timeout=given.read("stream_creation_timeout", flags.duration),
        metrics_addr=given.read("metrics_addr", flags.host_and_port),
        pod_sync_workers=given.read("pod_sync_workers", flags.positive),
        full_resync_period=given.read("full_resync_period", flags.duration),
        startup_timeout=given.read("startup_timeout", flags.optional_duration),
        status_update_interval=given.read("status_update_interval", flags.duration),
        lease_duration=given.read("lease_duration", flags.whole_seconds),
        delete_node_on_exit=given.value("delete_node_on_exit"),
        kubelet_version=given.read("kubelet_version", flags.kubelet_version),
        labels=given.read("label", flags.labels),
        max_pods=given.read("max_pods", lambda text: None if text is None else flags.positive(text)),
    )


def provider_name(text: str | None) -> str:
    """The name of an installed provider."""
    from vk_core.plugin import PROVIDER_GROUP
    from vk_core.plugin.discovery import find_provider
    from vk_core.plugin.entries import installed

    if not text:
        names = ", ".join(entry.name for entry in installed(PROVIDER_GROUP))
        raise ValueError(f"expected the name of a provider, got none; there is {names or 'none installed'}")
    try:
        return find_provider(text).name
    except PluginError as error:
        raise ValueError(str(error)) from None


def folder(text: str | None) -> Path | None:
    """A folder, which need not be there yet; None for none."""
    if not text:
        return None
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise ValueError("expected a folder")
    return path


def readable_file(text: str | None) -> Path | None:
    """A file that can be opened; None for none."""
    if text is None:
        return None
    path = Path(text)
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise ValueError(f"expected a file that can be read: {error.strerror or error}") from None
