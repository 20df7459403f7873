"""How a SPDY connection or one of its streams ends before its time.

All are connection errors, so that whoever copies bytes treats them like those of a socket.
"""

from __future__ import annotations


class ProtocolError(ConnectionError):
    """The client sent what SPDY forbids or what we limit; the connection cannot go on."""


class SpdyClosed(ConnectionResetError):
    """The connection is gone, and every stream with it."""


class StreamReset(ConnectionResetError):
    """One end has reset this stream; others go on."""


class StreamEnded(BrokenPipeError):
    """Something was to be written behind the end of what we send."""
