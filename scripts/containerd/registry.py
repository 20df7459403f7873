"""A registry on loopback, over plain HTTP, and how images get into it."""

from __future__ import annotations

import http.client
import time
from pathlib import Path

from scripts.containerd.images import MANIFEST_TYPE, BuiltImage
from scripts.containerd.programs import ContainerdError
from scripts.control_plane.processes import Process

READY_SECONDS = 20.0
_BLOB_TYPE = "application/octet-stream"
_OK, _CREATED, _ACCEPTED = 200, 201, 202


class Registry:
    """One registry; stopping and starting it again keeps what is in it.

    Attributes:
        host: `127.0.0.1:port`.
        process: the program, with its log.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        folder.mkdir(parents=True, exist_ok=True)
        settings = folder / "registry.yml"
        settings.write_text(_settings(folder / "data", self.host))
        self.process = Process("registry", ["docker-registry", "serve", str(settings)], folder / "registry.log")

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            ContainerdError: it does not.
        """
        self.process.start()
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until and self.process.running:
            try:
                if self._ask("GET", "/v2/") == _OK:
                    return
            except OSError:
                time.sleep(0.02)
        raise ContainerdError(f"the registry does not answer:\n{self.process.last_words()}")

    def stop(self) -> None:
        """Stop it."""
        if self.process.running:
            self.process.stop()

    def push(self, image: BuiltImage) -> None:
        """Put an image into it under the reference's path and tag, whatever host the reference names."""
        name, _, tag = image.reference.partition("/")[2].rpartition(":")
        for digest, data in image.blobs.items():
            if self._ask("HEAD", f"/v2/{name}/blobs/{digest}") != _OK:
                self._upload(name, digest, data)
        self._expect(_CREATED, "PUT", f"/v2/{name}/manifests/{tag}", image.manifest, MANIFEST_TYPE)

    def _upload(self, name: str, digest: str, data: bytes) -> None:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.request("POST", f"/v2/{name}/blobs/uploads/", b"")
        response = connection.getresponse()
        response.read()
        place = response.headers.get("Location", "")
        connection.close()
        if response.status != _ACCEPTED:
            raise ContainerdError(f"the registry takes no upload: {response.status}")
        path = place.removeprefix(f"http://{self.host}")
        self._expect(_CREATED, "PUT", f"{path}{'&' if '?' in path else '?'}digest={digest}", data, _BLOB_TYPE)

    def _expect(self, status: int, method: str, path: str, body: bytes, kind: str) -> None:
        got = self._ask(method, path, body, kind)
        if got != status:
            raise ContainerdError(f"the registry answers {got} to {method} {path}")

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = _BLOB_TYPE) -> int:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if body is not None else {})
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()


def _settings(data: Path, host: str) -> str:
    return f"""version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {data}}}
  delete: {{enabled: true}}
http: {{addr: "{host}"}}
"""
