"""Runs one containerd: starts and stops it, breaks it on purpose, gives it images."""

from __future__ import annotations

import hashlib
import ipaddress
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from scripts.containerd import layout as settings
from scripts.containerd import leftovers
from scripts.containerd.images import BuiltImage, images_for_tests
from scripts.containerd.layout import PAUSE_IMAGE, Layout
from scripts.containerd.programs import ContainerdError, cni_folder
from scripts.containerd.registry import Registry
from scripts.control_plane.ports import free_ports
from scripts.control_plane.processes import Process

READY_SECONDS = 30.0
_SUBNETS = ipaddress.ip_network("10.88.0.0/16")
_LONGEST_STATE = 70
"""Characters: a socket's path has at most 107, and containerd puts sockets below."""


class Containerd:
    """A containerd of one's own, with a registry and a network.

    Args:
        state: the folder for its files; None makes a temporary one, which `stop` removes.
        snapshotter: `overlayfs`, or `native` where that is not to be had.

    Attributes:
        layout: where everything is.
        registry: the registry that answers for all.
        process: containerd itself, with its log.
        images: what the registry has.

    Raises:
        ContainerdError: the programs are not there (`programs.install`).
    """

    def __init__(self, state: Path | None = None, *, snapshotter: str = "overlayfs") -> None:
        plugins = cni_folder()
        if plugins is None or shutil.which("containerd") is None:
            raise ContainerdError("containerd is not installed: python -m scripts.containerd install")
        self._temporary = state is None
        folder = (state or Path(tempfile.mkdtemp(prefix="vk-containerd-"))).resolve()
        if len(str(folder)) > _LONGEST_STATE:
            raise ContainerdError(f"{folder}: the path is too long for sockets, at most {_LONGEST_STATE} characters")
        folder.mkdir(parents=True, exist_ok=True)
        (port,) = free_ports(1)
        self.registry = Registry(folder / "registry", port)
        self.layout = Layout(
            state=folder,
            bridge=f"vk{hashlib.sha256(str(folder).encode()).hexdigest()[:10]}",
            subnet=_free_subnet(),
            registry_host=self.registry.host,
            cni_folder=plugins,
            snapshotter=snapshotter,
        )
        self.process = Process(
            "containerd", ["containerd", "--config", str(folder / "config.toml")], folder / "containerd.log"
        )
        self.images: list[BuiltImage] = []

    @property
    def endpoint(self) -> str:
        """Where it listens, as settings write it."""
        return f"unix://{self.layout.socket}"

    @property
    def registry_host(self) -> str:
        """Where the registry listens."""
        return self.registry.host

    def __enter__(self) -> Self:
        """Start it; see `start`."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it; see `stop`."""
        self.stop()

    def start(self) -> None:
        """Start the registry with the test images, then containerd, and wait until it answers.

        Raises:
            ContainerdError: something does not come up; the text has the end of its log.
        """
        self._write_settings()
        self.registry.start()
        self.images = images_for_tests(PAUSE_IMAGE)
        for image in self.images:
            self.registry.push(image)
        self.start_process()
        self.ctr("images", "pull", "--plain-http", "--snapshotter", self.layout.snapshotter, *self._pause())

    def start_process(self) -> None:
        """Start containerd alone, after `process.kill()` or `process.stop()`."""
        self.process.start()
        until = time.monotonic() + READY_SECONDS
        while self.process.running and time.monotonic() < until:
            if self._ctr("version").returncode == 0:
                return
            time.sleep(0.05)
        raise ContainerdError(f"containerd does not answer:\n{self.process.last_words()}")

    def stop(self) -> None:
        """End every container, containerd and the registry, and take away what they leave on the machine."""
        if self.process.running:
            leftovers.remove_pods(self.layout)
            self.process.stop()
        self.registry.stop()
        leftovers.sweep(self.layout)
        if self._temporary:
            shutil.rmtree(self.layout.state, ignore_errors=True)

    def ctr(self, *arguments: str) -> str:
        """Run containerd's own command-line client in the namespace of CRI; returns what it printed.

        Raises:
            ContainerdError: it failed.
        """
        done = self._ctr(*arguments)
        if done.returncode:
            raise ContainerdError(f"ctr {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def _ctr(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["ctr", "-a", str(self.layout.socket), "-n", "k8s.io", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def _pause(self) -> Sequence[str]:
        return ["--hosts-dir", str(self.layout.registry_settings), PAUSE_IMAGE]

    def _write_settings(self) -> None:
        layout = self.layout
        (layout.state / "config.toml").write_text(settings.containerd_settings(layout))
        for folder in (layout.network_settings, layout.registry_settings / "_default"):
            folder.mkdir(parents=True, exist_ok=True)
        (layout.network_settings / "10-pods.conflist").write_text(settings.network_settings(layout))
        (layout.registry_settings / "_default" / "hosts.toml").write_text(settings.registry_settings(layout))


def _free_subnet() -> str:
    routes = subprocess.run(["ip", "-4", "route"], capture_output=True, text=True, check=False).stdout
    subnets = [str(subnet) for subnet in _SUBNETS.subnets(new_prefix=24)]
    return random.choice([subnet for subnet in subnets if subnet not in routes])
