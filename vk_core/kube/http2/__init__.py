"""HTTP/2 for many long answers of one server: hundreds of watches over one TLS connection.

Every config map and secret that a pod refers to is watched by itself, which over HTTP/1.1 is a connection with its
file descriptor and its buffers, on both sides, for each. Here they are streams of few connections. It knows only GET,
and no proxies, redirects, pushed answers or trailers; `h2` reads and writes the frames.
"""

from vk_core.kube.http2.pool import NotSpoken, StreamPool
from vk_core.kube.http2.stream import AnswerStream

__all__ = ["AnswerStream", "NotSpoken", "StreamPool"]
