"""A node's kubelet API asked directly, with the API server's identity.

The API server itself passes no request on to a node on loopback (`nodes/NAME/proxy`: address not allowed).
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from scripts.control_plane.cluster import ControlPlane


@contextmanager
def connected(plane: ControlPlane, node: str) -> Iterator[ssl.SSLSocket]:
    """A TLS connection to a node."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    certificate = plane.layout.pki / "kubelet-client.crt"
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with (
        socket.create_connection(("127.0.0.1", _port(plane, node)), timeout=30) as raw,
        context.wrap_socket(raw, server_hostname=node) as connection,
    ):
        yield connection


def ask(plane: ControlPlane, node: str, path: str) -> tuple[int, str]:
    """GET a path; returns status and body."""
    with connected(plane, node) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {node}\r\nConnection: close\r\n\r\n".encode())
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, response.read().decode()


def _port(plane: ControlPlane, node: str) -> int:
    status = plane.api.get(f"/api/v1/nodes/{node}")["status"]
    return int(status["daemonEndpoints"]["kubeletEndpoint"]["Port"])
