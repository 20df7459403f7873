"""Whether the files of volumes are valid: items of config maps and secrets, of the downward API, and several in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from vk_core.devcluster.fieldrefs import FILE_FIELDS, field_ref_causes, resource_ref_causes
from vk_core.devcluster.pathrules import file_path_causes, mode_causes
from vk_core.devcluster.serviceaccounts.lifetime import lifetime_causes
from vk_core.devcluster.statuses import Cause, forbidden_field, required, wrong
from vk_core.devcluster.trustbundles import bundle_name_problem, signer_causes

Object: TypeAlias = dict[str, Any]

_KINDS = ("secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate")
_CONFLICT = "conflicting duplicate paths"
_BUNDLE_FIELDS = ("name", "signerName", "labelSelector", "optional", "path")


def item_causes(path: str, source: Object) -> Iterator[Cause]:
    """Yields what is wrong with the `items` of a config map or a secret."""
    for index, item in enumerate(source.get("items", ())):
        at = f"{path}.items[{index}]"
        if not item.get("key"):
            yield required(f"{at}.key")
        yield from file_path_causes(f"{at}.path", item.get("path", ""))
        yield from mode_causes(f"{at}.mode", item.get("mode"))


def file_causes(path: str, file: Object) -> Iterator[Cause]:
    """Yields what is wrong with a file of the downward API."""
    yield from file_path_causes(f"{path}.path", file.get("path", ""))
    if "fieldRef" in file:
        yield from field_ref_causes(f"{path}.fieldRef", file["fieldRef"], FILE_FIELDS)
        if "resourceFieldRef" in file:
            yield wrong(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
    elif "resourceFieldRef" in file:
        yield from resource_ref_causes(f"{path}.resourceFieldRef", file["resourceFieldRef"], in_volume=True)
    else:
        yield required(path, "one of fieldRef and resourceFieldRef is required")
    yield from mode_causes(f"{path}.mode", file.get("mode"))


def projected_causes(path: str, volume: Object) -> Iterator[Cause]:
    """Yields what is wrong with the sources of a projected volume."""
    taken: set[str] = set()
    for index, source in enumerate(volume.get("sources", ())):
        at = f"{path}.sources[{index}]"
        given = [kind for kind in _KINDS if kind in source]
        if len(given) > 1:
            yield forbidden_field(at, "may not specify more than 1 volume type per source")
        for kind in given[:1]:
            yield from _source_causes(path, f"{at}.{kind}", kind, source[kind])
            yield from _conflicts(path, _paths(kind, source[kind]), taken)


def _source_causes(volume: str, path: str, kind: str, source: Object) -> Iterator[Cause]:
    if kind in {"secret", "configMap"}:
        if not source.get("name"):
            yield required(f"{path}.name")
        yield from item_causes(path, source)
    elif kind == "downwardAPI":
        for file in source.get("items", ()):
            yield from file_causes(path, file)
    elif kind == "serviceAccountToken":
        if "expirationSeconds" in source:
            yield from lifetime_causes(f"{path}.expirationSeconds", source["expirationSeconds"])
        yield from file_path_causes(f"{volume}.path", source.get("path", ""))
    elif kind == "clusterTrustBundle":
        yield from _bundle_causes(path, source)


def _bundle_causes(path: str, source: Object) -> Iterator[Cause]:
    name, signer = source.get("name"), source.get("signerName")
    if name is not None and signer is not None:
        shown = {field[0].upper() + field[1:]: source.get(field) for field in _BUNDLE_FIELDS}
        yield wrong(path, shown, "only one of name and signerName may be used")
    elif name is not None:
        if not name:
            yield required(f"{path}.name", "must be a valid object name")
        if problem := bundle_name_problem(name, name.rpartition(":")[0].replace(":", "/")):
            yield wrong(f"{path}.name", name, f"not a valid clustertrustbundlename: {problem}")
        if "labelSelector" in source:
            why = "labelSelector must be unset if name is specified"
            yield wrong(f"{path}.labelSelector", source["labelSelector"], why)
    elif signer is not None:
        yield from signer_causes(f"{path}.signerName", signer) if signer else _no_signer(f"{path}.signerName")
    else:
        yield required(path, "either name or signerName must be specified")
    yield from file_path_causes(f"{path}.path", source.get("path", ""))


def _no_signer(path: str) -> Iterable[Cause]:
    return required(path, "must be a valid signer name"), required(path)


def _paths(kind: str, source: Object) -> list[str]:
    """Where a source has its files, as far as it says so; of tokens an API server does not look at it."""
    if kind in {"secret", "configMap"}:
        return list(dict.fromkeys(item.get("path", "") for item in source.get("items", ())))
    if kind == "downwardAPI":
        return [file.get("path", "") for file in source.get("items", ())]
    return [source.get("path", "")] if kind == "clusterTrustBundle" else []


def _conflicts(volume: str, paths: list[str], taken: set[str]) -> Iterator[Cause]:
    for path in filter(None, paths):
        if path in taken:
            yield wrong(volume, path, _CONFLICT)
        taken.add(path)
