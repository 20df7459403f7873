"""Verbs: what is done for a request once it is known what it asks for. No HTTP here but the numbers of status codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from vk_core.devcluster import podactions
from vk_core.devcluster.apply import apply_configuration
from vk_core.devcluster.authentication import Authenticator
from vk_core.devcluster.defaults import normalise
from vk_core.devcluster.deletion import DeleteOptions, delete
from vk_core.devcluster.eventviews import as_core
from vk_core.devcluster.listing import Lister
from vk_core.devcluster.patching import APPLY_PATCHES, patch_type, patcher
from vk_core.devcluster.registry import Registry
from vk_core.devcluster.requests import (
    Target,
    decode_body,
    decode_new_object,
    is_dry_run,
    is_strict,
    is_true,
    parse_list_options,
    without_nulls,
)
from vk_core.devcluster.resources import BINDINGS, CSRS, NEW_EVENTS, PODS, STORED
from vk_core.devcluster.reviews import review
from vk_core.devcluster.serviceaccounts.tokens import ServiceAccountTokens
from vk_core.devcluster.signer import decide
from vk_core.devcluster.signingrequests import claim_request
from vk_core.devcluster.statuses import (
    UnreadableError,
    bad_request,
    invalid,
    not_found,
    success,
    too_large_version,
    unpatchable,
    wrong,
)
from vk_core.devcluster.store import Object, Store, Stored
from vk_core.devcluster.structures import check_structure
from vk_core.devcluster.views import View

Answer: TypeAlias = tuple[int, bytes]

_OK, _CREATED = 200, 201
_NARROW: dict[str, Callable[[Object, Object], Object]] = {
    "approval": decide,
    "ephemeralcontainers": podactions.add_ephemeral_containers,
    "resize": podactions.resize,
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request: its target, options and body, and how the answer shall look."""

    target: Target
    view: View
    query: Mapping[str, str]
    body: bytes = b""
    content_type: str = ""
    user_agent: str = ""
    user: Object = field(default_factory=dict)
    """Who sends it, as `UserInfo`."""

    @property
    def manager(self) -> str:
        """Who writes: `fieldManager`, or the beginning of the user agent."""
        return self.query.get("fieldManager") or self.user_agent.partition("/")[0] or "unknown"

    @property
    def subresource(self) -> str:
        """The name of the subresource, or nothing."""
        return self.target.subresource.name if self.target.subresource else ""


class Handlers:
    """The verbs of the API.

    Args:
        registry: the objects.
        tokens: makes tokens of service accounts.
        authenticator: knows whose a token is.
    """

    def __init__(self, registry: Registry, tokens: ServiceAccountTokens, authenticator: Authenticator) -> None:
        self.registry = registry
        self.lister = Lister(registry.store)
        self._tokens = tokens
        self._authenticator = authenticator
        self._verbs: dict[str, Callable[[Call], Answer]] = {
            "create": self._create,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
            "get": self._get,
            "list": self._list,
            "patch": self._patch,
            "update": self._update,
        }

    @property
    def store(self) -> Store:
        """The objects."""
        return self.registry.store

    def handle(self, verb: str, call: Call) -> Answer:
        """Does everything but watch.

        Raises:
            StatusError: the request is refused.
        """
        return self._verbs[verb](call)

    def _get(self, call: Call) -> Answer:
        stored = self.registry.get(call.target.resource, call.target.key)
        asked = call.query.get("resourceVersion", "0")
        if asked.isdecimal() and int(asked) > self.store.revision:
            raise too_large_version(self.store.revision, int(asked))
        return _OK, call.view.one(stored)

    def _list(self, call: Call) -> Answer:
        items, metadata = self.lister.page(call.target, parse_list_options(call.target, call.query))
        return _OK, call.view.many(items, metadata)

    def _create(self, call: Call) -> Answer:
        target = call.target
        object = decode_new_object(target, call.body, call.content_type)
        if target.resource not in STORED or target.subresource is not None:
            check_structure(target.served, object, kind=object["kind"])
        if call.subresource == "token":
            return _CREATED, msgspec.json.encode(self._tokens.request(target.key, object))
        if target.subresource is not None or target.served is BINDINGS:
            return self._act_on_pod(call, object)
        if target.resource not in STORED:
            answer = review(target.served, object, user=call.user, authenticator=self._authenticator)
            return _CREATED, msgspec.json.encode(answer)
        if target.served is NEW_EVENTS:
            object = as_core(object)
        elif target.served is CSRS:
            claim_request(object, call.user)
        return _CREATED, call.view.one(self._store_new(call, object))

    def _store_new(self, call: Call, object: Object) -> Stored:
        return self.registry.create(
            call.target.resource,
            call.target.namespace,
            object,
            strict_fields=is_strict(call.query),
            dry_run=is_dry_run(call.query),
        )

    def _act_on_pod(self, call: Call, object: Object) -> Answer:
        key = (call.target.namespace, call.target.name or object["metadata"].get("name", ""))
        named = object["metadata"].setdefault("name", key[1])
        if named != key[1]:
            raise bad_request(f"name in URL does not match name in {object['kind']} object")
        dry_run = is_dry_run(call.query)
        if object["kind"] == "Binding":
            podactions.bind(self.registry, key, object, dry_run=dry_run)
        else:
            self._evict(key, object, dry_run=dry_run)
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": _CREATED}
        return _CREATED, msgspec.json.encode(status)

    def _evict(self, key: tuple[str, str], eviction: Object, *, dry_run: bool) -> None:
        options = DeleteOptions.of(eviction.get("deleteOptions") or {}, dry_run=dry_run)
        self.registry.get(PODS, key)
        if not options.dry_run:
            podactions.evict(self.registry, key)
        delete(self.registry, PODS, key, options)

    def _update(self, call: Call) -> Answer:
        target = call.target
        object = decode_new_object(target, call.body, call.content_type)
        if target.served is NEW_EVENTS:
            object = as_core(object)
        missing = self.store.get(target.resource, target.key) is None
        if missing and target.resource.create_on_update and not call.subresource:
            object["metadata"].setdefault("name", target.name)
            return _CREATED, call.view.one(self._store_new(call, object))
        return _OK, call.view.one(self._write(call, lambda _: object))

    def _patch(self, call: Call) -> Answer:
        media = patch_type(call.content_type)
        if media in APPLY_PATCHES:
            return self._apply(call)
        change = patcher(call.target.resource, call.body, media)

        def checked(old: Object) -> Object:
            new = change(old)
            metadata = new.get("metadata")
            uid = metadata.get("uid") if isinstance(metadata, dict) else None
            if uid and uid != old["metadata"]["uid"]:
                # Only in a PUT is the UID of the body a precondition.
                causes = [wrong("metadata.uid", uid, "field is immutable")]
                raise invalid(call.target.resource, call.target.name, causes)
            return new

        try:
            return _OK, call.view.one(self._write(call, checked))
        except UnreadableError as error:
            raise unpatchable(error.why) from None

    def _write(self, call: Call, change: Callable[[Object], Object]) -> Stored:
        return self.registry.update(
            call.target.resource,
            call.target.key,
            change,
            subresource=call.subresource,
            narrow=_NARROW.get(call.subresource),
            manager=call.manager,
            strict_fields=is_strict(call.query),
            dry_run=is_dry_run(call.query),
        )

    def _apply(self, call: Call) -> Answer:
        target, manager = call.target, call.query.get("fieldManager", "")
        if not manager:
            raise bad_request("fieldManager is required for apply patch")
        wanted = without_nulls(decode_body(call.body, call.content_type))
        if not isinstance(wanted, dict):
            raise bad_request("the body of the request is not an object")
        normalise(target.resource, wanted)
        check_structure(target.served, wanted)
        wanted.setdefault("metadata", {})
        if wanted["metadata"].pop("managedFields", None):
            raise bad_request("metadata.managedFields must be nil")
        if wanted["metadata"].setdefault("name", target.name) != target.name:
            raise bad_request("the name of the object does not match the name on the URL")
        force = is_true(call.query.get("force"))
        live = self.store.get(target.resource, target.key)

        def change(old: Object | None) -> Object:
            return apply_configuration(
                target.resource, old, wanted, manager=manager, subresource=call.subresource, force=force
            )

        if live is None:
            if call.subresource:
                raise not_found(target.resource, target.name)
            return _CREATED, call.view.one(self._store_new(call, change(None)))
        return _OK, call.view.one(self._write(call, change))

    def _delete(self, call: Call) -> Answer:
        target = call.target
        old = self.registry.get(target.resource, target.key)
        stored, is_gone = delete(self.registry, target.resource, target.key, self._delete_options(call))
        if is_gone and not target.resource.returns_deleted:
            return _OK, msgspec.json.encode(success(target.served, target.name, old.metadata["uid"]))
        return _OK, call.view.one(stored)

    def _delete_collection(self, call: Call) -> Answer:
        target, options = call.target, self._delete_options(call)
        items = self.lister.matching(target, parse_list_options(target, call.query))
        deleted = [
            delete(self.registry, target.resource, (item.metadata.get("namespace", ""), item.metadata["name"]), options)
            for item in items
        ]
        metadata = {"resourceVersion": str(self.store.revision)}
        return _OK, call.view.many([stored for stored, _ in deleted], metadata)

    def _delete_options(self, call: Call) -> DeleteOptions:
        body: Any = decode_body(call.body, call.content_type) if call.body else {}
        if not isinstance(body, dict):
            raise bad_request("the body of a DELETE has to be DeleteOptions")
        for name in ("propagationPolicy", "gracePeriodSeconds"):
            text = call.query.get(name)
            if text is not None and body.get(name) is None:
                body[name] = int(text) if text.isdecimal() else text
        return DeleteOptions.of(body, dry_run=is_dry_run(call.query))
