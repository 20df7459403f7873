"""What a containerd leaves behind on the machine, and how it is taken away: pods, mounts, cgroups, interfaces.

Only what belongs to one layout is touched; others on the same machine go on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from scripts.containerd.layout import Layout

_NAMESPACE = "k8s.io"
_SHIM_SECONDS = 5.0


def shims(layout: Layout) -> list[int]:
    """The process IDs of its shims, the parents of its containers, which go on without it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"containerd-shim" in words[0] and str(layout.socket).encode() in words:
                found.append(int(folder.name))
    return found


def mounts(layout: Layout) -> list[str]:
    """What is mounted below its folder, the innermost first."""
    targets = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return sorted((target for target in targets if target.startswith(f"{layout.state}/")), reverse=True)


def remove_pods(layout: Layout) -> None:
    """End and remove every pod through containerd itself, so that the network is taken down as well."""
    # crictl is not packaged everywhere; containers are ended here, and what they leave is swept up below.
    tasks = _ctr(layout, "tasks", "ls", "-q").split()
    for task in tasks:
        _ctr(layout, "tasks", "kill", "-s", "KILL", task)


def sweep(layout: Layout) -> None:
    """Take away what is there when containerd has ended."""
    for pid in shims(layout):
        _end_with_children(pid)
    for target in mounts(layout):
        _run("umount", "-l", target)
    _run("ip", "link", "del", layout.bridge)
    _remove_rules(layout)


def _end_with_children(pid: int) -> None:
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for process in (*map(int, children), pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    until = time.monotonic() + _SHIM_SECONDS
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.02)


def _remove_rules(layout: Layout) -> None:
    """Network plug-ins mark their rules with the network's name, which is that of the bridge."""
    done = subprocess.run(["iptables-save", "-t", "nat"], capture_output=True, text=True, check=False)
    rules = [line for line in done.stdout.splitlines() if f'"{layout.bridge}"' in line and line.startswith("-A")]
    chains: set[str] = set()
    for rule in rules:
        chains.update(word for word in rule.split() if word.startswith("CNI-") and not word.startswith("CNI-HOSTPORT"))
        subprocess.run(
            ["iptables-restore", "--noflush"],
            input=f"*nat\n-D{rule.removeprefix('-A')}\nCOMMIT\n",
            text=True,
            capture_output=True,
            check=False,
        )
    for chain in chains:
        _run("iptables", "-t", "nat", "-F", chain)
        _run("iptables", "-t", "nat", "-X", chain)


def _ctr(layout: Layout, *arguments: str) -> str:
    return _run("ctr", "-a", str(layout.socket), "-n", _NAMESPACE, *arguments)


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
