"""The server itself, whatever it serves."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from vk_core.kubelet.server import KubeletServer, bind


def attach(_: web.Application) -> None:
    """No routes."""


@pytest.mark.parametrize(
    "nonsense", [b"\x16\x03\x01\x02\x00\x01\xff", b"GET / HTTP/9\r\n\r\n", b"GET / HTTP/1.1\r\n:\r\n\r\n"]
)
async def test_what_is_not_http_is_answered_with_400_and_leaves_no_line_in_the_log(
    nonsense: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with KubeletServer(bind("127.0.0.1", 0), attach) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(nonsense + b"\r\n\r\n")
        async with asyncio.timeout(10):
            assert b" 400 " in await reader.readline()
        writer.close()
    assert not [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]
