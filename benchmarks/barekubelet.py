"""The least that can answer `kubectl logs` for a node: a TLS server that sends one file, whoever asks for what.

What it reaches is what the API server and kubectl leave over; a kubelet can only come near it.
"""

from __future__ import annotations

import socketserver
import ssl
import threading
from typing import TYPE_CHECKING, Self

from benchmarks.contenders import report_ready

if TYPE_CHECKING:
    from pathlib import Path

    from scripts.control_plane.cluster import ControlPlane

NODE = "bench-bare"
PIECE_BYTES = 1 << 18
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"


class BareKubelet:
    """A node with one pod whose log is a file; use it as a context manager."""

    def __init__(self, plane: ControlPlane, namespace: str, pod: str, file: Path) -> None:
        self._plane = plane
        self._namespace = namespace
        self._pod = pod
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate = plane.authority.issue("bench-bare", f"system:node:{NODE}", hosts=("127.0.0.1",))
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with context.wrap_socket(self.request, server_side=True) as connection, file.open("rb") as log:
                    while b"\r\n\r\n" not in connection.recv(1 << 16):
                        pass
                    connection.sendall(HEAD % file.stat().st_size)
                    while piece := log.read(PIECE_BYTES):
                        connection.sendall(piece)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        """Serve, and make the node and its pod known."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        api = self._plane.api
        api.request("POST", "/api/v1/nodes", {"metadata": {"name": NODE}})
        report_ready(self._plane, NODE)
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._server.server_address[1]}},
        }
        merge = "application/merge-patch+json"
        api.request("PATCH", f"/api/v1/nodes/{NODE}/status", {"status": status}, content_type=merge)
        spec = {"nodeName": NODE, "containers": [{"name": "main", "image": "bare"}]}
        pods = f"/api/v1/namespaces/{self._namespace}/pods"
        api.request("POST", pods, {"metadata": {"name": self._pod}, "spec": spec})
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving and take both away again."""
        pod = f"/api/v1/namespaces/{self._namespace}/pods/{self._pod}?gracePeriodSeconds=0"
        self._plane.api.request("DELETE", pod)
        self._plane.api.request("DELETE", f"/api/v1/nodes/{NODE}")
        self._server.shutdown()
        self._server.server_close()
