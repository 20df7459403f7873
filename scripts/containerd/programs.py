"""The programs that a containerd needs, and how they get onto a machine with apt.

A package is only asked for if one of its programs is missing; other distributions install them by their own means.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.control_plane.cache import only_one, say

CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
INSTALL_SECONDS = 600.0

_PACKAGES = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "docker-registry": "docker-registry",
    "busybox": "busybox-static",
    "iptables": "iptables",
    "ip": "iproute2",
    "gcc": "gcc",
}
_CNI_PACKAGE = "containernetworking-plugins"
_STATIC_LIBC_PACKAGE = "libc6-dev"


class ContainerdError(Exception):
    """There is no containerd here, or it did not do what was asked; the text says what to do."""


def install() -> None:
    """Install what is missing.

    Raises:
        ContainerdError: this is not Linux or not root, or apt has failed.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        raise ContainerdError("containerd needs Linux and root")
    if not missing():
        return
    with only_one("apt"):
        packages = missing()
        if packages:
            say(f"installing {' '.join(packages)}")
            _apt("update", "-qq")
            _apt("install", "-y", "-qq", "--no-install-recommends", *packages)
    if still := missing():
        raise ContainerdError(f"still missing after the installation: {' '.join(still)}")


def missing() -> list[str]:
    """The packages that have to be installed."""
    found = {package for program, package in _PACKAGES.items() if shutil.which(program) is None}
    if cni_folder() is None:
        found.add(_CNI_PACKAGE)
    if shutil.which("gcc") is None:
        found.add(_STATIC_LIBC_PACKAGE)
    return sorted(found)


def cni_folder() -> Path | None:
    """Where the network plug-ins are."""
    return next((folder for folder in CNI_FOLDERS if (folder / "bridge").exists()), None)


def _apt(*arguments: str) -> None:
    if shutil.which("apt-get") is None:
        raise ContainerdError(f"no apt-get here; install these by other means: {' '.join(missing())}")
    # Another apt may be at work; services that a package brings are not wanted to start.
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    if done.returncode:
        raise ContainerdError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr.strip()}")
