"""The paths of the kubelet API in groups, each for any application of aiohttp: the node's own server or an author's.

    app = web.Application()
    attach_pod_routes(app, backend)
    attach_stats_routes(app, backend)

Who may ask is not decided here. A group that is attached twice, or beside another one that has some of its paths, is
no error: the first handler of a path stays. An application of an author's own should be served with
`handler_cancellation=True`, so that streams notice at once when their client goes away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import hdrs, web

from vk_core.kubelet.backend import KubeletBackend, StreamTimeouts
from vk_core.kubelet.configz import configz_handler
from vk_core.kubelet.health import Health, health_handler
from vk_core.kubelet.logs.handler import container_logs_handler
from vk_core.kubelet.metrics.own import metrics_handler, no_metrics_handler
from vk_core.kubelet.metrics.resource import resource_metrics_handler
from vk_core.kubelet.metrics.summary import summary_handler
from vk_core.kubelet.pods import pods_handler, running_pods_handler
from vk_core.kubelet.portforward.handler import port_forward_handler
from vk_core.kubelet.refusal import Handler, Refusal, answer_refusals
from vk_core.kubelet.remotecommand.handlers import attach_handler, exec_handler
from vk_core.kubelet.remotecommand.legacyrun import run_handler

_TAKEN: web.AppKey[set[tuple[str, str]]] = web.AppKey("kubelet-routes", set)

GET_OR_HEAD = (hdrs.METH_GET, hdrs.METH_HEAD)
"""What load balancers and monitors ask for; kubelet answers HEAD there and nowhere else."""

OF_POD = "/{namespace}/{pod}"
OF_CONTAINER = "/{namespace}/{pod}/{container}"
OF_CONTAINER_BY_UID = "/{namespace}/{pod}/{uid}/{container}"


def attach_kubelet_routes(
    app: web.Application,
    backend: KubeletBackend,
    *,
    timeouts: StreamTimeouts | None = None,
    health: Health | None = None,
    config: Mapping[str, Any] | None = None,
) -> None:
    """Everything that a kubelet serves."""
    attach_pod_routes(app, backend, timeouts)
    attach_pod_list_routes(app, backend)
    attach_stats_routes(app, backend)
    attach_metrics_routes(app)
    attach_health_routes(app, health)
    attach_configz_route(app, config or {})
    attach_disabled_routes(app)


def attach_pod_routes(app: web.Application, backend: KubeletBackend, timeouts: StreamTimeouts | None = None) -> None:
    """What people do with containers: logs, exec, attach, port-forward, and kubelet's own `/run`."""
    limits = timeouts or StreamTimeouts()
    get_or_post = (hdrs.METH_GET, hdrs.METH_POST)  # WebSocket and SPDY
    _add(app, "/containerLogs" + OF_CONTAINER, container_logs_handler(backend))
    for name, handler in (("exec", exec_handler(backend, limits)), ("attach", attach_handler(backend, limits))):
        _add(app, f"/{name}{OF_CONTAINER}", handler, *get_or_post)
        _add(app, f"/{name}{OF_CONTAINER_BY_UID}", handler, *get_or_post)
    forward = port_forward_handler(backend, limits)
    _add(app, "/portForward" + OF_POD, forward, *get_or_post)
    _add(app, "/portForward" + OF_POD + "/{uid}", forward, *get_or_post)
    run = run_handler(backend, limits)
    _add(app, "/run" + OF_CONTAINER, run, hdrs.METH_POST)
    _add(app, "/run" + OF_CONTAINER_BY_UID, run, hdrs.METH_POST)


def attach_pod_list_routes(app: web.Application, backend: KubeletBackend) -> None:
    """`/pods` and `/runningpods/`."""
    pods = pods_handler(backend)
    _add(app, "/pods", pods)
    _add(app, "/pods/", pods)
    running = running_pods_handler(backend)
    _add(app, "/runningpods/", running)
    _add(app, "/runningpods", running)


def attach_stats_routes(app: web.Application, backend: KubeletBackend) -> None:
    """What pods use: `/stats/summary`, and `/metrics/resource` for metrics-server."""
    summary = summary_handler(backend)
    _add(app, "/stats/summary", summary)
    _add(app, "/stats/summary/", summary)
    _add(app, "/metrics/resource", resource_metrics_handler(backend), *GET_OR_HEAD)


def attach_metrics_routes(app: web.Application) -> None:
    """Our own metrics, and the pages that Prometheus is usually told to read of every kubelet."""
    no_cadvisor = no_metrics_handler("there is no cAdvisor on this node; see /metrics/resource")
    _add(app, "/metrics", metrics_handler(), *GET_OR_HEAD)
    _add(app, "/metrics/cadvisor", no_cadvisor, *GET_OR_HEAD)
    _add(app, "/metrics/probes", no_metrics_handler("no probes are run by this node itself"), *GET_OR_HEAD)


def attach_health_routes(app: web.Application, health: Health | None = None) -> None:
    """`/healthz` with its parts, `/livez` and `/readyz`; without checks of its own, whether the process answers."""
    checks = health or Health()
    for name in ("healthz", "livez", "readyz"):
        handler = health_handler(checks, name)
        _add(app, f"/{name}", handler, *GET_OR_HEAD)
        _add(app, f"/{name}/{{check}}", handler, *GET_OR_HEAD)


def attach_configz_route(app: web.Application, config: Mapping[str, Any]) -> None:
    """`/configz`."""
    _add(app, "/configz", configz_handler(config), *GET_OR_HEAD)


def attach_disabled_routes(app: web.Application) -> None:
    """Kubelet's routes to its host, which a virtual node does not have: refused as by a kubelet that forbids them."""

    async def refuse(_request: web.Request) -> web.StreamResponse:
        raise Refusal(405, "Debug endpoints are disabled.")

    for path in ("/logs", "/logs/{path:.*}", "/debug/{path:.*}"):
        _add(app, path, refuse, hdrs.METH_ANY)


def health_and_metrics_app(health: Health | None = None, backend: KubeletBackend | None = None) -> web.Application:
    """An application for probes and Prometheus, to be served without TLS and authentication.

    It shows nothing of pods but figures.

    Args:
        health: the checks.
        backend: adds `/metrics/resource` of this node.
    """
    app = web.Application()
    attach_health_routes(app, health)
    attach_metrics_routes(app)
    if backend is not None:
        _add(app, "/metrics/resource", resource_metrics_handler(backend), *GET_OR_HEAD)
    return app


def _add(app: web.Application, path: str, handler: Handler, *methods: str) -> None:
    """Add a route unless the application has it; its refusals are answered even without the middleware."""
    taken = app.get(_TAKEN)
    if taken is None:
        taken = app[_TAKEN] = set()

    async def handle(request: web.Request) -> web.StreamResponse:
        return await answer_refusals(request, handler)

    for method in methods or (hdrs.METH_GET,):
        if (method, path) not in taken:
            taken.add((method, path))
            app.router.add_route(method, path, handle)
