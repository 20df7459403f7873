"""The text that both ends of a SPDY/3 connection know before the first header block (SPDY draft 3, section 2.6.10.1).

Header names with their lengths in four bytes, then frequent values without any.
"""

from __future__ import annotations

_NAMES = """
options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow
authorization cache-control connection content-base content-encoding content-language content-length content-location
content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match
if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range
referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get
"""

_SOME_VALUES = ("status", "200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin")

_CODES = "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"

_REASONS = (
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
)

_DATES = "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"

_TYPES = (
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def _with_length(word: str) -> bytes:
    return len(word).to_bytes(4, "big") + word.encode()


DICTIONARY = (
    b"".join(map(_with_length, (*_NAMES.split(), *_SOME_VALUES))) + (_CODES + _REASONS + _DATES + _TYPES).encode()
)
"""1423 bytes with the Adler-32 checksum E3C6A7C2."""
