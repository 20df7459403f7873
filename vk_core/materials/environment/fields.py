"""Fields of a pod for the downward API (`fieldRef`), in environment variables and in volumes.

Which paths there are follows the validation of the API server; what they say follows kubelet. Containers' resources are
in `resources`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from vk_core.materials.objects import PodFacts


class AddressUnknown(Exception):
    """The field is an address that is not known yet; ask again when it is."""


_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LONGEST_NAME = 63
_LONGEST_PREFIX = 253
_SUBSCRIPTED = ("metadata.labels", "metadata.annotations")


def field_value(field_path: str, facts: PodFacts, *, volume: bool = False) -> str:
    """The value of a field as text.

    Args:
        field_path: the path, such as `metadata.labels['app']` or `status.podIP`.
        facts: the pod and its addresses.
        volume: whether it is for a downward API volume, which has whole `metadata.labels` and `metadata.annotations`,
            but neither addresses nor the specification.

    Returns:
        The value, empty for a label or annotation that is not there. Maps are lines `key="value"`, sorted, with the
        values escaped as Go's `%q` does.

    Raises:
        AddressUnknown: it is an address that nobody has told yet.
        ValueError: there is no such field for this use; the message names the path.
    """
    value = _METADATA.get(field_path) or (_MAPS if volume else _POD).get(field_path)
    if value is not None:
        return value(facts)
    holder, key = _subscript(field_path, volume=volume)
    metadata = facts.pod.metadata
    return (metadata.labels if holder == "metadata.labels" else metadata.annotations).get(key, "")


def quote(text: str) -> str:
    """A text in double quotes with Go's escapes (`strconv.Quote`)."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(map(_escaped, text)) + '"'


_ESCAPES = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    '"': r"\"",
    "\\": r"\\",
}


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:  # noqa: PLR2004 - the end of ASCII
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 - the end of the basic plane


def _map_text(entries: Mapping[str, str]) -> str:
    return "\n".join(f"{key}={quote(entries[key])}" for key in sorted(entries))


def _addresses_of_pod(facts: PodFacts) -> Sequence[str]:
    """The pod's addresses, which for a pod in the network of its node are those of the node."""
    addresses = facts.pod_ips or (facts.host_ips if facts.pod.spec.host_network else ())
    return _known(addresses, "pod")


def _addresses_of_host(facts: PodFacts) -> Sequence[str]:
    return _known(facts.host_ips, "node")


def _known(addresses: Sequence[str], owner: str) -> Sequence[str]:
    if not addresses:
        raise AddressUnknown(f"the address of the {owner} is not known yet")
    return addresses


@lru_cache(maxsize=4096)
def _subscript(field_path: str, *, volume: bool) -> tuple[str, str]:
    """Splits `metadata.labels['key']` into the map and the key."""
    holder, bracket, rest = field_path.partition("['")
    if not (bracket and holder and rest.endswith("']")):
        raise ValueError(_unsupported(field_path, volume=volume))
    if holder not in _SUBSCRIPTED:
        raise ValueError(f"field path {quote(field_path)} does not support a subscript")
    key = rest.removesuffix("']")
    # the keys of annotations may have capitals in their prefix
    if not _is_qualified_name(key.lower() if holder == "metadata.annotations" else key):
        raise ValueError(f"invalid key subscript in {quote(field_path)}: expected the key of a label or annotation")
    return holder, key


def _unsupported(field_path: str, *, volume: bool) -> str:
    use = "a downward API volume" if volume else "an environment variable"
    return f"unsupported field path {quote(field_path)} for {use}"


def _is_qualified_name(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        return False
    return not slash or (len(prefix) <= _LONGEST_PREFIX and all(map(_DNS_LABEL.fullmatch, prefix.split("."))))


Field = Callable[[PodFacts], str]

_METADATA: dict[str, Field] = {
    "metadata.name": lambda facts: facts.pod.metadata.name,
    "metadata.namespace": lambda facts: facts.pod.metadata.namespace,
    "metadata.uid": lambda facts: facts.pod.metadata.uid,
}
_MAPS: dict[str, Field] = {
    "metadata.labels": lambda facts: _map_text(facts.pod.metadata.labels),
    "metadata.annotations": lambda facts: _map_text(facts.pod.metadata.annotations),
}
_POD: dict[str, Field] = {
    "spec.nodeName": lambda facts: facts.pod.spec.node_name,
    "spec.host": lambda facts: facts.pod.spec.node_name,  # its name in objects of old clients
    "spec.serviceAccountName": lambda facts: facts.pod.spec.service_account_name,
    "status.hostIP": lambda facts: _addresses_of_host(facts)[0],
    "status.hostIPs": lambda facts: ",".join(_addresses_of_host(facts)),
    "status.podIP": lambda facts: _addresses_of_pod(facts)[0],
    "status.podIPs": lambda facts: ",".join(_addresses_of_pod(facts)),
}
