"""Cluster trust bundles are kept, found and refused as by an API server that serves them."""

from __future__ import annotations

import pytest

from tests.devcluster.client import JSON, MERGE, TABLE, Client
from vk_core.devcluster.authority import CertificateAuthority

BUNDLES = "/apis/certificates.k8s.io/v1beta1/clustertrustbundles"
AUTHORITIES = [CertificateAuthority(name) for name in ("one", "two")]
ONE, TWO = (authority.certificate.decode() for authority in AUTHORITIES)
SERVING = AUTHORITIES[0].server("x", ["x"], [])
LEAF, KEY = SERVING.certificate.decode(), SERVING.key.decode()


def bundle(name: str, text: str = ONE, signer: str = "") -> JSON:
    """A trust bundle."""
    spec = {"trustBundle": text, **({"signerName": signer} if signer else {})}
    return {"metadata": {"name": name}, "spec": spec}


async def test_bundles_are_found_by_name_and_signer(client: Client) -> None:
    await client.post(BUNDLES, bundle("plain", f"# first\n{ONE}# second\n{TWO}"))
    answer = await client.post(BUNDLES, bundle("example.com:web:a", ONE, "example.com/web"))
    assert (answer.code, answer.body["spec"]["signerName"]) == (201, "example.com/web")
    for selector, names in (
        ("spec.signerName=example.com/web", ["example.com:web:a"]),
        ("spec.signerName=", ["plain"]),
        ("metadata.name=plain", ["plain"]),
    ):
        found = await client.get(f"{BUNDLES}?fieldSelector={selector}")
        assert found.names == names, selector
    assert (await client.get(f"{BUNDLES}?fieldSelector=spec.other=x")).code == 400
    table = await client.get(BUNDLES, accept=TABLE)
    assert [row["cells"] for row in table.body["rows"]] == [
        ["example.com:web:a", "example.com/web"],
        ["plain", "<none>"],
    ]


async def test_a_bundle_may_change_but_not_its_signer(client: Client) -> None:
    await client.post(BUNDLES, bundle("example.com:web:a", ONE, "example.com/web"))
    path = f"{BUNDLES}/example.com:web:a"
    assert (await client.patch(path, {"spec": {"trustBundle": TWO}}, MERGE)).body["spec"]["trustBundle"] == TWO
    answer = await client.patch(path, {"spec": {"signerName": "example.com/other"}}, MERGE)
    assert answer.code == 422
    assert (await client.delete(path)).code == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (bundle("x", ""), "at least one trust anchor must be provided"),
        ({"metadata": {"name": "x"}}, "at least one trust anchor must be provided"),
        (bundle("x", "hello"), "at least one trust anchor must be provided"),
        (bundle("x", ONE + LEAF), "entry 1 does not have the CA bit set"),
        (bundle("x", KEY), "entry 0 has bad block type: PRIVATE KEY"),
        (bundle("x", ONE + TWO + ONE), "duplicate trust anchor (indices [0 2])"),
        (
            bundle("x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "entry 0 does not parse as X.509",
        ),
        (
            bundle("x", "-----BEGIN CERTIFICATE-----\nA: b\n\nAAAA\n-----END CERTIFICATE-----\n"),
            "entry 0 has PEM block headers",
        ),
    ],
)
async def test_what_is_no_set_of_authorities_is_refused_without_showing_it(
    client: Client, body: JSON, message: str
) -> None:
    answer = await client.post(BUNDLES, body)
    assert (answer.code, answer.fields) == (422, ["spec.trustBundle"])
    assert answer.body["message"].endswith(f': Invalid value: "<value omitted>": {message}')


@pytest.mark.parametrize(
    ("name", "signer", "field", "message"),
    [
        ("a:b", "", "metadata.name", 'ClusterTrustBundle without signer name must not have ":" in its name'),
        (
            "x",
            "example.com/web",
            "metadata.name",
            "ClusterTrustBundle for signerName example.com/web must be named with prefix example.com:web:",
        ),
        ("example.com:web:", "example.com/web", "metadata.name", "RFC 1123 subdomain"),
        ("A_", "", "metadata.name", "RFC 1123 subdomain"),
        ("foo:x", "foo", "spec.signerName", "must be a fully qualified domain and path"),
        ("foo:web:x", "foo/web", "spec.signerName", "should be a domain with at least two segments"),
    ],
)
async def test_names_follow_from_signers(client: Client, name: str, signer: str, field: str, message: str) -> None:
    answer = await client.post(BUNDLES, bundle(name, ONE, signer))
    assert (answer.code, answer.fields) == (422, [field])
    assert message in answer.body["message"]


async def test_a_group_of_two_versions_is_described_once(client: Client) -> None:
    for accept in ("application/json", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"):
        answer = (await client.get("/apis", accept=accept)).body
        groups = answer.get("groups") or [
            {"name": item["metadata"]["name"], "versions": item["versions"]} for item in answer["items"]
        ]
        (versions,) = [group["versions"] for group in groups if group["name"] == "certificates.k8s.io"]
        assert [version["version"] for version in versions] == ["v1", "v1beta1"]
    group = (await client.get("/apis/certificates.k8s.io")).body
    assert group["preferredVersion"]["version"] == "v1"
    listed = (await client.get("/apis/certificates.k8s.io/v1beta1")).body["resources"]
    assert [(found["name"], found["namespaced"]) for found in listed] == [("clustertrustbundles", False)]
