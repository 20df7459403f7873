"""Lists: selectors, pages that show one moment, and the resource versions they may be asked for."""

from __future__ import annotations

import base64
import secrets
from collections import OrderedDict
from typing import Any, TypeAlias

import msgspec

from vk_core.devcluster.fields import selectable_fields
from vk_core.devcluster.requests import ListOptions, Target
from vk_core.devcluster.statuses import bad_request, expired, too_large_version
from vk_core.devcluster.store import Store, Stored

Page: TypeAlias = tuple[list[Stored], dict[str, Any]]

_PAGES_KEPT = 256
_PAGE_GONE = (
    "The provided continue parameter is too old to display a consistent list result. "
    "You must start a new list without the continue parameter."
)


def selects(target: Target, options: ListOptions, stored: Stored) -> bool:
    """Tells whether an object is wanted."""
    if target.namespace and stored.metadata.get("namespace") != target.namespace:
        return False
    if not options.labels.matches(stored.metadata.get("labels")):
        return False
    return not options.fields.terms or options.fields.matches(selectable_fields(target.resource, stored.object))


class Lister:
    """Answers lists from a store. What follows a page is remembered as it was, so that all pages show one moment."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rest: OrderedDict[str, tuple[int, list[Stored]]] = OrderedDict()

    def forget(self) -> None:
        """Forgets all pages that are still to be fetched: they are answered with 410."""
        self._rest.clear()

    def page(self, target: Target, options: ListOptions) -> Page:
        """Returns the objects of one page and the metadata of the list.

        Raises:
            StatusError: 400 for an impossible continuation, 410 for one that is too old, 504 for a future version.
        """
        if options.continue_:
            revision, items = self._continued(options.continue_)
        else:
            revision, items = self._store.revision, self.matching(target, options)
            self._check_version(options, revision)
        metadata: dict[str, Any] = {"resourceVersion": str(revision)}
        if options.limit and len(items) > options.limit:
            page, rest = items[: options.limit], items[options.limit :]
            metadata["continue"] = self._remember(revision, rest)
            if not options.selects:
                metadata["remainingItemCount"] = len(rest)
            return page, metadata
        return items, metadata

    def matching(self, target: Target, options: ListOptions) -> list[Stored]:
        """Returns all objects that are wanted, in order."""
        key = options.only(target)
        if key is not None:
            stored = self._store.get(target.resource, key)
            return [stored] if stored is not None and selects(target, options, stored) else []
        everything = self._store.items(target.resource, target.namespace or None)
        if not options.selects:
            return list(everything)
        return [stored for stored in everything if selects(target, options, stored)]

    def _check_version(self, options: ListOptions, revision: int) -> None:
        asked = int(options.resource_version or 0)
        if asked > revision:
            raise too_large_version(revision, asked)
        if options.resource_version_match == "Exact" and asked != revision:
            raise expired(f"The resourceVersion for the provided list is too old: {asked}")

    def _remember(self, revision: int, rest: list[Stored]) -> str:
        token = secrets.token_hex(8)
        self._rest[token] = (revision, rest)
        if len(self._rest) > _PAGES_KEPT:
            self._rest.popitem(last=False)
        return base64.urlsafe_b64encode(msgspec.json.encode({"v": "dev", "rv": revision, "id": token})).decode()

    def _continued(self, text: str) -> tuple[int, list[Stored]]:
        try:
            token = msgspec.json.decode(base64.urlsafe_b64decode(text))["id"]
        except (ValueError, KeyError, TypeError, msgspec.DecodeError):
            raise bad_request("continue key is not valid") from None
        # Kept, not popped: a client that lost the answer asks for the same page again.
        if token not in self._rest:
            raise expired(_PAGE_GONE)
        return self._rest[token]
