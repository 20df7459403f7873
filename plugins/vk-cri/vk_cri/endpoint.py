"""Where a runtime listens, and why it does not answer: in one line, with what to do about it."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

UNIX = "unix://"
LONGEST_SOCKET_PATH = 107
"""Bytes: what Linux takes."""


def problem(endpoint: str) -> str:
    """What is wrong with the text of an endpoint: `expected ...`; empty if nothing is."""
    path = endpoint.removeprefix(UNIX)
    if path == endpoint or not path.startswith("/"):
        return f"expected an absolute path such as unix:///run/containerd/containerd.sock, got {endpoint}"
    if len(path.encode()) > LONGEST_SOCKET_PATH:
        return f"expected a path of at most {LONGEST_SOCKET_PATH} bytes, which is all that sockets can have"
    return ""


def socket_path(endpoint: str) -> Path:
    """The socket's file."""
    return Path(endpoint.removeprefix(UNIX))


def diagnosis(endpoint: str) -> str:
    """Why nobody answers, found out by an attempt to connect that does not wait."""
    path = socket_path(endpoint)
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except OSError as error:
            return _of_error(path, error)
    return "it takes connections but does not answer"


def _of_error(path: Path, error: OSError) -> str:
    match error.errno:
        case errno.ENOENT:
            return f"there is no {path}: is the runtime running, and is this its socket?"
        case errno.EACCES | errno.EPERM:
            return f"no permission to use {path}: run as root, or as a member of the group that owns it"
        case errno.ECONNREFUSED if not path.is_socket():
            return f"{path} is no socket"
        case errno.ECONNREFUSED:
            return f"nobody listens on {path}: the runtime has stopped or is starting"
        case errno.EAGAIN:
            return f"so many wait at {path} that it takes no more connections"
        case _:
            return f"{path}: {error.strerror or error}"
