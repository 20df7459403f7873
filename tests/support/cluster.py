"""An API server in memory, as a `Transport`: no sockets, so that controllers can be tested on virtual time.

It does what controllers rely on (versions, UIDs as preconditions, graceful deletion, watches that continue, 410) and
can be made to fail. It validates nothing and knows no kubectl; `vk_core.devcluster` is the server that does.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import urllib.parse
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from vk_core.api.meta import Status, StatusCause, StatusDetails
from vk_core.api.node import Node
from vk_core.api.pod import Pod
from vk_core.api.strategicmerge import merge_patch, strategic_merge
from vk_core.kube.client import KubeClient
from vk_core.kube.errors import unreachable
from vk_core.kube.request import Request
from vk_core.kube.transport import Response, Stream
from vk_core.provider import OWNER_ANNOTATION

JSON = dict[str, Any]
KINDS = {
    "pods": "Pod",
    "nodes": "Node",
    "leases": "Lease",
    "events": "Event",
    "services": "Service",
    "configmaps": "ConfigMap",
    "certificatesigningrequests": "CertificateSigningRequest",
}


class Address(NamedTuple):
    """Which object or collection a request is about."""

    plural: str
    namespace: str
    name: str
    subresource: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.plural, self.namespace, self.name


class Change(NamedTuple):
    """What a watch tells."""

    revision: int
    plural: str
    type: str
    object: JSON


@dataclass
class Fault:
    """Requests that do not get what they ask for."""

    verb: str
    resource: str
    code: int
    reason: str
    times: int
    retry_after_seconds: float | None = None


class RefusedError(Exception):
    """The server says no."""

    def __init__(
        self, code: int, reason: str, message: str = "", retry_after_seconds: float | None = None, *, field: str = ""
    ) -> None:
        super().__init__(message or reason)
        causes = (StatusCause(field=field, message=message),) if field else ()
        details = StatusDetails(retry_after_seconds=int(retry_after_seconds or 0), causes=causes)
        self.status = Status(status="Failure", code=code, reason=reason, message=message or reason, details=details)
        self.response = Response(code, msgspec.json.encode(self.status), retry_after_seconds)


class FakeCluster:
    """The server.

    Attributes:
        requests: how often each verb came for each resource, such as `("patch", "pods/status")`.
        log: the same in order, with the decoded body.
        down: whether nothing answers.
        latency_seconds: how long a request takes.
        slow: how long requests of a sort take instead.
        page: objects per page of a list, whatever the limit asked for.
        reviews: what fills in the status of reviews, by resource.
    """

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        self.log: list[tuple[str, str, Any]] = []
        self.down = False
        self.latency_seconds = 0.001
        self.slow: dict[tuple[str, str], float] = {}
        self.page = 500
        self.reviews: dict[str, Callable[[JSON], JSON]] = {"selfsubjectreviews": lambda _: {}}
        self.client = KubeClient(self)
        self._objects: dict[tuple[str, str, str], JSON] = {}
        self._revision = 100
        self._compacted = 0
        self._history: list[Change] = []
        self._faults: list[Fault] = []
        self._watches: set[asyncio.Queue[Change | str]] = set()
        self._changed = asyncio.Event()
        self.put("services", "default", "kubernetes", {"metadata": {"uid": "cluster-uid"}})

    # What tests do to it.

    def put(self, plural: str, namespace: str, name: str, body: JSON) -> JSON:
        """Create an object."""
        body = fresh(body)
        metadata = body.setdefault("metadata", {})
        metadata.update(name=name, generation=1, creationTimestamp=now_text())
        metadata.setdefault("uid", str(uuid.uuid4()))
        if namespace:
            metadata["namespace"] = namespace
        return self._store((plural, namespace, name), body, "ADDED")

    def add_pod(self, pod: Pod, node_name: str = "virtual") -> str:
        """Create a pod that is bound to the node; returns its UID."""
        body = fresh(pod)
        body["spec"]["nodeName"] = node_name
        body["metadata"] = {
            key: value for key, value in body["metadata"].items() if key in {"labels", "annotations", "namespace"}
        }
        body["metadata"].get("annotations", {}).pop(OWNER_ANNOTATION, None)
        made = self.put("pods", pod.metadata.namespace, pod.metadata.name, body)
        return str(made["metadata"]["uid"])

    def edit(self, plural: str, namespace: str, name: str, patch: JSON) -> JSON:
        """Change an object as somebody else."""
        return self._update((plural, namespace, name), merge_patch(self._objects[plural, namespace, name], patch))

    def delete(self, plural: str, namespace: str, name: str, grace_period_seconds: int | None = None) -> None:
        """Delete an object as somebody else."""
        self._delete(Address(plural, namespace, name, ""), {"gracePeriodSeconds": grace_period_seconds})

    def get(self, plural: str, namespace: str, name: str) -> JSON | None:
        """The object, if it is there."""
        return self._objects.get((plural, namespace, name))

    def all(self, plural: str) -> list[JSON]:
        """All objects of a sort."""
        return [found for key, found in self._objects.items() if key[0] == plural]

    def pod(self, name: str, namespace: str = "default") -> Pod | None:
        """A pod, typed."""
        found = self.get("pods", namespace, name)
        return msgspec.convert(found, Pod) if found else None

    def node(self, name: str = "virtual") -> Node | None:
        """A node, typed."""
        found = self.get("nodes", "", name)
        return msgspec.convert(found, Node) if found else None

    async def until(self, condition: Callable[[], Any], within: float = 30.0) -> None:
        """Wait until something holds; looked at after every change of an object, and now and then."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        while not condition():
            assert loop.time() < deadline, f"it did not happen within {within:g} s"
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), 0.05)

    def fail(
        self,
        verb: str,
        resource: str,
        *,
        code: int = 500,
        reason: str = "InternalError",
        times: int = 1,
        retry_after_seconds: float | None = None,
    ) -> None:
        """Have the next requests of a sort refused; a code of 0 leaves them without an answer."""
        self._faults.append(Fault(verb, resource, code, reason, times, retry_after_seconds))

    def disconnect_watches(self) -> None:
        """Break all watches in the middle."""
        for queue in self._watches:
            queue.put_nowait("break")

    def end_watches(self) -> None:
        """End all watches as the server does after some minutes."""
        for queue in self._watches:
            queue.put_nowait("end")

    def compact(self) -> None:
        """Forget the history: who continues from before is told that it is gone."""
        self._revision += 1
        self._compacted = self._revision
        self._history.clear()

    # What the client does to it.

    async def send(self, request: Request) -> Response:
        """Answer a request (`Transport.send`)."""
        body = msgspec.json.decode(request.body) if request.body else None
        verb, resource = request.what.split()[:2]
        await asyncio.sleep(self.slow.get((verb, resource), self.latency_seconds))
        self.requests[verb, resource] += 1
        self.log.append((verb, resource, body))
        try:
            self._fail(verb, resource)
            if resource in self.reviews:
                review: JSON = body or {}
                return Response(201, msgspec.json.encode(review | {"status": self.reviews[resource](review)}), None)
            address, query = self._parse(request)
            if verb == "list":
                return Response(200, msgspec.json.encode(self._list(address, query)), None)
            return Response(200, msgspec.json.encode(self._answer(verb, address, body, request)), None)
        except RefusedError as error:
            return error.response

    @contextlib.asynccontextmanager
    async def stream(self, request: Request, *, silence_seconds: float) -> AsyncIterator[Stream]:
        """Answer a watch (`Transport.stream`)."""
        del silence_seconds
        await asyncio.sleep(self.latency_seconds)
        address, query = self._parse(request)
        self.requests["watch", address.plural] += 1
        queue: asyncio.Queue[Change | str] = asyncio.Queue()
        try:
            self._fail("watch", address.plural)
            since = int(query["resourceVersion"])
            if since < self._compacted:
                raise RefusedError(410, "Expired", "too old resource version")
        except RefusedError as error:
            yield Stream(error.response.status, error.response.body, nothing(), error.response.retry_after_seconds)
            return
        for change in self._history:
            if change.revision > since:
                queue.put_nowait(change)
        self._watches.add(queue)
        try:
            yield Stream(200, b"", self._chunks(queue, address, query), None)
        finally:
            self._watches.discard(queue)

    async def close(self) -> None:
        """Nothing to close (`Transport.close`)."""

    async def _chunks(
        self, queue: asyncio.Queue[Change | str], address: Address, query: dict[str, str]
    ) -> AsyncIterator[bytes]:
        while True:
            change = await queue.get()
            if change == "end":
                return
            if isinstance(change, str):
                raise unreachable("https://fake", ConnectionResetError("reset by peer"))
            if change.plural == address.plural and self._selected(change.object, address, query):
                yield msgspec.json.encode({"type": change.type, "object": change.object}) + b"\n"

    def _parse(self, request: Request) -> tuple[Address, dict[str, str]]:
        parts = urllib.parse.urlsplit(request.target)
        segments = parts.path.strip("/").split("/")
        segments = segments[3:] if segments[0] == "apis" else segments[2:]
        namespace = ""
        if segments[0] == "namespaces":
            namespace, segments = segments[1], segments[2:]
        plural, name, subresource = (*segments, "", "")[:3]
        return Address(plural, namespace, name, subresource), dict(urllib.parse.parse_qsl(parts.query))

    def _fail(self, verb: str, resource: str) -> None:
        if self.down:
            raise unreachable("https://fake", ConnectionRefusedError("connection refused"))
        for fault in self._faults:
            if fault.verb == verb and fault.resource == resource and fault.times > 0:
                fault.times -= 1
                if fault.code == 0:
                    raise unreachable("https://fake", TimeoutError("no answer"))
                raise RefusedError(fault.code, fault.reason, retry_after_seconds=fault.retry_after_seconds)

    def _answer(self, verb: str, address: Address, body: Any, request: Request) -> JSON:
        if verb == "create":
            metadata = body["metadata"]
            name = metadata.get("name") or f"{metadata['generateName']}{uuid.uuid4().hex[:5]}"
            if (address.plural, address.namespace, name) in self._objects:
                raise RefusedError(409, "AlreadyExists")
            return self.put(address.plural, address.namespace, name, body)
        if address.key not in self._objects:
            raise RefusedError(404, "NotFound", f'{address.plural} "{address.name}" not found')
        if verb == "patch":
            return self._patch(address, body, request.content_type)
        if verb == "delete":
            self._delete(address, body)
        return self._objects.get(address.key, {"metadata": {}})

    def _list(self, address: Address, query: dict[str, str]) -> JSON:
        if query.get("continue") and int(query["continue"].split("@")[1]) < self._compacted:
            raise RefusedError(410, "Expired", "the provided continue parameter is too old")
        items = [item for item in self.all(address.plural) if self._selected(item, address, query)]
        start = int(query["continue"].split("@")[0]) if query.get("continue") else 0
        end = start + min(self.page, int(query.get("limit", self.page)))
        metadata: JSON = {"resourceVersion": str(self._revision)}
        if end < len(items):
            metadata["continue"] = f"{end}@{self._revision}"
        return {"metadata": metadata, "items": items[start:end]}

    def _selected(self, found: JSON, address: Address, query: dict[str, str]) -> bool:
        if address.namespace and found["metadata"].get("namespace") != address.namespace:
            return False
        for term in filter(None, query.get("fieldSelector", "").split(",")):
            path, _, value = term.partition("=")
            part: Any = found
            for field in path.split("."):
                part = (part or {}).get(field)
            if part != value:
                return False
        return True

    def _patch(self, address: Address, body: JSON, content_type: str) -> JSON:
        old = self._objects[address.key]
        wanted = body.get("metadata", {})
        if wanted.get("resourceVersion") not in {None, old["metadata"]["resourceVersion"]}:
            raise RefusedError(409, "Conflict", "the object has been modified")
        if wanted.get("uid") not in {None, old["metadata"]["uid"]}:
            raise RefusedError(422, "Invalid", "metadata.uid: field is immutable", field="metadata.uid")
        if "strategic" in content_type:
            new = strategic_merge(old, body, KINDS[address.plural])
        else:
            new = merge_patch(old, body)
        if address.subresource == "status":
            new = {**old, "metadata": new["metadata"], "status": new.get("status", {})}
        elif "status" in old:
            new["status"] = old["status"]
        return self._update(address.key, new)

    def _delete(self, address: Address, options: JSON) -> None:
        old = self._objects[address.key]
        uid = options.get("preconditions", {}).get("uid")
        if uid and uid != old["metadata"]["uid"]:
            raise RefusedError(409, "Conflict", "the UID in the precondition does not match")
        grace = options.get("gracePeriodSeconds")
        if grace is None:
            grace = old.get("spec", {}).get("terminationGracePeriodSeconds", 30)
        if address.plural != "pods" or grace == 0 or old.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
            self._revision += 1
            gone = fresh(old)
            gone["metadata"]["resourceVersion"] = str(self._revision)
            del self._objects[address.key]
            self._tell(Change(self._revision, address.plural, "DELETED", gone))
            return
        before = old["metadata"].get("deletionGracePeriodSeconds")
        if before is None or grace < before:
            stamp = {"deletionTimestamp": now_text(grace), "deletionGracePeriodSeconds": grace}
            self._update(address.key, merge_patch(old, {"metadata": stamp}))

    def _update(self, key: tuple[str, str, str], new: JSON) -> JSON:
        old = self._objects[key]
        new = fresh(new)
        if new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        return old if new == old else self._store(key, new, "MODIFIED")

    def _store(self, key: tuple[str, str, str], new: JSON, change: str) -> JSON:
        self._revision += 1
        new["metadata"]["resourceVersion"] = str(self._revision)
        self._objects[key] = new
        self._tell(Change(self._revision, key[0], change, new))
        return new

    def _tell(self, change: Change) -> None:
        self._history.append(change)
        for queue in self._watches:
            queue.put_nowait(change)
        self._changed.set()


async def nothing() -> AsyncIterator[bytes]:
    """A body without content."""
    empty: tuple[bytes, ...] = ()
    for chunk in empty:
        yield chunk


def fresh(value: Any) -> Any:
    """The value as JSON that shares nothing."""
    return msgspec.json.decode(msgspec.json.encode(value))


def now_text(later_seconds: float = 0) -> str:
    """The wall clock as the API writes it."""
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=later_seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
