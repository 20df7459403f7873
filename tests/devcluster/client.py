"""A client that hides nothing: status codes and JSON as they come, and the objects that tests begin with."""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import msgspec

from vk_core.devcluster import DevCluster

JSON = dict[str, Any]

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"

NAMESPACES = "/api/v1/namespaces"
NODES = "/api/v1/nodes"
PODS = "/api/v1/namespaces/default/pods"
CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
SECRETS = "/api/v1/namespaces/default/secrets"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
EVENTS = "/api/v1/namespaces/default/events"
DEADLINE_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """What came back; `body` is empty if it was not JSON."""

    code: int
    body: JSON
    headers: dict[str, str]

    @property
    def metadata(self) -> JSON:
        return dict(self.body["metadata"])

    @property
    def fields(self) -> list[str]:
        """The fields that a refusal names."""
        return [cause["field"] for cause in self.body.get("details", {}).get("causes", ())]

    @property
    def names(self) -> list[str]:
        return [item["metadata"]["name"] for item in self.body["items"]]


class Events:
    """A watch stream, event by event."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> JSON:
        """The next event; the end of the stream is an error."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            line = await self._response.content.readline()
        if not line:
            raise EOFError
        event: JSON = msgspec.json.decode(line)
        return event

    async def summary(self) -> tuple[str, str]:
        """Type and name of the next event."""
        event = await self.next()
        return event["type"], event["object"]["metadata"].get("name", "")


class Client:
    """Requests to a dev cluster, by its user or by whoever has another token."""

    def __init__(self, cluster: DevCluster, token: str | None = None) -> None:
        context = ssl.create_default_context(cadata=cluster.certificate_authority)
        self.cluster = cluster
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))
        self._headers = {"Authorization": f"Bearer {cluster.token if token is None else token}"}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        raw_body = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
        # aiohttp warns of large bodies in one piece.
        data = raw_body if raw_body is None else io.BytesIO(raw_body)
        sent = {**self._headers, "Content-Type": content_type, "Accept": accept, **(headers or {})}
        async with self.session.request(method, self.cluster.url + path, data=data, headers=sent) as response:
            raw = await response.read()
            is_json = response.content_type.endswith("json")
            return Answer(response.status, msgspec.json.decode(raw) if is_json else {}, dict(response.headers))

    async def get(self, path: str, *, accept: str = "application/json") -> Answer:
        return await self.request("GET", path, accept=accept)

    async def post(self, path: str, body: Any) -> Answer:
        return await self.request("POST", path, body)

    async def put(self, path: str, body: Any) -> Answer:
        return await self.request("PUT", path, body)

    async def patch(self, path: str, body: Any, content_type: str = STRATEGIC) -> Answer:
        return await self.request("PATCH", path, body, content_type=content_type)

    async def delete(self, path: str, **options: Any) -> Answer:
        return await self.request("DELETE", path, options or None)

    async def create_pod(self, name: str = "p", **spec: Any) -> Answer:
        """Creates a pod that must be accepted."""
        answer = await self.post(PODS, pod(name, **spec))
        assert answer.code == 201, answer.body
        return answer

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for a condition on the objects of the cluster, looking again after every change."""
        changed = asyncio.Event()
        stop = self.cluster.store.listen(lambda _: changed.set())
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                while not condition():
                    changed.clear()
                    await changed.wait()
        finally:
            stop()

    async def gone(self, plural: str, name: str) -> None:
        """Waits until no object of a type has a name."""
        await self.until(lambda: all(found["metadata"]["name"] != name for found in self.cluster.objects(plural)))

    @asynccontextmanager
    async def watch(self, path: str, query: str = "", *, accept: str = "application/json") -> AsyncIterator[Events]:
        headers = {**self._headers, "Accept": accept}
        async with self.session.get(f"{self.cluster.url}{path}?watch=1&{query}", headers=headers) as response:
            assert response.status == 200, await response.text()
            yield Events(response)


def pod(name: str = "p", *, metadata: JSON | None = None, **spec: Any) -> JSON:
    """A pod with one container."""
    containers = [{"name": "c", "image": "nginx"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **(metadata or {})},
        "spec": {"containers": containers, **spec},
    }


def config_map(name: str, *, metadata: JSON | None = None, **data: str) -> JSON:
    """A config map."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **(metadata or {})}, "data": data}


def node(name: str = "n", *, cpu: str = "4", pods: str = "10", spec: JSON | None = None, **metadata: Any) -> JSON:
    """A node that is Ready."""
    status = {
        "capacity": {"cpu": cpu, "memory": "8Gi", "pods": pods},
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, **metadata},
        "spec": spec or {},
        "status": status,
    }
