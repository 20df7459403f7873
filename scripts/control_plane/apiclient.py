"""A blocking client of the API server for tests and tools: JSON in and out, and waiting by watching.

On purpose not the client of `vk_core`: what checks the product must not depend on it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Object = dict[str, Any]

REQUEST_SECONDS = 30.0
RECONNECT_SECONDS = 0.05
WATCH_SECONDS = 3.0
EXCERPT = 500


class ApiError(Exception):
    """The API server answered with an error, or what was waited for did not come; `status` is 0 in the latter case."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ApiClient:
    """Requests to `https://127.0.0.1:PORT` with a client certificate (a `.crt` file, its `.key` beside it)."""

    def __init__(self, port: int, authority: Path, certificate: Path) -> None:
        self._port = port
        self._tls = ssl.create_default_context(cafile=str(authority))
        self._tls.load_cert_chain(certificate, certificate.with_suffix(".key"))

    def get(self, path: str) -> Any:
        """GET a path and decode its JSON; see `request` for errors."""
        return self.request("GET", path)

    def request(
        self, method: str, path: str, body: Object | None = None, *, content_type: str = "application/json"
    ) -> Any:
        """Send a request; returns the decoded answer.

        Raises:
            ApiError: any answer but 2xx.
            OSError: no answer.
        """
        with self._connection(REQUEST_SECONDS) as connection:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": content_type})
            response = connection.getresponse()
            answer = response.read()
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            raise ApiError(
                f"{method} {path}: {response.status} {answer.decode(errors='replace')[:EXCERPT]}", response.status
            )
        return json.loads(answer) if answer.startswith(b"{") else answer.decode()

    def ensure(self, collection: str, body: Object) -> None:
        """Create an object in a collection unless there is one of this name.

        Raises:
            ApiError: any other answer than that it is there.
            OSError: no answer.
        """
        try:
            self.request("POST", collection, body)
        except ApiError as error:
            if error.status != http.HTTPStatus.CONFLICT:
                raise

    def wait_until(
        self,
        collection: str,
        holds: Callable[[list[Object]], bool],
        seconds: float = 60.0,
        *,
        hopeless: Callable[[], bool] = lambda: False,
    ) -> list[Object]:
        """Watch a collection until something is true of its objects; an API server that is down is waited for.

        Args:
            collection: path, with a `labelSelector` or `fieldSelector` if need be: `/api/v1/nodes?labelSelector=a%3Db`.
            holds: told all the objects after the list and after each event.
            seconds: the deadline.
            hopeless: asked every few seconds; True ends the waiting.

        Returns:
            The objects of which it was true.

        Raises:
            ApiError: it did not become true; the text names the objects as last seen.
        """
        until = time.monotonic() + seconds
        objects: dict[str, Object] = {}
        while (left := until - time.monotonic()) > 0 and not hopeless():
            with contextlib.suppress(OSError, http.client.HTTPException, _WatchEndedError):
                for objects in self._states(collection, min(left, WATCH_SECONDS)):
                    if holds(list(objects.values())):
                        return list(objects.values())
            time.sleep(RECONNECT_SECONDS)
        raise ApiError(
            f"{collection}: not as awaited (deadline {seconds} s)\n" + "\n".join(map(_summary, objects.values()))
        )

    def _states(self, collection: str, seconds: float) -> Iterator[dict[str, Object]]:
        listed = self.get(collection)
        objects = {item["metadata"]["uid"]: item for item in listed["items"]}
        yield objects
        joint = "&" if "?" in collection else "?"
        version = listed["metadata"]["resourceVersion"]
        path = f"{collection}{joint}watch=true&resourceVersion={version}&timeoutSeconds={int(seconds) + 1}"
        with self._connection(seconds) as connection:
            connection.request("GET", path)
            for line in connection.getresponse():
                event = json.loads(line)
                changed = event["object"]
                if event["type"] == "ERROR":
                    raise _WatchEndedError
                if event["type"] == "DELETED":
                    objects.pop(changed["metadata"]["uid"], None)
                else:
                    objects[changed["metadata"]["uid"]] = changed
                yield objects

    def _connection(self, seconds: float) -> contextlib.closing[http.client.HTTPSConnection]:
        return contextlib.closing(
            http.client.HTTPSConnection("127.0.0.1", self._port, timeout=seconds, context=self._tls)
        )


class _WatchEndedError(Exception):
    """The API server ended a watch with an error event, such as 410: list again."""


def _summary(found: Object) -> str:
    metadata, status = found["metadata"], found.get("status", {})
    facts = {
        "namespace": metadata.get("namespace", ""),
        "phase": status.get("phase", ""),
        "reason": status.get("reason", ""),
        "conditions": {one["type"]: one["status"] for one in status.get("conditions") or ()},
        "deleted": metadata.get("deletionTimestamp", ""),
    }
    return f"{metadata['name']}: {' '.join(f'{name}={value}' for name, value in facts.items() if value)}"
