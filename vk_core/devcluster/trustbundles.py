"""Cluster trust bundles (certificates.k8s.io/v1beta1, KEP-3257): certificates that pods may trust, and their names."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from cryptography import x509

from vk_core.devcluster.names import dns_label, dns_subdomain
from vk_core.devcluster.statuses import Cause, wrong

Object: TypeAlias = dict[str, Any]

_BLOCK = re.compile(r"-----BEGIN ([^\n-]*)-----[ \t\r]*\n(.*?)-----END \1-----", re.DOTALL)
_OMITTED = "<value omitted>"
_SEGMENTS = 2


def trust_bundle_causes(bundle: Object) -> list[Cause]:
    """Returns all that is wrong with a bundle, its name included, which depends on its signer: neither can change."""
    spec = bundle.get("spec", {})
    name, signer = bundle["metadata"].get("name", ""), spec.get("signerName", "")
    causes = []
    if name and (problem := bundle_name_problem(name, signer)):
        causes.append(wrong("metadata.name", name, problem))
    if signer:
        causes.extend(signer_causes("spec.signerName", signer))
    hints = _certificate_problems(spec.get("trustBundle", ""))
    return [*causes, *(wrong("spec.trustBundle", _OMITTED, hint) for hint in hints)]


def bundle_name_problem(name: str, signer: str) -> str | None:
    """Checks the name of a bundle, which begins with the name of its signer if it has one."""
    if not signer:
        without = 'ClusterTrustBundle without signer name must not have ":" in its name'
        return without if ":" in name else dns_subdomain(name)
    prefix = signer.replace("/", ":") + ":"
    if not name.startswith(prefix):
        return f"ClusterTrustBundle for signerName {signer} must be named with prefix {prefix}"
    return dns_subdomain(name.removeprefix(prefix))


def signer_causes(path: str, signer: str) -> list[Cause]:
    """Returns what is wrong with the name of a signer, such as `example.com/name`."""
    domain, slash, name = signer.partition("/")
    if not (domain and slash and name):
        hint = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        return [wrong(path, signer, hint)]
    labels = domain.split(".")
    causes = [
        wrong(path, domain, f'validating label "{label}": {problem}')
        for label in labels
        if (problem := dns_label(label))
    ]
    if len(labels) < _SEGMENTS:
        causes.append(wrong(path, domain, "should be a domain with at least two segments separated by dots"))
    causes.extend(
        wrong(path, signer, f'validating label "{part}": {problem}')
        for part in name.split("/")
        if (problem := dns_subdomain(part))
    )
    return causes


def _certificate_problems(text: str) -> Iterator[str]:
    seen: dict[bytes, list[int]] = {}
    entries = 0
    for index, (kind, content) in enumerate(_blocks(text)):
        entries += 1
        problem = _block_problem(kind, content)
        if problem:
            yield f"entry {index} {problem}"
        else:
            seen.setdefault(_decoded(content) or b"", []).append(index)
    for indices in seen.values():
        if len(indices) > 1:
            yield f"duplicate trust anchor (indices [{' '.join(map(str, indices))}])"
    if not entries:
        yield "at least one trust anchor must be provided"


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """The PEM blocks of a text; what is between them, and what looks like one only, does not count."""
    for found in _BLOCK.finditer(text):
        if ":" in found[2] or _decoded(found[2]) is not None:
            yield found[1], found[2]


def _decoded(content: str) -> bytes | None:
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _block_problem(kind: str, content: str) -> str:
    if kind != "CERTIFICATE":
        return f"has bad block type: {kind}"
    if ":" in content:
        return "has PEM block headers"
    try:
        extensions = x509.load_der_x509_certificate(_decoded(content) or b"").extensions
        is_authority = extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_authority = False
    except ValueError:
        return "does not parse as X.509"
    return "" if is_authority else "does not have the CA bit set"
