"""Collects the files of a volume from its sources, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vk_core.api.volumes import (
    ClusterTrustBundleProjection,
    DownwardAPIVolumeFile,
    KeyToPath,
    ServiceAccountTokenProjection,
)
from vk_core.materials.environment.fields import field_value
from vk_core.materials.environment.resources import resource_value
from vk_core.materials.objects import Absent, KeyedObject, Lookup, Notice, PodFacts, Ref, Unreadable
from vk_core.materials.volumes.ownership import GROUP_MODE, PRIVATE_MODE, owner_of
from vk_core.materials.volumes.paths import clean_path
from vk_core.materials.volumes.specs import BundleSpec, TokenSpec, bundle_spec, token_spec
from vk_core.provider.materials import VolumeFile

DEFAULT_MODE = 0o644
_PERMISSIONS = 0o777
_NO_KEY = {
    "ConfigMap": "configmap references non-existent config key: {}",
    "Secret": "references non-existent secret key: {}",
}


class Collector:
    """The files of one volume so far; of sources that give the same path the last one wins, as in kubelet.

    Attributes:
        files: by path.
        notices: warnings for the pod's events.
        problems: what keeps the volume from being made, in kubelet's words.
    """

    __slots__ = ("_extra_mode", "_facts", "_lookup", "_mode", "_nested", "files", "notices", "problems")

    def __init__(self, facts: PodFacts, lookup: Lookup, default_mode: int | None) -> None:
        security = facts.pod.spec.security_context
        self._facts = facts
        self._lookup = lookup
        self._extra_mode = GROUP_MODE if security is not None and security.fs_group is not None else 0
        self._mode = self._mode_of(DEFAULT_MODE if default_mode is None else default_mode)
        self._nested = False
        self.files: dict[str, VolumeFile] = {}
        self.notices: list[Notice] = []
        self.problems: list[str] = []

    def add_object(self, ref: Ref, items: tuple[KeyToPath, ...], *, optional: bool) -> None:
        """Adds the keys of a config map or a secret: those of `items`, or all."""
        found = self._lookup(ref) if ref.name else Absent(ref)
        if isinstance(found, KeyedObject):
            if items:
                self._add_items(found, items, optional=optional)
            else:
                for key, data in found.data.items():
                    self._add(key, data, self._mode)
        elif isinstance(found, Unreadable):
            self._fail_to_read(found, optional=optional)
        elif not optional:
            message = f'{ref.kind.lower()} "{ref.name}" not found'
            self.notices.append(Notice(f"Mandatory{ref.kind}NotFound", message))
            self.problems.append(message)

    def add_fields(self, items: Iterable[DownwardAPIVolumeFile]) -> None:
        """Adds fields of the pod and resources of its containers; a file of neither is empty."""
        for item in items:
            try:
                value = self._field(item)
            except ValueError as error:
                self.problems.append(str(error))
            else:
                self._add(item.path, value.encode(errors="surrogateescape"), self._item_mode(item.mode))

    def add_token(self, projection: ServiceAccountTokenProjection, tokens: Mapping[TokenSpec, str]) -> None:
        """Adds a service account token, unless the caller has not asked for it."""
        token = tokens.get(token_spec(projection))
        if token is not None:
            self._add_private(projection.path, token.encode())

    def add_bundle(self, projection: ClusterTrustBundleProjection, bundles: Mapping[BundleSpec, str | None]) -> None:
        """Adds certificates of trust bundles; an optional one that is missing is an empty file."""
        spec = bundle_spec(projection)
        if not spec.name and not spec.signer_name:
            self.problems.append("ClusterTrustBundle projection requires either name or signerName to be set")
            return
        certificates = bundles.get(spec)
        if certificates is None and not projection.optional:
            self.problems.append(
                f'clustertrustbundle "{spec.name}" not found'
                if spec.name
                else "combination of signerName and labelSelector matched zero ClusterTrustBundles"
            )
            return
        self._add_private(projection.path, (certificates or "").encode())

    def check(self) -> None:
        """Notes a path that is both a file and a folder, which no file system can store."""
        if not self._nested:
            return
        folders = {path[:end] for path in self.files for end, letter in enumerate(path) if letter == "/"}
        for path in self.files:
            if path in folders:
                self.problems.append(f"invalid path: must not be both a file and a directory: {path}")

    def _field(self, item: DownwardAPIVolumeFile) -> str:
        if item.field_ref is not None:
            return field_value(item.field_ref.field_path, self._facts, volume=True)
        if item.resource_field_ref is not None:
            return resource_value(item.resource_field_ref, self._facts, item.resource_field_ref.container_name)
        return ""

    def _add_items(self, found: KeyedObject, items: tuple[KeyToPath, ...], *, optional: bool) -> None:
        for item in items:
            data = found.data.get(item.key)
            if data is not None:
                self._add(item.path, data, self._item_mode(item.mode))
            elif not optional:
                kind, name = found.ref.kind, found.ref.name
                message = f'key "{item.key}" does not exist in {kind.lower()} "{name}"'
                self.notices.append(Notice(f"Mandatory{kind}KeyNotFound", message))
                self.problems.append(_NO_KEY[kind].format(item.key))
                return

    def _add_private(self, path: str, data: bytes) -> None:
        """What only the pod's user or group should read, if it is known who that is (as kubelet narrows tokens)."""
        user_id = owner_of(self._facts.pod)
        narrow = user_id is not None or self._extra_mode
        self._add(path, data, PRIVATE_MODE | self._extra_mode if narrow else self._mode, user_id)

    def _add(self, path: str, data: bytes, mode: int, user_id: int | None = None) -> None:
        try:
            cleaned = clean_path(path)
        except ValueError as error:
            self.problems.append(str(error))
            return
        if "/" in cleaned:
            self._nested = True
        self.files[cleaned] = VolumeFile(data, mode, user_id)

    def _item_mode(self, mode: int | None) -> int:
        return self._mode if mode is None else self._mode_of(mode)

    def _mode_of(self, mode: int) -> int:
        return mode & _PERMISSIONS | self._extra_mode

    def _fail_to_read(self, found: Unreadable, *, optional: bool) -> None:
        """Optional means that it may not exist; what exists and cannot be read would otherwise be left out silently."""
        ref = found.ref
        message = f'failed to read {ref.kind.lower()} "{ref.name}": {found.message}'
        self.notices.append(Notice(f"FailedToRead{'Optional' if optional else 'Mandatory'}{ref.kind}", message))
        self.problems.append(message)
