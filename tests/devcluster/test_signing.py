"""Certificate signing requests: asked for by nodes, approved by the user, signed by the cluster."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.devcluster.client import JSON, TABLE, Answer, Client

CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
KEY = ec.generate_private_key(ec.SECP256R1())
APPROVED = {"type": "Approved", "status": "True", "reason": "KubectlApprove"}


def pem(*, organization: str = "system:nodes", name: str = "system:node:n", **names: Any) -> str:
    """The PKCS#10 part, base64 of PEM; `names` are the subject's alternatives."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    alternatives = names.get("alternatives", [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    signed = builder.sign(KEY, hashes.SHA256())
    return base64.b64encode(signed.public_bytes(serialization.Encoding.PEM)).decode()


def request(body: str | None = None, **spec: Any) -> JSON:
    return {
        "metadata": {"name": "csr-1"},
        "spec": {
            "request": pem() if body is None else body,
            "signerName": "kubernetes.io/kubelet-serving",
            "usages": ["digital signature", "server auth"],
            **spec,
        },
    }


async def decide(client: Client, *conditions: JSON) -> Answer:
    found = (await client.get(f"{CSRS}/csr-1")).body
    found["status"] = {"conditions": list(conditions)}
    return await client.put(f"{CSRS}/csr-1/approval", found)


async def signed(client: Client) -> JSON:
    """The status, once there is a certificate or it has failed."""

    def is_finished() -> bool:
        (found,) = client.cluster.objects("certificatesigningrequests")
        kinds = {condition["type"] for condition in found["status"].get("conditions", ())}
        return "certificate" in found["status"] or "Failed" in kinds

    await client.until(is_finished)
    status: JSON = (await client.get(f"{CSRS}/csr-1")).body["status"]
    return status


async def test_what_is_approved_is_signed_by_the_clusters_authority(client: Client) -> None:
    created = await client.post(CSRS, request(expirationSeconds=900))
    assert created.code == 201, created.body
    assert created.body["spec"]["username"] == "kubernetes-admin"
    assert not created.body.get("status")
    assert (await decide(client, APPROVED)).code == 200
    status = await signed(client)
    certificate = x509.load_pem_x509_certificate(base64.b64decode(status["certificate"]))
    authority = x509.load_pem_x509_certificate(client.cluster.certificate_authority.encode())
    certificate.verify_directly_issued_by(authority)
    assert certificate.public_key() == KEY.public_key()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(found.value) for found in names] == ["127.0.0.1"]
    left = certificate.not_valid_after_utc - dt.datetime.now(dt.UTC)
    assert dt.timedelta(minutes=14) < left <= dt.timedelta(minutes=15)
    (row,) = (await client.get(CSRS, accept=TABLE)).body["rows"]
    assert row["cells"][2:] == ["kubernetes.io/kubelet-serving", "kubernetes-admin", "15m", "Approved,Issued"]


async def test_nobody_can_say_by_themselves_who_asks(client: Client) -> None:
    claimed = request(username="system:node:n", uid="u", groups=["system:nodes"], extra={"a": ["b"]})
    spec = (await client.post(CSRS, claimed)).body["spec"]
    assert (spec["username"], spec["groups"]) == ("kubernetes-admin", ["system:masters", "system:authenticated"])
    assert not {"uid", "extra"} & set(spec)


async def test_nothing_is_signed_unasked(client: Client) -> None:
    await client.post(CSRS, request())
    await decide(client, {**APPROVED, "type": "Denied"})
    await client.post(CSRS, {**request(signerName="example.com/other"), "metadata": {"name": "csr-2"}})
    found = (await client.get(CSRS)).body["items"]
    assert all("certificate" not in item.get("status", {}) for item in found)
    answer = await decide(client, APPROVED)
    assert (answer.code, answer.fields) == (422, ["status.conditions"])


@pytest.mark.parametrize(
    ("made", "why"),
    [
        pytest.param(request(pem(organization="people")), "subject organization is not system:nodes", id="group"),
        pytest.param(request(pem(name="n")), "subject common name does not begin with system:node:", id="name"),
        pytest.param(request(pem(alternatives=[])), "DNS or IP subjectAltName is required", id="no names"),
        pytest.param(
            request(pem(alternatives=[x509.RFC822Name("a@b")])),
            "only DNS and IP subjectAltNames are allowed",
            id="mail address",
        ),
        pytest.param(request(usages=["client auth"]), "usages did not match", id="usages"),
    ],
)
async def test_what_the_signer_does_not_sign_fails_with_its_reason(client: Client, made: JSON, why: str) -> None:
    assert (await client.post(CSRS, made)).code == 201
    await decide(client, APPROVED)
    failed = (await signed(client))["conditions"][-1]
    assert (failed["type"], failed["reason"], failed["message"]) == ("Failed", "SignerValidationFailure", why)


@pytest.mark.parametrize(
    ("made", "field"),
    [
        (request("bm90IFBFTQ=="), "spec.request"),
        (request("?"), "spec.request"),
        (request(usages=[]), "spec.usages"),
        (request(signerName=""), "spec.signerName"),
        (request(signerName="nobody"), "spec.signerName"),
        (request(expirationSeconds=599), "spec.expirationSeconds"),
    ],
)
async def test_a_request_that_cannot_be_is_refused(client: Client, made: JSON, field: str) -> None:
    answer = await client.post(CSRS, made)
    assert (answer.code, answer.fields) == (422, [field])
