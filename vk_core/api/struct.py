"""The base of every Kubernetes object type.

Objects are immutable trees: `frozen` makes them safe to share between cache, controllers and providers, and `gc=False`
with tuples for lists keeps ten thousand pods invisible to the garbage collector. Fields that are not declared are
dropped on decoding, so an object that was read must never be written back whole: writes are creates and patches.
"""

from __future__ import annotations

from typing import dataclass_transform

import msgspec

ACRONYMS = {
    "api": "API",
    "cidr": "CIDR",
    "cidrs": "CIDRs",
    "fqdn": "FQDN",
    "id": "ID",
    "io": "IO",
    "ip": "IP",
    "ipc": "IPC",
    "ips": "IPs",
    "pid": "PID",
    "uri": "URI",
    "uuid": "UUID",
    "wwns": "WWNs",
}
"""Words that Kubernetes writes in capitals when they are not the first word of a field name."""


def json_name(attribute: str) -> str:
    """The field name of the Kubernetes API for an attribute: `pod_ip` becomes `podIP`, `dns_policy` `dnsPolicy`."""
    first, *rest = attribute.rstrip("_").split("_")
    return first + "".join(ACRONYMS.get(word, word.capitalize()) for word in rest)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class StructMeta(msgspec.StructMeta):
    """Tells type checkers that the options of `Struct` hold for its subclasses as well."""


class Struct(
    msgspec.Struct, metaclass=StructMeta, frozen=True, gc=False, kw_only=True, rename=json_name, omit_defaults=True
):
    """A Kubernetes API object or a part of one; change it with `msgspec.structs.replace`."""
