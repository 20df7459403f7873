"""`/healthz`, `/livez`, `/readyz` and single checks."""

from __future__ import annotations

import aiohttp
import pytest

from tests.support.kubelet import serving
from vk_core.kubelet.health import Check, Health
from vk_core.kubelet.routes import attach_health_routes

WELL = Check("syncloop", lambda: "")
ILL = Check("syncloop", lambda: "no pod was looked at for 5 minutes")
NOT_READY = Check("node", lambda: "the node is not registered")


async def ask(health: Health | None, path: str) -> tuple[int, str]:
    async with (
        serving(lambda app: attach_health_routes(app, health)) as url,
        aiohttp.ClientSession(url) as client,
        client.get(path) as response,
    ):
        return response.status, await response.text()


@pytest.mark.parametrize(
    ("health", "path", "status", "text"),
    [
        (None, "/healthz", 200, "ok"),
        (None, "/healthz/ping", 200, "ok"),
        (None, "/healthz/syncloop", 404, "there is no check syncloop"),
        (Health(live=[WELL]), "/healthz/syncloop", 200, "ok"),
        (Health(live=[WELL]), "/livez?verbose", 200, "[+]ping ok\n[+]syncloop ok\nlivez check passed\n"),
        (
            Health(live=[ILL]),
            "/healthz",
            500,
            "[+]ping ok\n[-]syncloop failed: no pod was looked at for 5 minutes\nhealthz check failed\n",
        ),
        (Health(live=[ILL]), "/livez?exclude=syncloop", 200, "ok"),
        (Health(live=[ILL]), "/healthz/ping", 200, "ok"),
        (Health(live=[WELL], ready=[NOT_READY]), "/livez", 200, "ok"),
        (
            Health(live=[WELL], ready=[NOT_READY]),
            "/readyz",
            500,
            "[+]ping ok\n[+]syncloop ok\n[-]node failed: the node is not registered\nreadyz check failed\n",
        ),
    ],
)
async def test_health_is_answered_as_everywhere_in_kubernetes(
    health: Health | None, path: str, status: int, text: str
) -> None:
    assert await ask(health, path) == (status, text)
