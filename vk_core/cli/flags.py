"""What the values of flags look like: each function reads one kind of value or says what was expected.

All of them are pure and raise ValueError with a text that completes `--flag: ...`.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Callable, Sequence

from vk_core.api.node import Taint
from vk_core.provider.settings_types import DURATION_EXPECTED, parse_duration

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
DEFAULT_TAINT_KEY = "virtual-kubelet.io/provider"
DEFAULT_TAINT_EFFECT = "NoSchedule"

_DNS_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_DNS_SUBDOMAIN = re.compile(rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*", re.ASCII)
_QUALIFIED = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)
_KUBELET_VERSION = re.compile(
    r"v1\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
_LONGEST_SUBDOMAIN = 253
_LONGEST_LABEL = 63
_HIGHEST_PORT = 65535
_HIGHEST_COUNT = 2**31 - 1


def is_subdomain(text: str) -> bool:
    """Whether a text is a DNS-1123 subdomain, as the names of most objects are."""
    return len(text) <= _LONGEST_SUBDOMAIN and _DNS_SUBDOMAIN.fullmatch(text) is not None


def is_label_key(text: str) -> bool:
    """Whether a text is a qualified name: a name, or `prefix/name` with a DNS subdomain as prefix."""
    prefix, slash, name = text.rpartition("/")
    return (not slash or is_subdomain(prefix)) and _QUALIFIED.fullmatch(name) is not None


def is_label_value(text: str) -> bool:
    """Whether a text can be the value of a label or taint."""
    return not text or _QUALIFIED.fullmatch(text) is not None


def subdomain(text: str) -> str:
    """A node name or a cluster domain."""
    if not is_subdomain(text):
        raise ValueError("expected a DNS name: lower case letters, digits, '-' and '.', such as node-1")
    return text


def namespace(text: str) -> str:
    """The name of a namespace; empty for all."""
    if text and (len(text) > _LONGEST_LABEL or not is_subdomain(text) or "." in text):
        raise ValueError("expected the name of a namespace: lower case letters, digits and '-'")
    return text


def port(text: str) -> int:
    """A TCP port; 0 for any that is free."""
    return whole_number(text, lowest=0, highest=_HIGHEST_PORT)


def positive(text: str) -> int:
    """A count of at least one."""
    return whole_number(text, lowest=1)


def whole_number(text: str, *, lowest: int, highest: int | None = None) -> int:
    """A decimal number within bounds, at most what Kubernetes can count (2**31 - 1)."""
    top = _HIGHEST_COUNT if highest is None else highest
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(top)) and lowest <= int(text) <= top):
        bounds = f"of at least {lowest}" if highest is None else f"from {lowest} to {highest}"
        raise ValueError(f"expected a whole number {bounds}")
    return int(text)


def duration(text: str) -> dt.timedelta:
    """A time span above zero."""
    span = duration_or_zero(text)
    if not span:
        raise ValueError(f"expected {DURATION_EXPECTED}, above zero")
    return span


def duration_or_zero(text: str) -> dt.timedelta:
    """A time span."""
    return parse_duration(text)


def whole_seconds(text: str) -> dt.timedelta:
    """A time span of whole seconds, as the field of a lease has it."""
    span = duration(text)
    if span.microseconds or span >= dt.timedelta(seconds=2**31):
        raise ValueError("expected whole seconds, such as 40s")
    return span


def optional_duration(text: str) -> dt.timedelta | None:
    """A time span; 0 for none."""
    return duration_or_zero(text) or None


def operating_system(text: str) -> str:
    """The operating system, in any case, as its label has it."""
    return one_of("linux", "windows")(text)


def one_of(*choices: str) -> Callable[[str], str]:
    """A parser that takes one of some words, in any case."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"expected {', '.join(choices[:-1])} or {choices[-1]}")
        return text.lower()

    return parse


def ip_address(text: str) -> str:
    """An IPv4 or IPv6 address; empty to have it found."""
    try:
        return str(ipaddress.ip_address(text)) if text else ""
    except ValueError:
        raise ValueError("expected an IP address such as 192.0.2.7") from None


def ip_addresses(texts: Sequence[str]) -> tuple[str, ...]:
    """IP addresses, several of them separated by commas; each once."""
    given = [part.strip() for text in texts for part in text.split(",")]
    if not all(given):
        raise ValueError("expected IP addresses such as 10.96.0.10")
    return tuple(dict.fromkeys(map(ip_address, given)))


def listen_address(text: str) -> str:
    """An IP address of the machine to listen on."""
    if not text:
        raise ValueError("expected an IP address such as 0.0.0.0")
    return ip_address(text)


def host_and_port(text: str) -> str:
    """Where to listen, `IP:PORT`; an IPv6 address in brackets, no address is all of them, empty for nowhere."""
    host, colon, number = text.rpartition(":")
    if not text:
        return ""
    try:
        bare = ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
        if (":" in bare) != host.startswith("[") or not colon:
            raise ValueError
        return f"{f'[{bare}]' if ':' in bare else bare or '0.0.0.0'}:{port(number)}"
    except ValueError:
        raise ValueError("expected IP:PORT, such as 127.0.0.1:10255 or [::1]:10255") from None


def kubelet_version(text: str) -> str:
    """A version as the nodes of a cluster report it."""
    if _KUBELET_VERSION.fullmatch(text) is None:
        raise ValueError("expected a version of Kubernetes such as v1.36.3")
    return text


def labels(texts: Sequence[str]) -> dict[str, str]:
    """Labels, each `KEY=VALUE`, several of them separated by commas."""
    found: dict[str, str] = {}
    for text in (part for given in texts for part in given.split(",")):
        key, equals, value = text.partition("=")
        if not equals or not is_label_key(key) or not is_label_value(value):
            raise ValueError(f"expected KEY=VALUE with the characters of a label, got {text!r}")
        if found.setdefault(key, value) != value:
            raise ValueError(f"label {key} is given twice, as {found[key]!r} and {value!r}")
    return found


def taint(text: str, provider: str) -> Taint:
    """A taint `KEY[=VALUE][:EFFECT]`; the value is the provider's name and the effect NoSchedule unless given."""
    rest, colon, effect = text.partition(":")
    key, equals, value = rest.partition("=")
    return make_taint(key, value if equals else provider, effect if colon else DEFAULT_TAINT_EFFECT)


def make_taint(key: str, value: str, effect: str) -> Taint:
    """A taint of these parts."""
    if not is_label_key(key) or not is_label_value(value):
        raise ValueError("expected KEY[=VALUE][:EFFECT], such as example.com/dedicated=batch:NoSchedule")
    if effect not in EFFECTS:
        raise ValueError(f"expected the effect {', '.join(EFFECTS[:-1])} or {EFFECTS[-1]}")
    return Taint(key=key, value=value, effect=effect)
