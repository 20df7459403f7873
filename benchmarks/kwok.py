"""kwok, the best known simulator of nodes, built from its module and run as its documentation says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scripts.control_plane import modules
from scripts.control_plane.ports import free_ports
from scripts.control_plane.processes import Process

if TYPE_CHECKING:
    from scripts.control_plane.cluster import ControlPlane

VERSION = "v0.8.0"
MODULE = "sigs.k8s.io/kwok"
NODE_ANNOTATION = {"kwok.x-k8s.io/node": "fake"}
# Without stages kwok does nothing. These are its fastest for pods, and its own for a node that renews a lease.
STAGES = ("pod/fast/pod-*.yaml", "node/fast/node-*.yaml", "node/heartbeat-with-lease/node-*.yaml")


def installed() -> Path:
    """The folder that holds `kwok` and its `stages.yaml`, built now if need be (about 2 minutes on 2 cores).

    Raises:
        BuildError: it cannot be built.
    """
    return modules.installed(MODULE, "kwok", VERSION, finish=_join_stages)


def agent(plane: ControlPlane, node: str, folder: Path) -> Process:
    """The process `kwok` as the agent of one node, which has to carry `NODE_ANNOTATION`."""
    programs = installed()
    command = [
        str(programs / "kwok"),
        f"--kubeconfig={plane.kubeconfig('kwok', ('system:masters',))}",
        f"--config={programs / 'stages.yaml'}",
        "--manage-all-nodes=false",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--node-lease-duration-seconds=40",
        f"--server-address=127.0.0.1:{free_ports(1)[0]}",
    ]
    return Process(f"kwok {node}", command, folder / "kwok.log")


def _join_stages(module: Path, folder: Path) -> None:
    found = [path for pattern in STAGES for path in sorted((module / "kustomize" / "stage").glob(pattern))]
    (folder / "stages.yaml").write_text("\n---\n".join(path.read_text() for path in found))
