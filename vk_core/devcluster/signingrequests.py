"""Certificate signing requests: what may be asked for, and what the signer of kubelets' serving certificates signs.

Rules: https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeAlias

from cryptography import x509
from cryptography.x509.oid import NameOID

from vk_core.devcluster.statuses import Cause, required, wrong

Object: TypeAlias = dict[str, Any]

_USAGES = ({"digital signature", "server auth"}, {"digital signature", "key encipherment", "server auth"})
_SHORTEST_SECONDS = 600
_REQUESTOR = ("username", "uid", "groups", "extra")


def read_request(text: str) -> x509.CertificateSigningRequest:
    """Reads `spec.request`: base64 of PEM.

    Raises:
        ValueError: it is none, or not signed by its own key.
    """
    try:
        request = x509.load_pem_x509_csr(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise ValueError("PEM block type must be CERTIFICATE REQUEST") from None
    if not request.is_signature_valid:
        raise ValueError("the signature is not of the key in the request")
    return request


def claim_request(object: Object, user: Object) -> None:
    """Writes into a new request who has made it; a client cannot say that itself."""
    spec = {name: value for name, value in object.get("spec", {}).items() if name not in _REQUESTOR}
    object["spec"] = {**spec, **user}
    object["status"] = {}


def request_causes(object: Object) -> list[Cause]:
    """Returns all that is wrong with a request."""
    spec: Object = object.get("spec", {})
    causes: list[Cause] = []
    try:
        read_request(spec.get("request", ""))
    except ValueError as error:
        causes.append(wrong("spec.request", spec.get("request", ""), str(error)))
    if not spec.get("usages"):
        causes.append(required("spec.usages"))
    domain, slash, name = spec.get("signerName", "").partition("/")
    if not spec.get("signerName"):
        causes.append(required("spec.signerName"))
    elif not (domain and slash and name):
        hint = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        causes.append(wrong("spec.signerName", spec["signerName"], hint))
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _SHORTEST_SECONDS:
        hint = f"may not specify a duration less than {_SHORTEST_SECONDS} seconds (10 minutes)"
        causes.append(wrong("spec.expirationSeconds", seconds, hint))
    return causes


def serving_problem(request: x509.CertificateSigningRequest, usages: set[str]) -> str:
    """Why the signer of serving certificates does not sign a request; empty if it does."""
    organizations = [found.value for found in request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    names = [str(found.value) for found in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if organizations != ["system:nodes"]:
        return "subject organization is not system:nodes"
    if len(names) != 1 or not names[0].startswith("system:node:"):
        return "subject common name does not begin with system:node:"
    if usages not in _USAGES:
        return "usages did not match"
    try:
        alternatives = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "DNS or IP subjectAltName is required"
    if any(not isinstance(name, x509.DNSName | x509.IPAddress) for name in alternatives):
        return "only DNS and IP subjectAltNames are allowed"
    return ""
