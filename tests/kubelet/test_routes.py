"""The groups of routes: alone, together, twice, and in an application of an author's own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from aiohttp import web

from tests.support.kubelet import ScriptedProvider, backend_of, running_pod, serving
from tests.support.providers import TinyProvider
from vk_core.kubelet import routes
from vk_core.kubelet.backend import KubeletBackend
from vk_core.provider import Provider


@contextlib.asynccontextmanager
async def kubelet(provider: Provider) -> AsyncIterator[aiohttp.ClientSession]:
    backend = backend_of(provider, [running_pod()])
    async with (
        serving(lambda app: routes.attach_kubelet_routes(app, backend)) as url,
        aiohttp.ClientSession(url) as client,
    ):
        yield client


GROUPS: list[Callable[[web.Application, KubeletBackend], None]] = [
    routes.attach_pod_routes,
    routes.attach_pod_list_routes,
    routes.attach_stats_routes,
    lambda app, _backend: routes.attach_metrics_routes(app),
    lambda app, _backend: routes.attach_health_routes(app),
    lambda app, _backend: routes.attach_configz_route(app, {}),
    lambda app, _backend: routes.attach_disabled_routes(app),
    routes.attach_kubelet_routes,
]


async def test_groups_can_be_attached_together_and_twice() -> None:
    """B15."""
    app = web.Application()
    backend = backend_of(ScriptedProvider(), [])
    for attach in [*GROUPS, *reversed(GROUPS)]:
        attach(app, backend)
    paths = [(route.method, route.resource.canonical) for route in app.router.routes() if route.resource]
    assert len(paths) == len(set(paths))
    assert ("GET", "/metrics/resource") in paths


async def test_a_group_works_alone_in_an_application_of_an_author() -> None:
    app = web.Application()
    routes.attach_pod_list_routes(app, backend_of(TinyProvider(), [running_pod()]))
    routes.attach_stats_routes(app, backend_of(TinyProvider(), []))
    parent = web.Application()
    parent.add_subapp("/node-1/", app)
    runner = web.AppRunner(parent)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
            async with client.get("/node-1/pods") as response:
                assert [pod["metadata"]["name"] for pod in (await response.json())["items"]] == ["web"]
            async with client.get("/node-1/stats/summary") as response:  # refused without the node's own middleware
                assert response.status == 501
            async with client.get("/node-1/containerLogs/default/web/main") as response:
                assert response.status == 404
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/checkpoint/default/web/main", 404),
        ("GET", "/containerLogs/default/web", 404),
        ("POST", "/containerLogs/default/web/main", 405),
        ("DELETE", "/exec/default/web/main", 405),
        ("GET", "/run/default/web/main", 405),
        ("POST", "/metrics", 405),
        ("HEAD", "/containerLogs/default/web/main", 405),
        ("GET", "/exec/default/gone/main", 404),
        ("POST", "/exec/default/web/some-other-uid/main", 404),
        ("POST", "/attach/default/web/none", 404),
        ("POST", "/portForward/default/web/some-other-uid", 404),
    ],
)
async def test_an_unknown_path_is_404_and_a_wrong_method_405(method: str, path: str, status: int) -> None:
    async with kubelet(ScriptedProvider()) as client, client.request(method, path) as response:
        assert response.status == status


@pytest.mark.parametrize("path", ["/healthz", "/healthz/ping", "/livez", "/readyz", "/configz", "/metrics"])
async def test_head_asks_whether_the_node_is_well_and_gets_no_body(path: str) -> None:
    async with kubelet(TinyProvider()) as client, client.head(path) as response:
        assert (response.status, await response.read()) == (200, b"")


@pytest.mark.parametrize("path", ["/logs/", "/logs/syslog", "/debug/pprof/heap", "/debug/flags/v"])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
async def test_routes_to_the_host_are_refused_as_by_a_kubelet_that_forbids_them(method: str, path: str) -> None:
    async with kubelet(ScriptedProvider()) as client, client.request(method, path) as response:
        assert (response.status, await response.text()) == (405, "Debug endpoints are disabled.")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/containerLogs/default/web/main"),
        ("POST", "/exec/default/web/main?command=true&output=1"),
        ("POST", "/attach/default/web/main?output=1"),
        ("POST", "/portForward/default/web"),
        ("POST", "/run/default/web/main?cmd=true"),
        ("GET", "/stats/summary"),
        ("GET", "/metrics/resource"),
    ],
)
async def test_what_the_provider_cannot_do_is_501_with_a_sentence(method: str, path: str) -> None:
    async with kubelet(TinyProvider()) as client, client.request(method, path) as response:
        assert response.status == 501
        assert (await response.text()).startswith("the provider scripted of node virtual cannot ")


@pytest.mark.parametrize("path", ["/metrics", "/metrics/cadvisor", "/metrics/probes"])
async def test_every_page_that_is_scraped_of_kubelets_is_there(path: str) -> None:
    async with kubelet(TinyProvider()) as client, client.get(path) as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = await response.text()
        assert all(line.startswith("#") or len(line.split()) == 2 for line in text.splitlines())


async def test_the_configuration_is_shown() -> None:
    def attach(app: web.Application) -> None:
        routes.attach_configz_route(app, {"port": 10250})

    async with serving(attach) as url, aiohttp.ClientSession(url) as client, client.get("/configz") as response:
        assert await response.json() == {"kubeletconfig": {"port": 10250}}


async def test_the_plain_listener_shows_health_and_metrics_and_nothing_about_containers() -> None:
    app = routes.health_and_metrics_app()
    assert {route.resource.canonical.split("/")[1] for route in app.router.routes() if route.resource} == {
        "healthz",
        "livez",
        "readyz",
        "metrics",
    }
