"""Turns the body of a PATCH into the function that makes the new object of the old one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from vk_core.api.strategicmerge import PatchError, json_patch, merge_patch, strategic_merge
from vk_core.devcluster.requests import decode_body, without_nulls
from vk_core.devcluster.resources import Resource
from vk_core.devcluster.statuses import StatusError, bad_request

Object: TypeAlias = dict[str, Any]

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCHES = ("application/apply-patch+yaml", "application/apply-patch+cbor")
_SUPPORTED = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCHES[0])


def patch_type(content_type: str) -> str:
    """Returns the kind of patch that a request carries.

    Raises:
        StatusError: 415 for any other content.
    """
    media = content_type.partition(";")[0].strip()
    if media not in _SUPPORTED:
        accepted = ", ".join(_SUPPORTED)
        raise StatusError(
            415, f"the body of the request was in an unknown format - accepted media types include: {accepted}"
        )
    return media


def patcher(resource: Resource, body: bytes, media: str) -> Callable[[Object], Object]:
    """Returns what applies a JSON, merge or strategic merge patch.

    Raises:
        StatusError: 400 if the patch cannot be read; what is returned raises 400 or 422 if it does not fit the object.
    """
    patch: Any = decode_body(body, "application/json")
    is_readable = isinstance(patch, list if media == JSON_PATCH else dict)
    if not is_readable:
        expected = "a list of operations" if media == JSON_PATCH else "an object"
        raise bad_request(f"error decoding patch: expected {expected}")

    def change(old: Object) -> Object:
        try:
            if media == JSON_PATCH:
                result = json_patch(old, patch)
            elif media == MERGE_PATCH:
                result = merge_patch(old, patch)
            else:
                result = strategic_merge(old, patch, resource.kind)
        except PatchError as error:
            raise StatusError(
                422, f"the server rejected our request due to an error in our request: {error}", details={}
            ) from None
        except (TypeError, AttributeError) as error:
            raise bad_request(f"the patch does not fit the object: {error}") from None
        if not isinstance(result, dict):
            raise bad_request("the patched object is not an object")
        return without_nulls(result) if b"null" in body else result

    return change
