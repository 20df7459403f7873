"""The gate of the kubelet API: every route, for callers of every sort."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from yarl import URL

from tests.support.authority import DAY, Authority, client_context
from tests.support.kubelet import ScriptedProvider, backend_of, running_pod
from vk_core.api.auth import UserInfo
from vk_core.api.node import NodeAddress
from vk_core.kube.errors import ApiUnavailable
from vk_core.kubelet.auth.middleware import Access, Authenticator, gate, user_of
from vk_core.kubelet.certificates.keypair import KeyPair, Subject
from vk_core.kubelet.certificates.tls import ServingContext
from vk_core.kubelet.routes import attach_kubelet_routes
from vk_core.kubelet.server import KubeletServer, bind

NODE = Subject("virtual", (NodeAddress(type="InternalIP", address="127.0.0.1"),))
USERS = {"good-token": "metrics", "poor-token": "poor"}

Asked = tuple[str, str, str]


class Tokens:
    """Knows two tokens."""

    def __init__(self) -> None:
        self.failing = False

    async def user(self, token: str) -> UserInfo | None:
        if self.failing:
            raise ApiUnavailable("no answer", code=0)
        name = USERS.get(token)
        return UserInfo(username=name, groups=("system:authenticated",)) if name else None


class Rights:
    """Lets everybody do everything but the poor; or only what is in `only`."""

    def __init__(self) -> None:
        self.asked: Counter[Asked] = Counter()
        self.only: set[Asked] | None = None
        self.failing = False

    async def allowed(self, user: UserInfo, verb: str, subresource: str) -> bool:
        asked = (user.username, verb, subresource)
        self.asked[asked] += 1
        if self.failing:
            raise ApiUnavailable("no answer", code=0)
        return asked in self.only if self.only is not None else user.username != "poor"


class Gate:
    """A node that serves behind its gate."""

    def __init__(self, authority: Authority, *, anonymous: bool = False, access: bool = True) -> None:
        self.tokens, self.rights = Tokens(), Rights()
        self.tls = ServingContext()
        self.tls.use(NODE.self_signed())
        self.tls.trust(authority.authorities)
        authenticator = Authenticator(self.tokens, lambda: self.tls.authorities, anonymous=anonymous)
        rights: Access | None = self.rights if access else None
        routes = partial(attach_kubelet_routes, backend=backend_of(ScriptedProvider(), [running_pod()]))
        self.server = KubeletServer(
            bind("127.0.0.1", 0), routes, middlewares=[gate(authenticator, rights)], tls=self.tls
        )

    @contextlib.asynccontextmanager
    async def calling(
        self, folder: Path, pair: KeyPair | None = None, token: str = ""
    ) -> AsyncIterator[aiohttp.ClientSession]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.server:
            connector = aiohttp.TCPConnector(ssl=client_context(folder, pair))
            base = f"https://127.0.0.1:{self.server.port}"
            async with aiohttp.ClientSession(base, connector=connector, headers=headers) as session:
                yield session


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def every_route() -> list[tuple[str, str]]:
    """Method and path of every route, with values in place of names."""
    app = web.Application()
    attach_kubelet_routes(app, backend_of(ScriptedProvider(), []))
    values = {"namespace": "default", "pod": "web", "container": "main", "uid": "uid", "check": "ping", "path": "x"}
    found = set()
    for route in app.router.routes():
        assert route.resource is not None
        canonical = route.resource.canonical
        path = canonical.format(**values) if "{" in canonical else canonical
        found.add(("GET" if route.method == "*" else route.method, path))
    return sorted(found)


@pytest.mark.parametrize(
    ("caller", "status"),
    [
        ("anonymous", 401),
        ("unknown CA", 401),
        ("expired certificate", 401),
        ("bad token", 401),
        ("unknown CA and bad token", 401),
        ("token without the right", 403),
        ("certificate without the right", 403),
        ("good certificate", 0),
        ("good token", 0),
        ("unknown CA and good token", 0),
        ("good certificate and bad token", 0),
    ],
)
async def test_every_route_is_for_those_who_may(caller: str, status: int, authority: Authority, tmp_path: Path) -> None:
    """B19: with a client CA, tokens were of no use. The rest is who gets in at all."""
    node = Gate(authority)
    unknown = Authority().client("kube-apiserver", "system:masters")
    pairs = {
        "unknown CA": unknown,
        "unknown CA and bad token": unknown,
        "unknown CA and good token": unknown,
        "expired certificate": authority.client("kube-apiserver", until=-DAY),
        "certificate without the right": authority.client("poor"),
        "good certificate": authority.client("kube-apiserver"),
        "good certificate and bad token": authority.client("kube-apiserver"),
    }
    token = next((f"{word}-token" for word in ("bad", "good") if f"{word} token" in caller), "")
    if caller == "token without the right":
        token = "poor-token"
    routes = [*every_route(), ("GET", "/nowhere"), ("POST", "/pods"), ("DELETE", "/exec/default/web/main")]
    assert len(routes) > 25
    async with node.calling(tmp_path, pairs.get(caller), token) as session:
        for method, path in routes:
            async with session.request(method, path) as response:
                text = (await response.text()).strip()
                if status:
                    assert (path, response.status) == (path, status)
                    expected = "Unauthorized" if status == 401 else "Forbidden (user=poor, verb="
                    assert text.startswith(expected) or method == "HEAD"
                else:
                    assert response.status not in {401, 403} or "Forbidden (" not in text, path
                    assert text != "Unauthorized", path


async def test_a_request_is_judged_by_its_route_and_what_runs_in_containers_is_create_by_any_method(
    authority: Authority, tmp_path: Path
) -> None:
    node = Gate(authority)
    node.rights.only = set()
    expected = {
        ("GET", "/pods"): ["get pods", "get proxy"],
        ("GET", "/runningpods/"): ["get pods", "get proxy"],
        ("GET", "/healthz"): ["get healthz", "get proxy"],
        ("GET", "/healthz/ping"): ["get healthz", "get proxy"],
        ("GET", "/configz"): ["get configz", "get proxy"],
        ("GET", "/stats/summary"): ["get stats"],
        ("GET", "/metrics"): ["get metrics"],
        ("GET", "/metrics/resource"): ["get metrics"],
        ("GET", "/logs/x"): ["get log"],
        ("GET", "/containerLogs/default/web/main"): ["get proxy"],
        ("GET", "/exec/default/web/main"): ["create proxy"],
        ("POST", "/exec/default/web/main"): ["create proxy"],
        ("GET", "/%65xec/default/web/main"): ["create proxy"],
        ("GET", "/attach/default/web/main"): ["create proxy"],
        ("GET", "/portForward/default/web"): ["create proxy"],
        ("POST", "/run/default/web/main"): ["create proxy"],
        ("GET", "/metrics/../exec/default/web/main"): ["get proxy"],  # no route, and not taken for one
        ("GET", "//metrics"): ["get proxy"],
        ("GET", "/nowhere"): ["get proxy"],
        ("DELETE", "/pods"): ["delete proxy"],
    }
    async with node.calling(tmp_path, authority.client("alice")) as session:
        for (method, path), asked in expected.items():
            node.rights.asked.clear()
            url = URL(f"https://127.0.0.1:{node.server.port}{path}", encoded=True)
            async with session.request(method, url) as response:
                assert response.status == 403
                text = (await response.text()).strip()
            assert [f"{verb} {subresource}" for _, verb, subresource in node.rights.asked] == asked, path
            subresources = ",".join(it.split()[1] for it in asked)
            verb = asked[0].split()[0]
            assert text == f"Forbidden (user=alice, verb={verb}, resource=nodes, subresource={subresources})"


async def test_either_of_the_subresources_is_enough(authority: Authority, tmp_path: Path) -> None:
    node = Gate(authority)
    async with node.calling(tmp_path, authority.client("alice")) as session:
        for subresource in ("pods", "proxy"):
            node.rights.only = {("alice", "get", subresource)}
            async with session.get("/pods") as response:
                assert response.status == 200


async def test_groups_are_the_organizations_of_a_certificate(authority: Authority) -> None:
    subject = authority.client("alice", "a", "b").certificate.subject
    assert user_of(subject) == UserInfo(username="alice", groups=("a", "b", "system:authenticated"))
    nameless = [it for it in subject if it.value != "alice"]
    assert user_of(x509.Name(nameless)) is None


async def test_an_api_server_that_does_not_answer_lets_nobody_in(authority: Authority, tmp_path: Path) -> None:
    node = Gate(authority)
    node.tokens.failing = node.rights.failing = True
    async with node.calling(tmp_path, token="good-token") as session, session.get("/pods") as response:
        assert response.status == 401
    node = Gate(authority)
    node.rights.failing = True
    async with node.calling(tmp_path, token="good-token") as session, session.get("/pods") as response:
        assert response.status == 500
        assert "Authorization error" in await response.text()


async def test_anonymous_requests_need_a_right_as_well(authority: Authority, tmp_path: Path) -> None:
    node = Gate(authority, anonymous=True)
    node.rights.only = {("system:anonymous", "get", "healthz")}
    async with node.calling(tmp_path) as session:
        async with session.get("/healthz") as response:
            assert response.status == 200
        async with session.get("/pods") as response:
            assert response.status == 403
        for shown in ("Bearer bad", "Bearer \u00e4"):
            async with session.get("/healthz", headers={"Authorization": shown}) as response:
                assert response.status == 401
    node = Gate(authority, anonymous=True)
    unknown = Authority().client("mallory")
    async with node.calling(tmp_path, unknown) as session, session.get("/healthz") as response:
        assert response.status == 401, "what is shown and no good is not the same as nothing"


async def test_always_allow_still_asks_for_a_name(authority: Authority, tmp_path: Path) -> None:
    node = Gate(authority, access=False)
    async with node.calling(tmp_path) as session:
        async with session.get("/pods") as response:
            assert response.status == 401
        async with session.get("/pods", headers={"Authorization": "bearer  poor-token "}) as response:
            assert response.status == 200
