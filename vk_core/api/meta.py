"""What all Kubernetes objects share: metadata, references, times and the `Status` of a failed request (meta/v1)."""

from __future__ import annotations

import datetime as dt
from typing import Generic, TypeVar

from vk_core.api.struct import Struct

Time = dt.datetime
"""A `metav1.Time`: UTC, whole seconds once the API server has stored it."""

Item = TypeVar("Item")


def utc_now() -> Time:
    """The wall clock as the API writes it: UTC, whole seconds."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def micro_time(moment: dt.datetime) -> str:
    """A `metav1.MicroTime`, which API servers accept with exactly six digits behind the point only."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class OwnerReference(Struct):
    """The object that this one belongs to (`metadata.ownerReferences[]`)."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Struct):
    """Identity and bookkeeping of an object; `managedFields` is deliberately not declared."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()


class ListMeta(Struct):
    """Metadata of a list: the version to watch from, and where the next page begins."""

    resource_version: str = ""
    continue_: str = ""
    remaining_item_count: int | None = None


class ObjectList(Struct, Generic[Item]):
    """A list of objects of one kind, as the API server pages it."""

    metadata: ListMeta = ListMeta()
    items: tuple[Item, ...] = ()


class PartialObjectMetadata(Struct):
    """An object of which only the metadata was asked for."""

    metadata: ObjectMeta = ObjectMeta()


class StatusCause(Struct):
    """One of the reasons of a failed request, with the field it concerns."""

    reason: str = ""
    message: str = ""
    field: str = ""


class StatusDetails(Struct):
    """What a failed request was about."""

    name: str = ""
    group: str = ""
    kind: str = ""
    uid: str = ""
    causes: tuple[StatusCause, ...] = ()
    retry_after_seconds: int = 0


class Status(Struct):
    """The answer to a request that failed (`metav1.Status`)."""

    status: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0
    details: StatusDetails | None = None


class ObjectReference(Struct):
    """A pointer to any object, as events and bindings use it."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = ""
    field_path: str = ""


class LocalObjectReference(Struct):
    """A pointer to an object in the same namespace."""

    name: str = ""


class LabelSelectorRequirement(Struct):
    """One expression of a label selector: `In`, `NotIn`, `Exists` or `DoesNotExist`."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class LabelSelector(Struct):
    """A selector over labels: all of its parts must match."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()
