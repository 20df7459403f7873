"""Container images made on the spot: pure data in, the blobs of the OCI image format out, the same bytes every time."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.containerd.programs import ContainerdError

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_PAUSE = r"""
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int number) { (void)number; _exit(0); }
static void reap(int number) { (void)number; while (waitpid(-1, 0, WNOHANG) > 0) {} }
int main(void) {
  signal(SIGINT, end);
  signal(SIGTERM, end);
  signal(SIGCHLD, reap);
  for (;;) pause();
}
"""
"""Holds the namespaces of a pod, and takes the exit status of those who have lost their parent."""

_DIRECTORIES = ("bin", "dev", "etc", "home", "proc", "root", "run", "sys", "usr", "usr/bin", "var", "var/log")
_SHARED_DIRECTORIES = ("tmp", "var/tmp")
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/:/bin/false\nnobody:x:65534:65534::/:/bin/false\n",
    "etc/group": "root:x:0:\nweb:x:33:\nextra:x:4000:web\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


@dataclass(frozen=True)
class BuiltImage:
    """An image and everything that it consists of.

    Attributes:
        reference: with host and tag.
        manifest: its bytes.
        blobs: configuration and layers by digest (`sha256:...`).
    """

    reference: str
    manifest: bytes
    blobs: dict[str, bytes] = field(repr=False)

    @property
    def digest(self) -> str:
        """The digest of the manifest."""
        return digest(self.manifest)


def digest(data: bytes) -> str:
    """The name of a blob."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def images_for_tests(pause: str) -> list[BuiltImage]:
    """What tests need: pause, busybox, and busybox with a user or an entry point of its own.

    Args:
        pause: the reference of the pause image.
    """
    busybox = _busybox_layer()
    return [
        build(pause, [_layer({"pause": (0o755, _compiled(_PAUSE))})], Entrypoint=["/pause"], User="65535:65535"),
        build("docker.io/library/busybox:latest", [busybox], Cmd=["sh"]),
        build("registry.example/test/by-name:1", [busybox], Cmd=["sh"], User="web"),
        build("registry.example/test/by-number:1", [busybox], Cmd=["sh"], User="1234:4000", WorkingDir="/tmp"),
        build("registry.example/test/entry:1", [busybox], Entrypoint=["echo", "entry"], StopSignal="SIGQUIT"),
    ]


def build(reference: str, layers: list[bytes], **config: Any) -> BuiltImage:
    """An image of layers (tar) and a configuration in the words of OCI (`Cmd`, `User`, ...)."""
    config.setdefault("Env", [_PATH])
    document = {
        "architecture": _ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
    }
    configuration = json.dumps(document, sort_keys=True).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor(_CONFIG_TYPE, configuration),
        "layers": [_descriptor(_LAYER_TYPE, layer) for layer in layers],
    }
    blobs = {digest(data): data for data in (configuration, *layers)}
    return BuiltImage(reference, json.dumps(manifest, sort_keys=True).encode(), blobs)


def _descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(data), "size": len(data)}


def _busybox_layer() -> bytes:
    program = Path("/bin/busybox").read_bytes()
    listed = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    files = {"bin/busybox": (0o755, program)} | {name: (0o644, text.encode()) for name, text in _FILES.items()}
    # Hard links, as in the official image: mounting something over one of them leaves the others alone.
    links = {f"bin/{name}": "bin/busybox" for name in sorted(set(listed) - {"busybox"})}
    return _layer(files, links)


def _layer(files: dict[str, tuple[int, bytes]], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in _DIRECTORIES + _SHARED_DIRECTORIES:
            mode = 0o1777 if name in _SHARED_DIRECTORIES else 0o755
            archive.addfile(_member(name, tarfile.DIRTYPE, mode))
        for name, (mode, data) in files.items():
            member = _member(name, tarfile.REGTYPE, mode)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for name, target in (links or {}).items():
            member = _member(name, tarfile.LNKTYPE, 0o755)
            member.linkname = target
            archive.addfile(member)
    return buffer.getvalue()


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode = kind, mode
    return member


def _compiled(source: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "program"
        command = ["gcc", "-Os", "-static", "-s", "-Wl,--build-id=none", "-x", "c", "-", "-o", str(program)]
        done = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
        if done.returncode:
            raise ContainerdError(f"gcc cannot make a static program (libc6-dev?): {done.stderr.decode()}")
        return program.read_bytes()
