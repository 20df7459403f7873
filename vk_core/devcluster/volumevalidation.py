"""Whether the volumes of a pod are valid; those of storage vendors are let through as they are.

Names of fields in refusals are those of an API server, which leaves some parts of paths out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from vk_core.api.quantity import parse_quantity
from vk_core.devcluster.pathrules import mode_causes, upward_causes
from vk_core.devcluster.projectedvalidation import file_causes, item_causes, projected_causes
from vk_core.devcluster.statuses import Cause, forbidden_field, required, unsupported, wrong

Object: TypeAlias = dict[str, Any]
Rule: TypeAlias = Callable[[str, Object], Iterable[Cause]]

_HOST_PATH_TYPES = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
)  # fmt: skip
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")


def volume_causes(path: str, volume: Object) -> Iterator[Cause]:
    """Yields what is wrong with what a volume is made of."""
    given = [kind for kind in _KINDS if kind in volume]
    if not given:
        yield required(path, "must specify a volume type")
        return
    yield from _RULES.get(given[0], _anything)(f"{path}.{given[0]}", volume[given[0]])
    for kind in given[1:]:
        yield forbidden_field(f"{path}.{kind}", "may not specify more than 1 volume type")


def _anything(path: str, source: Object) -> Iterable[Cause]:
    return ()


def _empty_dir(path: str, source: Object) -> Iterator[Cause]:
    limit = source.get("sizeLimit")
    if limit is not None and parse_quantity(limit) < 0:
        yield forbidden_field(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")


def _host_path(path: str, source: Object) -> Iterator[Cause]:
    place = source.get("path", "")
    if not place:
        yield required(f"{path}.path")
        return
    yield from upward_causes(f"{path}.path", place)
    if source.get("type", "") not in _HOST_PATH_TYPES:
        yield unsupported(f"{path}.type", source["type"], _HOST_PATH_TYPES)


def _keyed(name: str) -> Rule:
    def rule(path: str, source: Object) -> Iterator[Cause]:
        if not source.get(name):
            yield required(f"{path}.{name}")
        yield from mode_causes(f"{path}.defaultMode", source.get("defaultMode"))
        yield from item_causes(path, source)

    return rule


def _downward(path: str, source: Object) -> Iterator[Cause]:
    yield from mode_causes(f"{path}.defaultMode", source.get("defaultMode"))
    for file in source.get("items", ()):
        yield from file_causes(path, file)


def _projected(path: str, source: Object) -> Iterator[Cause]:
    yield from mode_causes(f"{path}.defaultMode", source.get("defaultMode"))
    yield from projected_causes(path, source)


def _image(path: str, source: Object) -> Iterator[Cause]:
    if not source.get("reference"):
        yield required(f"{path}.reference")
    if source.get("pullPolicy", _PULL_POLICIES[0]) not in _PULL_POLICIES:
        yield unsupported(f"{path}.pullPolicy", source["pullPolicy"], _PULL_POLICIES)


def _nfs(path: str, source: Object) -> Iterator[Cause]:
    for field in ("server", "path"):
        if not source.get(field):
            yield required(f"{path}.{field}")
    if not source.get("path", "").startswith("/"):
        yield wrong(f"{path}.path", source.get("path", ""), "must be an absolute path")


def _requiring(field: str) -> Rule:
    return lambda path, source: () if source.get(field) else (required(f"{path}.{field}"),)


_RULES: dict[str, Rule] = {
    "configMap": _keyed("name"),
    "csi": _requiring("driver"),
    "downwardAPI": _downward,
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "image": _image,
    "nfs": _nfs,
    "persistentVolumeClaim": _requiring("claimName"),
    "projected": _projected,
    "secret": _keyed("secretName"),
}
_KINDS = (
    "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi",
    "glusterfs", "persistentVolumeClaim", "rbd", "cinder", "cephfs", "flocker", "downwardAPI", "fc", "configMap",
    "azureFile", "flexVolume", "vsphereVolume", "quobyte", "azureDisk", "photonPersistentDisk", "projected",
    "portworxVolume", "scaleIO", "storageos", "csi", "ephemeral", "image",
)  # fmt: skip
"""All kinds of volumes, in the order in which an API server looks for them: the first that is there counts."""
