"""Runs the installed `virtual-kubelet run` as a process of its own against a control plane."""

from __future__ import annotations

import datetime
import http
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.control_plane.apiclient import ApiError
from scripts.control_plane.processes import Process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scripts.control_plane.apiclient import ApiClient, Object

READY_SECONDS = 30.0
LOG_SECONDS = 0.05


def command_path() -> str:
    """The `virtual-kubelet` of the environment this runs in.

    Raises:
        FileNotFoundError: it is not installed there.
    """
    beside = Path(sys.executable).parent / "virtual-kubelet"
    found = str(beside) if beside.exists() else shutil.which("virtual-kubelet")
    if found is None:
        raise FileNotFoundError(f"virtual-kubelet is not installed beside {sys.executable}, nor on PATH")
    return found


class NodeAgent(Process):
    """One `virtual-kubelet run`; what it prints goes to `log_file`.

    Args:
        api: used to see the node become Ready.
        node: the node's name.
        kubeconfig: with which credentials it runs, unless `arguments` have a `--bootstrap-kubeconfig`.
        folder: for its log.
        arguments: further flags of `virtual-kubelet run`.
        environment: variables to add to this process's own.
    """

    def __init__(
        self,
        api: ApiClient,
        node: str,
        kubeconfig: Path,
        folder: Path,
        *,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        credentials = [] if "--bootstrap-kubeconfig" in arguments else ["--kubeconfig", str(kubeconfig)]
        command = [command_path(), "run", *credentials, "--nodename", node, "--port", "0", *arguments]
        # Without colours, and without what the user has set for another node.
        own = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("VIRTUAL_KUBELET_", "VKUBELET_", "KUBE"))
        }
        own |= {"NO_COLOR": "1", "COLUMNS": "200", "XDG_STATE_HOME": str(folder / "state")} | dict(environment or {})
        self.api = api
        self.node = node
        super().__init__(f"virtual-kubelet {node}", command, folder / f"virtual-kubelet-{node}.log", own)

    def wait_ready(self, seconds: float = READY_SECONDS) -> Any:
        """Wait until this start has renewed the lease and the node's Ready condition is True; returns the Node.

        Raises:
            RuntimeError: the process ended, or the node did not become Ready; the text has the end of the log.
        """
        named = f"?fieldSelector=metadata.name%3D{self.node}"
        leases = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases{named}"
        until = time.monotonic() + seconds
        try:
            self.api.wait_until(leases, self._renewed, seconds, hopeless=self._ended)
            left = until - time.monotonic()
            return self.api.wait_until(f"/api/v1/nodes{named}", is_ready, left, hopeless=self._ended)[0]
        except ApiError as error:
            ended = f"virtual-kubelet ended with status {self.exit_status}" if self._ended() else str(error)
            raise RuntimeError(f"node {self.node} is not Ready: {ended}\n{self.last_words(40)}") from None

    def wait_for_line(self, text: str, seconds: float = READY_SECONDS) -> str:
        """Wait until a line with this text is in the log; returns the line.

        Raises:
            RuntimeError: there was none in time, or the process ended without one.
        """
        until = time.monotonic() + seconds
        while True:
            over = self._ended() or time.monotonic() >= until
            for line in self.log().splitlines():
                if text in line:
                    return line
            if over:
                raise RuntimeError(f"no line with {text!r}:\n{self.last_words(40)}")
            time.sleep(LOG_SECONDS)  # a log file has no watch to wait on

    def remove(self) -> None:
        """Kill the process if it runs, and delete its node; its pods are garbage collected within a minute."""
        if self.running:
            self.kill()
        try:
            self.api.request("DELETE", f"/api/v1/nodes/{self.node}")
        except ApiError as error:
            if error.status != http.HTTPStatus.NOT_FOUND:
                raise

    def _ended(self) -> bool:
        return not self.running

    def _renewed(self, leases: list[Object]) -> bool:
        times = [datetime.datetime.fromisoformat(lease["spec"]["renewTime"]).timestamp() for lease in leases]
        return any(renewed >= self.started_at for renewed in times)


def is_ready(nodes: list[Object]) -> bool:
    """Whether one of the nodes has the condition Ready."""
    conditions = [condition for node in nodes for condition in node.get("status", {}).get("conditions", ())]
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
