"""The command line of each part of the control plane, given where its files and ports are.

What kubeadm sets is set here as well; what only makes tests wait is shortened, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SERVICE_RANGE = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"
BACKEND_BYTES = 8 << 30


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the parts of one control plane listen and keep their files."""

    state: Path
    etcd_port: int
    etcd_peer_port: int
    apiserver_port: int
    controllers_port: int
    scheduler_port: int
    unsafe_no_fsync: bool = True
    service_accounts: bool = True
    verify_kubelets: bool = False
    apiserver_flags: tuple[str, ...] = field(default=())
    controller_manager_flags: tuple[str, ...] = field(default=())

    @property
    def pki(self) -> Path:
        """The folder of keys and certificates."""
        return self.state / "pki"

    @property
    def etcd_url(self) -> str:
        """Where clients reach etcd."""
        return f"http://127.0.0.1:{self.etcd_port}"


def etcd(layout: Layout) -> list[str]:
    """A cluster of one member."""
    peer_url = f"http://127.0.0.1:{layout.etcd_peer_port}"
    flags = [
        "--name=default",
        f"--data-dir={layout.state / 'etcd'}",
        f"--listen-client-urls={layout.etcd_url}",
        f"--advertise-client-urls={layout.etcd_url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=default={peer_url}",
        f"--quota-backend-bytes={BACKEND_BYTES}",
        "--log-level=warn",
    ]
    # Nothing here has to survive a power cut, and a shared disk would be the slowest part.
    return [*flags, "--unsafe-no-fsync"] if layout.unsafe_no_fsync else flags


def apiserver(layout: Layout) -> list[str]:
    """RBAC and the Node authorizer, as in a cluster made by kubeadm, on loopback only."""
    pki = layout.pki
    flags = [
        f"--etcd-servers={layout.etcd_url}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={layout.apiserver_port}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        # Pods can be given cluster trust bundles, which 1.36 has off unless asked for.
        "--feature-gates=ClusterTrustBundle=true,ClusterTrustBundleProjection=true",
        "--runtime-config=certificates.k8s.io/v1beta1/clustertrustbundles=true",
        "--allow-privileged=true",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki / 'service-account.pub'}",
        f"--service-account-signing-key-file={pki / 'service-account.key'}",
        f"--kubelet-client-certificate={pki / 'kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'kubelet-client.key'}",
        "--kubelet-preferred-address-types=InternalIP,Hostname",
        f"--requestheader-client-ca-file={pki / 'ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki / 'front-proxy.crt'}",
        f"--proxy-client-key-file={pki / 'front-proxy.key'}",
        # The Endpoints of the service `kubernetes` may not hold a loopback address.
        "--endpoint-reconciler-type=none",
    ]
    if layout.verify_kubelets:  # kubeadm leaves this off
        flags.append(f"--kubelet-certificate-authority={pki / 'ca.crt'}")
    if not layout.service_accounts:
        flags.append("--disable-admission-plugins=ServiceAccount")
    return [*flags, *layout.apiserver_flags]


def controller_manager(layout: Layout) -> list[str]:
    """All controllers; no rate limit, and an autoscaler that looks often, which only shortens what tests wait for."""
    return [
        f"--kubeconfig={layout.state / 'controller-manager.kubeconfig'}",
        "--bind-address=127.0.0.1",
        f"--secure-port={layout.controllers_port}",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={layout.pki / 'service-account.key'}",
        f"--root-ca-file={layout.pki / 'ca.crt'}",
        f"--cluster-signing-cert-file={layout.pki / 'ca.crt'}",
        f"--cluster-signing-key-file={layout.pki / 'ca.key'}",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
        "--horizontal-pod-autoscaler-sync-period=2s",
        "--horizontal-pod-autoscaler-initial-readiness-delay=1s",
        "--horizontal-pod-autoscaler-cpu-initialization-period=1s",
        *layout.controller_manager_flags,
    ]


def scheduler(layout: Layout) -> list[str]:
    """The default profile; its settings are in a file, because its rate limit has no flag any more."""
    return [
        f"--config={layout.state / 'scheduler.yaml'}",
        "--bind-address=127.0.0.1",
        f"--secure-port={layout.scheduler_port}",
    ]


def scheduler_settings(layout: Layout) -> str:
    """The text of the scheduler's settings file."""
    return f"""\
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {{leaderElect: false}}
clientConnection: {{kubeconfig: "{layout.state / "scheduler.kubeconfig"}", qps: 1000, burst: 2000}}
"""
