"""How a kubelet, which is a Go program, writes what probes and hooks have met: people and tools know these words."""

from __future__ import annotations

import os
import socket

from vk_core.api.pod import Pod

VERSION = "1.36"
"""Of Kubernetes, as probes and hooks introduce themselves to servers."""

_ESCAPES = {7: "\\a", 8: "\\b", 12: "\\f", 10: "\\n", 13: "\\r", 9: "\\t", 11: "\\v", 34: '\\"', 92: "\\\\"}


def duration(seconds: int) -> str:
    """A time: `45s`, `1m30s`, `1h0m0s`."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def quoted(text: str) -> str:
    """A text in quotation marks, with what cannot be printed in numbers."""
    return f'"{"".join(_quoted_character(one) for one in text)}"'


def _quoted_character(one: str) -> str:
    code = ord(one)
    if code in _ESCAPES:
        return _ESCAPES[code]
    if one.isprintable():
        return one
    if code < 0x80:  # noqa: PLR2004 - the end of ASCII
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - the end of the basic plane


def host_port(host: str, port: int) -> str:
    """Where to connect to: `10.0.0.5:80`, `[fd00::5]:80`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def pod_name(pod: Pod) -> str:
    """A pod with its namespace and UID: `web_default(9f6c…)`."""
    meta = pod.metadata
    return f"{meta.name}_{meta.namespace}({meta.uid})"


def connect_problem(error: OSError, host: str, port: int) -> str:
    """Why a TCP connection could not be made: `dial tcp 10.0.0.5:80: connect: connection refused`."""
    if isinstance(error, socket.gaierror):
        return f"dial tcp: lookup {host}: no such host"
    return f"dial tcp {host_port(host, port)}: {f'connect: {system_problem(error)}' if error.errno else error}"


def system_problem(error: OSError) -> str:
    """An error of the system, such as `connection refused`."""
    text = os.strerror(error.errno) if error.errno else str(error)
    return text[:1].lower() + text[1:]
