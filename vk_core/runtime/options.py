"""Everything that `virtual-kubelet run` can be told, in one typed place; the command line fills it in."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

from vk_core.api.node import Taint

DEFAULT_KUBELET_VERSION = "v1.36.3"
"""What the node reports; within the version skew that a 1.36 control plane and its neighbours accept."""

DEFAULT_RESOLV_CONF = Path("/etc/resolv.conf")
"""Where the machine's own resolver settings are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeOptions:
    """One virtual node.

    Attributes:
        provider: name of the provider, for the taint, labels and messages.
        kubeconfig: file to use; None looks at `$KUBECONFIG`, `~/.kube/config`, then in-cluster credentials.
        namespace: the only namespace whose pods are taken; empty takes all.
        operating_system: `linux` or `windows`.
        taint: keeps pods away that do not ask for this node; None leaves it out.
        cluster_domain: DNS domain of the cluster.
        cluster_dns: addresses of the cluster's DNS servers, for pods.
        resolv_conf: resolver settings of pods that do not use the cluster's DNS.
        internal_ip: the node's address; empty finds the one that the machine would use.
        address: where the kubelet API listens; `0.0.0.0` and `::` are all addresses of the machine.
        port: TCP port of the kubelet API; 0 takes a free one, the node reports the one that was taken.
        tls_cert_file: certificate to serve with; None has one made or asked for.
        tls_private_key_file: its key; given together with it.
        client_ca_file: CA bundle for client certificates; None takes the cluster's own.
        authorization: `webhook` asks the API server; `always-allow` lets everybody do everything who has a name.
        anonymous_auth: whether requests without credentials are those of `system:anonymous`.
        rotate_server_certificates: whether the cluster is asked for the certificate (CSR).
        cert_dir: folder of keys and certificates; None is a folder of the user's state for each node.
        bootstrap_kubeconfig: credentials with which the node asks for a client certificate of its own.
        stream_idle_timeout: exec, attach and port-forward connections end when nothing was sent for so long.
        stream_creation_timeout: how long a client may take to open the streams of such a connection.
        metrics_addr: HOST:PORT of a listener without TLS for health checks and metrics; empty for none.
        pod_sync_workers: how many pods the provider is asked to change at once.
        full_resync_period: how often provider and cluster are compared as a whole.
        startup_timeout: how long the node may take to become Ready; None waits for ever.
        status_update_interval: how often an unchanged node status is written.
        lease_duration: after this the cluster takes an unrenewed node for dead.
        delete_node_on_exit: whether the node object is removed at a clean stop.
        labels: added to the node.
        max_pods: overrides the provider's number of pods.
    """

    provider: str
    kubeconfig: Path | None = None
    namespace: str = ""
    node_name: str = "virtual-kubelet"
    operating_system: str = "linux"
    taint: Taint | None = None
    cluster_domain: str = "cluster.local"
    cluster_dns: tuple[str, ...] = ()
    resolv_conf: Path = DEFAULT_RESOLV_CONF
    internal_ip: str = ""
    address: str = "0.0.0.0"
    port: int = 10250
    tls_cert_file: Path | None = None
    tls_private_key_file: Path | None = None
    client_ca_file: Path | None = None
    authorization: str = "webhook"
    anonymous_auth: bool = False
    rotate_server_certificates: bool = False
    cert_dir: Path | None = None
    bootstrap_kubeconfig: Path | None = None
    stream_idle_timeout: dt.timedelta = dt.timedelta(hours=4)
    stream_creation_timeout: dt.timedelta = dt.timedelta(seconds=30)
    metrics_addr: str = ""
    pod_sync_workers: int = 32
    full_resync_period: dt.timedelta = dt.timedelta(minutes=1)
    startup_timeout: dt.timedelta | None = None
    status_update_interval: dt.timedelta = dt.timedelta(minutes=5)
    lease_duration: dt.timedelta = dt.timedelta(seconds=40)
    delete_node_on_exit: bool = False
    kubelet_version: str = DEFAULT_KUBELET_VERSION
    labels: dict[str, str] = field(default_factory=dict)
    max_pods: int | None = None
