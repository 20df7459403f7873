"""`/configz`: how the node is configured, for people who look for a mistake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from vk_core.kubelet.refusal import Handler


def configz_handler(config: Mapping[str, Any]) -> Handler:
    """Answers `{"kubeletconfig": …}`.

    Args:
        config: what to show; fields that kubelet has too are named as in its `KubeletConfiguration`. Nothing secret.
    """
    body = msgspec.json.encode({"kubeletconfig": dict(config)})

    async def handle(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type="application/json")

    return handle
