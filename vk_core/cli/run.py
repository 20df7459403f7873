"""`virtual-kubelet run`: one virtual node of a real cluster, until it is told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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


def run(  # noqa: PLR0917 - typer passes them by name; `node_options` reads them from the context
    context: typer.Context,
    provider: ProviderOption = None,
    provider_config: ProviderConfigOption = None,
    nodename: NodeNameOption = "virtual-kubelet",
    kubeconfig: Annotated[
        Text,
        typer.Option(
            "--kubeconfig",
            envvar=env("kubeconfig"),
            metavar="FILE",
            help="Credentials of the cluster; without: $KUBECONFIG, ~/.kube/config, then the pod's service account.",
        ),
    ] = None,
    namespace: Annotated[
        str,
        typer.Option(
            "--namespace",
            envvar=env("namespace"),
            metavar="NAME",
            help="Take the pods of this namespace only; all without.",
        ),
    ] = "",
    os: Annotated[
        str,
        typer.Option("--os", envvar=env("os"), metavar="Linux|Windows", help="Operating system of the node's pods."),
    ] = "Linux",
    taint: Annotated[
        Text,
        typer.Option(
            "--taint",
            envvar=env("taint"),
            metavar="KEY[=VALUE][:EFFECT]",
            help="Taint of the node, by default virtual-kubelet.io/provider=PROVIDER:NoSchedule; parts that are left "
            "out are taken from there. Also by parts: $VKUBELET_TAINT_KEY, $VKUBELET_TAINT_VALUE, "
            "$VKUBELET_TAINT_EFFECT.",
        ),
    ] = None,
    disable_taint: Annotated[
        bool, typer.Option("--disable-taint", envvar=env("disable-taint"), help="Register the node without a taint.")
    ] = False,
    label: Annotated[
        list[str],
        typer.Option(
            "--label",
            envvar=env("label"),
            metavar="KEY=VALUE",
            help="Label of the node; may be repeated, or several with commas.",
        ),
    ] = [],  # noqa: B006 - typer needs a list here, nobody changes it
    cluster_domain: Annotated[
        str,
        typer.Option(
            "--cluster-domain", envvar=env("cluster-domain"), metavar="DOMAIN", help="DNS domain of the cluster."
        ),
    ] = "cluster.local",
    cluster_dns: Annotated[
        list[str],
        typer.Option(
            "--cluster-dns",
            envvar=env("cluster-dns"),
            metavar="IP",
            help="DNS server of the cluster, for pods; may be repeated, or several with commas.",
        ),
    ] = [],  # noqa: B006 - typer needs a list here, nobody changes it
    resolv_conf: Annotated[
        Text,
        typer.Option(
            "--resolv-conf",
            envvar=env("resolv-conf"),
            metavar="FILE",
            help="Resolver settings of pods that do not use the cluster's DNS; without, /etc/resolv.conf.",
        ),
    ] = None,
    internal_ip: Annotated[
        str,
        typer.Option(
            "--internal-ip",
            envvar=env("internal-ip", "VKUBELET_POD_IP"),
            metavar="IP",
            help="Address of the node; without, the one by which this machine reaches the cluster.",
        ),
    ] = "",
    address: AddressOption = "0.0.0.0",
    port: PortOption = "10250",
    tls_cert_file: Annotated[
        Text,
        typer.Option(
            "--tls-cert-file",
            envvar=env("tls-cert-file", "APISERVER_CERT_LOCATION"),
            metavar="FILE",
            help="Certificate of the kubelet API, PEM, read again when it changes; without, one is made or asked for.",
        ),
    ] = None,
    tls_private_key_file: Annotated[
        Text,
        typer.Option(
            "--tls-private-key-file",
            envvar=env("tls-private-key-file", "APISERVER_KEY_LOCATION"),
            metavar="FILE",
            help="Private key of --tls-cert-file, PEM.",
        ),
    ] = None,
    client_ca_file: Annotated[
        Text,
        typer.Option(
            "--client-ca-file",
            envvar=env("client-ca-file", "APISERVER_CA_CERT_LOCATION"),
            metavar="FILE",
            help="CA of client certificates, PEM, read again when it changes; without, the cluster's own "
            "(ConfigMap kube-system/extension-apiserver-authentication).",
        ),
    ] = None,
    authorization: Annotated[
        str,
        typer.Option(
            "--authorization",
            envvar=env("authorization"),
            metavar="webhook|always-allow",
            help="Who may call the kubelet API: whom the API server allows to, or everybody who has a name (unsafe).",
        ),
    ] = "webhook",
    anonymous_auth: Annotated[
        bool,
        typer.Option(
            "--anonymous-auth",
            envvar=env("anonymous-auth"),
            help="Let in requests without credentials as system:anonymous (unsafe).",
        ),
    ] = False,
    rotate_server_certificates: Annotated[
        bool,
        typer.Option(
            "--rotate-server-certificates",
            envvar=env("rotate-server-certificates"),
            help="Have the cluster sign the certificate of the kubelet API (CSR), and renew it before it runs out.",
        ),
    ] = False,
    cert_dir: Annotated[
        Text,
        typer.Option(
            "--cert-dir",
            envvar=env("cert-dir"),
            metavar="FOLDER",
            help="Where keys and certificates are kept; without, ~/.local/state/virtual-kubelet/NODENAME.",
        ),
    ] = None,
    bootstrap_kubeconfig: Annotated[
        Text,
        typer.Option(
            "--bootstrap-kubeconfig",
            envvar=env("bootstrap-kubeconfig"),
            metavar="FILE",
            help="Credentials to ask for a client certificate with, as which the node then acts; kept in --cert-dir "
            "and renewed. In place of --kubeconfig.",
        ),
    ] = None,
    stream_idle_timeout: Annotated[
        str,
        typer.Option(
            "--stream-idle-timeout",
            envvar=env("stream-idle-timeout"),
            metavar="DURATION",
            help="An exec, attach or port-forward connection ends when nothing was sent for so long.",
        ),
    ] = "4h",
    stream_creation_timeout: Annotated[
        str,
        typer.Option(
            "--stream-creation-timeout",
            envvar=env("stream-creation-timeout"),
            metavar="DURATION",
            help="How long a client may take to open the streams of such a connection.",
        ),
    ] = "30s",
    metrics_addr: Annotated[
        str,
        typer.Option(
            "--metrics-addr",
            envvar=env("metrics-addr"),
            metavar="HOST:PORT",
            help="Serve health checks and metrics without TLS and without asking who it is; not at all by default.",
        ),
    ] = "",
    kubelet_version: Annotated[
        str,
        typer.Option(
            "--kubelet-version",
            envvar=env("kubelet-version"),
            metavar="VERSION",
            help="Version of Kubernetes that the node reports.",
        ),
    ] = "v1.36.3",
    max_pods: Annotated[
        Text,
        typer.Option(
            "--max-pods",
            envvar=env("max-pods"),
            metavar="COUNT",
            help="How many pods the node takes; without, as many as the provider says.",
        ),
    ] = None,
    pod_sync_workers: Annotated[
        str,
        typer.Option(
            "--pod-sync-workers",
            envvar=env("pod-sync-workers"),
            metavar="COUNT",
            help="How many pods are worked on at the same time.",
        ),
    ] = "32",
    full_resync_period: Annotated[
        str,
        typer.Option(
            "--full-resync-period",
            envvar=env("full-resync-period"),
            metavar="DURATION",
            help="How often all pods of cluster and provider are compared.",
        ),
    ] = "1m",
    status_update_interval: Annotated[
        str,
        typer.Option(
            "--status-update-interval",
            envvar=env("status-update-interval"),
            metavar="DURATION",
            help="How often the node's status is written when nothing changes.",
        ),
    ] = "5m",
    lease_duration: Annotated[
        str,
        typer.Option(
            "--lease-duration",
            envvar=env("lease-duration"),
            metavar="DURATION",
            help="After this time without renewal the cluster takes the node for dead; renewed four times as often.",
        ),
    ] = "40s",
    startup_timeout: Annotated[
        str,
        typer.Option(
            "--startup-timeout",
            envvar=env("startup-timeout"),
            metavar="DURATION",
            help="Give up when the node is not Ready by then; 0 never does.",
        ),
    ] = "0",
    delete_node_on_exit: Annotated[
        bool,
        typer.Option(
            "--delete-node-on-exit",
            envvar=env("delete-node-on-exit"),
            help="Remove the node from the cluster at a clean stop.",
        ),
    ] = False,
    log_level: LogLevelOption = "info",
    log_format: Annotated[
        str, typer.Option("--log-format", envvar=env("log-format"), metavar="text|json", help="One line each, or JSON.")
    ] = "text",
) -> None:
    """Run one virtual node until SIGTERM or SIGINT; its pods keep running in the provider.

    Example: virtual-kubelet run --provider mock --provider-config mock.toml --nodename mock-1
    """
    from vk_core.cli import flags
    from vk_core.cli.given import Given, node_options
    from vk_core.cli.loop import run_async
    from vk_core.plugin.discovery import load_provider
    from vk_core.plugin.hooks import load_hooks
    from vk_core.plugin.settings import load_settings
    from vk_core.telemetry import logs

    given = Given(context)
    options = node_options(given)
    level = given.read("log_level", flags.one_of(*logs.LEVELS))
    form = given.read("log_format", flags.one_of("text", "json"))
    given.finish()
    logs.setup(level, "json" if form == "json" else "text")
    plugin = load_provider(options.provider)
    settings = load_settings(options.provider, plugin, Path(provider_config) if provider_config else None)
    hooks = load_hooks()

    from vk_core.runtime.serve import serve

    run_async(serve(options, plugin, settings, decorate_node=hooks.decorate_node))
