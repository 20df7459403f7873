"""How an object is shown: as it is, as a row of a table, or as its metadata only, in the version that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from vk_core.devcluster.eventviews import as_new
from vk_core.devcluster.requests import Target
from vk_core.devcluster.resources import Resource
from vk_core.devcluster.store import Stored
from vk_core.devcluster.tables import partial_metadata, row_of, table

Object: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """What a client accepts.

    Attributes:
        target: what it asked for.
        style: `""` for the object, `Table` or `PartialObjectMetadata`.
        include: how much of the object comes with a row of a table.
    """

    target: Target
    style: str = ""
    include: str = "Metadata"

    @property
    def key(self) -> tuple[str, str]:
        """What makes the encoding of this view differ from others."""
        return self.style + (self.include if self.style == "Table" else ""), self.target.served.group

    def one(self, stored: Stored) -> bytes:
        """Encodes one object."""
        if self.style == "Table":
            resource, metadata = self.target.resource, {"resourceVersion": stored.metadata.get("resourceVersion", "")}
            return msgspec.json.encode(table(resource, [self._row(stored.object)], metadata))
        return self._plain(stored)

    def many(self, items: Iterable[Stored], metadata: Mapping[str, Any]) -> bytes:
        """Encodes a list."""
        if self.style == "Table":
            rows = [self._row(stored.object) for stored in items]
            return msgspec.json.encode(table(self.target.resource, rows, metadata))
        if self.style:
            kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        else:
            kind, version = f"{self.target.served.kind}List", self.target.served.api_version
        head = msgspec.json.encode({"kind": kind, "apiVersion": version, "metadata": metadata})
        return head[:-1] + b',"items":[' + b",".join(self._plain(stored) for stored in items) + b"]}"

    def event(self, kind: str, stored: Stored, *, columns: bool = False) -> bytes:
        """Encodes one line of a watch; the first row of a table brings the columns with it."""
        if self.style == "Table":
            metadata = {"resourceVersion": stored.metadata["resourceVersion"]}
            object = msgspec.json.encode(
                table(self.target.resource, [self._row(stored.object)], metadata, columns=columns)
            )
        else:
            object = self._plain(stored)
        return b'{"type":"' + kind.encode() + b'","object":' + object + b"}\n"

    def bookmark(self, revision: int, *, ends_initial_events: bool = False) -> bytes:
        """Encodes a bookmark."""
        metadata: Object = {"resourceVersion": str(revision), "creationTimestamp": None}
        if ends_initial_events:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        object: Object
        if self.style == "Table":
            row = {"cells": [], "object": {**partial_metadata({"metadata": metadata})}}
            object = table(self.target.resource, [row], {"resourceVersion": str(revision)}, columns=False)
        elif self.style:
            object = partial_metadata({"metadata": metadata})
        else:
            served = self.target.served
            object = {"kind": served.kind, "apiVersion": served.api_version, "metadata": metadata}
        return msgspec.json.encode({"type": "BOOKMARK", "object": object}) + b"\n"

    def _row(self, object: Object) -> Object:
        return row_of(self.target.resource, object, include=self.include)

    def _plain(self, stored: Stored) -> bytes:
        if self.style:
            return msgspec.json.encode(partial_metadata(stored.object))
        if self.target.served is not self.target.resource:
            return msgspec.json.encode(as_new(stored.object))
        return stored.encoded


def view_of(target: Target, accept: str, include: str) -> View:
    """Chooses the view by the `Accept` header; the first style that is known wins."""
    for media in accept.split(","):
        parameters = dict(part.strip().partition("=")[::2] for part in media.split(";")[1:])
        style = parameters.get("as", "")
        if style in {"Table", "PartialObjectMetadata", "PartialObjectMetadataList"} and parameters.get("v") == "v1":
            return View(target, style.removesuffix("List"), include or "Metadata")
        if not style and media.strip().startswith(("application/json", "*/*")):
            break
    return View(target)


def plain_view(served: Resource) -> View:
    """The view of objects as they are."""
    return View(Target(served))
