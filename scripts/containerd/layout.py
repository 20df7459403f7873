"""Where one containerd keeps what, and its settings as text: pure, no IO."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

PAUSE_IMAGE = "registry.k8s.io/pause:3.10"


@dataclass(frozen=True)
class Layout:
    """What is its own.

    Attributes:
        state: the folder of all its files.
        bridge: the network interface that its pods are connected to.
        subnet: where their addresses come from.
        registry_host: the registry that answers for all registries.
        cni_folder: where the network plug-ins are.
        snapshotter: `overlayfs` or `native`.
    """

    state: Path
    bridge: str
    subnet: str
    registry_host: str
    cni_folder: Path
    snapshotter: str = "overlayfs"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.state / "containerd.sock"

    @property
    def network_settings(self) -> Path:
        """The folder with the settings of the pods' network."""
        return self.state / "net.d"

    @property
    def registry_settings(self) -> Path:
        """The folder that says where images come from."""
        return self.state / "certs.d"


def containerd_settings(layout: Layout) -> str:
    """Its settings (TOML, version 2).

    `restrict_oom_score_adj` is for machines where root lacks CAP_SYS_RESOURCE: without it, no sandbox starts there.
    """
    state = layout.state
    return f"""version = 2
root = "{state}/root"
state = "{state}/state"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
address = "{layout.socket}"
[ttrpc]
address = "{layout.socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
path = "{state}/opt"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE_IMAGE}"
stream_server_address = "127.0.0.1"
stream_server_port = "0"
disable_tcp_service = true
restrict_oom_score_adj = true
disable_apparmor = true
netns_mounts_under_state_dir = true

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "{layout.snapshotter}"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.another]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{layout.cni_folder}"
conf_dir = "{layout.network_settings}"

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{layout.registry_settings}"
"""


def network_settings(layout: Layout) -> str:
    """The pods' network (CNI): a bridge, addresses of the subnet, and ports of the host."""
    addresses = {
        "type": "host-local",
        "dataDir": str(layout.state / "addresses"),
        "ranges": [[{"subnet": layout.subnet}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": layout.bridge,
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": addresses,
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}
    return json.dumps({"cniVersion": "0.4.0", "name": layout.bridge, "plugins": [bridge, ports]}, indent=1)


def registry_settings(layout: Layout) -> str:
    """Every registry's name is answered by the one on this machine."""
    url = f"http://{layout.registry_host}"
    return f'server = "{url}"\n[host."{url}"]\ncapabilities = ["pull", "resolve"]\n'
