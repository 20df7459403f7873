"""Which registry credentials a pod's image pull secrets hold, and which of them are for an image.

The rules are kubelet's: hosts may contain wildcards per label, ports must be equal, paths are prefixes, and Docker Hub
has its old name. Values appear in no message.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

import msgspec

from vk_core.api.pod import Pod
from vk_core.materials.objects import Absent, KeyedObject, Lookup, Notice, Ref, Unreadable
from vk_core.provider.materials import RegistryCredential

_CONFIG_JSON = ("kubernetes.io/dockerconfigjson", ".dockerconfigjson")
_CONFIG = ("kubernetes.io/dockercfg", ".dockercfg")
_HUB = "docker.io"
_HUB_IN_SECRETS = "index.docker.io"


class _Entry(msgspec.Struct, frozen=True):
    username: str | None = None
    password: str | None = None
    auth: str | None = None
    identitytoken: str | None = None


_Entries = dict[str, _Entry | None] | None


class _DockerConfig(msgspec.Struct, frozen=True):
    auths: _Entries = None


_CONFIG_JSON_DECODER = msgspec.json.Decoder(_DockerConfig)
_CONFIG_DECODER: msgspec.json.Decoder[_Entries] = msgspec.json.Decoder(_Entries)


class _Place(NamedTuple):
    """Where an image is, or what a credential is for."""

    labels: tuple[str, ...]
    port: str
    path: str


def credentials_of(secret: KeyedObject) -> tuple[RegistryCredential, ...]:
    """Returns what an image pull secret holds, in its order; nothing for a secret of another type, as in kubelet.

    Raises:
        ValueError: it is not the JSON document that its type promises; the message contains nothing of it.
    """
    for kind, key in (_CONFIG_JSON, _CONFIG):
        if secret.type == kind and secret.data.get(key):
            entries = _entries(secret, key)
            return tuple(_credential(secret, key, registry, entry or _Entry()) for registry, entry in entries.items())
    return ()


def pull_credentials(pod: Pod, lookup: Lookup, image: str) -> tuple[tuple[RegistryCredential, ...], tuple[Notice, ...]]:
    """Returns what to try when pulling an image for a pod, and a warning if some of its secrets are of no use.

    Missing ones are no error: the image may be public. A secret that cannot be parsed is left out like one that is not
    there.
    """
    credentials: list[RegistryCredential] = []
    failed: list[str] = []
    for name in dict.fromkeys(secret.name for secret in pod.spec.image_pull_secrets if secret.name):
        found = lookup(Ref("Secret", pod.metadata.namespace, name))
        held = _held(found)
        if held is None:
            failed.append(name)
        else:
            credentials.extend(held)
    notices = (_failed(failed),) if failed else ()
    return matching(credentials, image), notices


def matching(credentials: Iterable[RegistryCredential], image: str) -> tuple[RegistryCredential, ...]:
    """Returns the credentials for an image, the most specific first; of equally specific ones the given order holds.

    Those of Docker Hub under its old name (`https://index.docker.io/v1/`, what `docker login` writes) count only if
    there are no others.
    """
    target = _image_place(image)
    keyed = [(_key(credential.registry), credential) for credential in credentials]
    found = [(key, credential) for key, credential in keyed if _covers(_place(key), target)]
    if not found and target.labels == tuple(_HUB.split(".")):
        found = [(key, credential) for key, credential in keyed if key == _HUB_IN_SECRETS]
    found.sort(key=lambda each: each[0], reverse=True)
    return tuple(credential for _, credential in found)


def _held(found: KeyedObject | Absent | Unreadable) -> tuple[RegistryCredential, ...] | None:
    if not isinstance(found, KeyedObject):
        return None
    try:
        return credentials_of(found)
    except ValueError:
        return None


def _entries(secret: KeyedObject, key: str) -> dict[str, _Entry | None]:
    data = secret.data[key]
    try:
        if key == _CONFIG_JSON[1]:
            return _CONFIG_JSON_DECODER.decode(data).auths or {}
        return _CONFIG_DECODER.decode(data) or {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError(f'secret "{secret.ref.name}": {key} is not a Docker configuration in JSON') from None


def _credential(secret: KeyedObject, key: str, registry: str, entry: _Entry) -> RegistryCredential:
    place = registry.rpartition("@")[2]  # a user in front of the host is of no use and would be shown
    token = entry.identitytoken or ""
    if not entry.auth:
        return RegistryCredential(place, entry.username or "", entry.password or "", token)
    try:
        username, password = _decoded(entry.auth)
    except ValueError:
        message = f'secret "{secret.ref.name}": an auth field of {key} is not "username:password" in base64'
        raise ValueError(message) from None
    return RegistryCredential(place, username, password, token)


def _decoded(auth: str) -> tuple[str, str]:
    """Splits `auth`, which may come with padding or without."""
    encoded = auth.strip().replace("\r", "").replace("\n", "")
    padding = "" if encoded.endswith("=") else "=" * (-len(encoded) % 4)
    try:
        text = base64.b64decode(encoded + padding, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("not base64") from error
    username, colon, password = text.partition(":")
    if not colon:
        raise ValueError("no colon")
    return username, password


def _failed(names: list[str]) -> Notice:
    return Notice(
        "FailedToRetrieveImagePullSecret",
        f"Unable to retrieve some image pull secrets ({', '.join(sorted(names))}); "
        "attempting to pull the image may not succeed.",
    )


@lru_cache(maxsize=1024)
def _key(registry: str) -> str:
    """What a secret's registry stands for: host with port, and the path unless it is that of the registry's API."""
    rest = registry.removeprefix("https://").removeprefix("http://")
    host, slash, path = rest.partition("?")[0].partition("#")[0].partition("/")
    path = slash + path
    if path.startswith(("/v1/", "/v2/")):
        path = path[len("/v1") :]
    return host + ("" if path == "/" else path)


def _place(key: str) -> _Place:
    authority, slash, path = key.partition("/")
    host, colon, port = authority.rpartition(":")
    if not colon:
        host, port = authority, ""
    return _Place(tuple(host.split(".")), port, slash + path)


@lru_cache(maxsize=1024)
def _image_place(image: str) -> _Place:
    """Where an image is, with the defaults of container runtimes: `nginx` is `docker.io/library/nginx`."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    name = head + slash + last.partition(":")[0]
    host, slash, path = name.partition("/")
    if not slash or not (host == "localhost" or "." in host or ":" in host or host != host.lower()):
        host, path = _HUB, name
    if host in {_HUB, _HUB_IN_SECRETS}:
        host = _HUB
        path = path if "/" in path else f"library/{path}"
    return _place(f"{host}/{path}")


def _covers(given: _Place, target: _Place) -> bool:
    return (
        given.port == target.port
        and len(given.labels) == len(target.labels)
        and target.path.startswith(given.path)
        and all(_label_matches(glob, label) for glob, label in zip(given.labels, target.labels, strict=True))
    )


def _label_matches(glob: str, label: str) -> bool:
    """Wildcards as in Go's `filepath.Match`, which negates a class with `^`."""
    return glob == label or fnmatchcase(label, glob.replace("[^", "[!"))
