"""`virtual-kubelet dev` in the place of a real control plane, for tests that are written for one."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from scripts.control_plane.apiclient import ApiClient

NODE = "virtual-kubelet"
READY_SECONDS = 30.0


class TokenConnection(http.client.HTTPSConnection):
    """A connection whose requests all carry a token."""

    token = ""

    def endheaders(self, *arguments: Any, **options: Any) -> None:
        """Adds the token behind all other headers."""
        self.putheader("Authorization", f"Bearer {self.token}")
        super().endheaders(*arguments, **options)


class TokenApi(ApiClient):
    """The blocking client of the tests, with the kubeconfig of a dev cluster."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self._port = urlsplit(cluster["server"]).port or 0
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._tls = ssl.create_default_context(cadata=authority)
        self.token = config["users"][0]["user"]["token"]

    def _connection(self, seconds: float) -> contextlib.closing[http.client.HTTPSConnection]:
        connection = TokenConnection("127.0.0.1", self._port, timeout=seconds, context=self._tls)
        connection.token = self.token
        return contextlib.closing(connection)


class DevPlane:
    """A dev cluster in a process of its own, its node run by the provider of processes.

    Attributes:
        api: a client.
        programs: the folder of kubectl.
        admin_kubeconfig: how to get in.
        node: name of the node.
        pid: of the process.
    """

    def __init__(self, kubectl: Path, folder: Path) -> None:
        self.programs = kubectl.parent
        self.admin_kubeconfig = folder / "kubeconfig"
        self.node = NODE
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Starts it and waits until there is a node."""
        settings = self._folder / "process.toml"
        settings.write_text(f'folder = "{self._folder}"\n')
        command = [sys.executable, "-m", "vk_core", "dev", "--provider", "process", "--provider-config", str(settings)]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--kubeconfig-out", str(self.admin_kubeconfig)], stdout=log, stderr=subprocess.STDOUT
            )
        until = time.monotonic() + READY_SECONDS
        while "is Ready" not in self.log():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.05)
        self.api = TokenApi(self.admin_kubeconfig)
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it, which must work."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        try:
            assert self._process.wait(READY_SECONDS) == 0, self.log()
        finally:
            self._process.kill()

    @property
    def pid(self) -> int:
        """The process of cluster and node."""
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        """What it has printed."""
        return (self._folder / "log").read_text()

    def environment(self) -> dict[str, str]:
        """The environment in which kubectl talks to this cluster."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("KUBE")}
        cache = {"KUBECACHEDIR": str(self._folder / "kubectl-cache")}
        return own | {"KUBECONFIG": str(self.admin_kubeconfig)} | cache

    def kubectl(self, *arguments: str, text: str = "", seconds: float = 60.0) -> str:
        """Runs kubectl, which must succeed; returns what it printed."""
        done = subprocess.run(
            [self.programs / "kubectl", *arguments],
            input=text,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout
