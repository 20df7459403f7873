"""Certificates that the cluster signs: asked for as signers demand, kept, renewed, and what is told if nobody does."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.support.authority import Authority, sign
from tests.support.cluster import FakeCluster
from vk_core.aio.backoff import Backoff
from vk_core.api.node import NodeAddress
from vk_core.errors import UsageError
from vk_core.kubelet.certificates import clusterauthority, rotation
from vk_core.kubelet.certificates.clusterauthority import ClusterAuthority
from vk_core.kubelet.certificates.keypair import KeyPair, Subject
from vk_core.kubelet.certificates.rotation import CLIENT, SERVING, NotSignedError, Rotation, Signer
from vk_core.kubelet.certificates.store import PairFile
from vk_core.kubelet.certificates.tls import Authorities

CSRS = "certificatesigningrequests"
QUICK = Backoff(first_seconds=0.01, limit_seconds=0.02)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "ASK_AGAIN", QUICK)
    monkeypatch.setattr(rotation, "RETRY", QUICK)
    monkeypatch.setattr(rotation, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(clusterauthority, "FORBIDDEN_SECONDS", 0.01)
    monkeypatch.setattr(clusterauthority, "RETRY_SECONDS", 0.01)


class Node:
    """A node that asks for certificates, and a cluster that signs them or not.

    Attributes:
        used: the certificates that were used, in order.
        life: of the next certificate.
        approving: whether the next request is signed at once.
    """

    def __init__(self, folder: Path, signer: Signer = SERVING) -> None:
        self.cluster = FakeCluster()
        self.authority = Authority()
        self.used: list[KeyPair] = []
        self.life = dt.timedelta(days=1)
        self.addresses = ["10.0.0.1"]
        self.file = PairFile(folder / "current.pem")
        self.signer = signer
        self.rotation = self.restarted()

    def restarted(self) -> Rotation:
        return Rotation(lambda: self.cluster.client, self.signer, self.subject, self.file, self.used.append)

    def subject(self) -> Subject:
        return Subject("node-1", tuple(NodeAddress(type="InternalIP", address=it) for it in self.addresses))

    def requests(self) -> list[dict[str, Any]]:
        return self.cluster.all(CSRS)

    def sign(self, request: dict[str, Any]) -> None:
        asked = x509.load_pem_x509_csr(base64.b64decode(request["spec"]["request"]))
        assert asked.is_signature_valid
        certificate = sign_request(asked, self.authority, self.life)
        self.condition(request, "Approved", certificate=base64.b64encode(certificate).decode())

    def condition(self, request: dict[str, Any], kind: str, **more: Any) -> None:
        status = {"conditions": [{"type": kind, "status": "True", "message": "because"}], **more}
        self.cluster.edit(CSRS, "", request["metadata"]["name"], {"status": status})

    async def next_request(self, count: int) -> dict[str, Any]:
        await self.cluster.until(lambda: len(self.requests()) >= count, within=5)
        return self.requests()[count - 1]

    async def used_up_to(self, count: int) -> None:
        await self.cluster.until(lambda: len(self.used) >= count, within=5)


def sign_request(asked: x509.CertificateSigningRequest, by: Authority, life: dt.timedelta) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=by.certificate.subject,
        subject_name=asked.subject,
        public_key=asked.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - dt.timedelta(minutes=5),
        not_valid_after=now + life,
    )
    for extension in asked.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(by.key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    found = Node(tmp_path)
    task = asyncio.create_task(found.rotation.follow())
    yield found
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_serving_certificate_is_asked_for_as_its_signer_demands(node: Node) -> None:
    request = await node.next_request(1)
    assert request["spec"]["signerName"] == "kubernetes.io/kubelet-serving"
    assert request["spec"]["usages"] == ["digital signature", "server auth"]
    asked = x509.load_pem_x509_csr(base64.b64decode(request["spec"]["request"]))
    assert asked.subject.rfc4514_string() == "CN=system:node:node-1,O=system:nodes"
    (extension,) = asked.extensions
    assert isinstance(extension.value, x509.SubjectAlternativeName)
    assert [str(name.value) for name in extension.value] == ["10.0.0.1"]
    node.sign(request)
    await node.used_up_to(1)
    assert node.used[0].suits(node.subject())
    assert node.file.path.stat().st_mode & 0o777 == 0o600


async def test_a_client_certificate_names_the_node_and_no_address(tmp_path: Path) -> None:
    found = Node(tmp_path, CLIENT)
    found.addresses = []
    task = asyncio.create_task(found.rotation.first())
    request = await found.next_request(1)
    assert request["spec"]["signerName"] == "kubernetes.io/kube-apiserver-client-kubelet"
    assert request["spec"]["usages"] == ["digital signature", "client auth"]
    assert not list(x509.load_pem_x509_csr(base64.b64decode(request["spec"]["request"])).extensions)
    found.sign(request)
    await task


async def test_it_is_renewed_when_most_of_its_life_is_over(node: Node) -> None:
    node.life = dt.timedelta(seconds=3)
    began = asyncio.get_running_loop().time()
    node.sign(await node.next_request(1))
    node.sign(await node.next_request(2))
    # Its life began with the whole second before it was signed.
    assert 1.0 < asyncio.get_running_loop().time() - began < 3.0, "at 70 to 90 % of its life"
    await node.used_up_to(2)
    assert node.used[0].key is not node.used[1].key


async def test_other_addresses_need_another_certificate_at_once(node: Node) -> None:
    node.sign(await node.next_request(1))
    await node.used_up_to(1)
    node.addresses = ["10.0.0.2"]
    node.sign(await node.next_request(2))
    await node.used_up_to(2)
    assert node.used[1].suits(node.subject())


async def test_what_is_kept_is_used_after_a_restart_while_it_will_do(node: Node) -> None:
    node.sign(await node.next_request(1))
    await node.used_up_to(1)
    assert await node.restarted().start()
    assert node.used[1].certificate == node.used[0].certificate
    node.addresses = ["10.0.0.2"]
    assert not await node.restarted().start()
    node.addresses = ["10.0.0.1"]
    node.file.path.write_text("spoilt")
    assert not await node.restarted().start()


@pytest.mark.parametrize("kind", ["Denied", "Failed"])
async def test_a_request_that_is_refused_is_told_and_made_again(
    node: Node, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    refused = await node.next_request(1)
    node.condition(refused, kind)
    node.sign(await node.next_request(2))
    await node.used_up_to(1)
    name = refused["metadata"]["name"]
    assert f"was not signed: CertificateSigningRequest {name} is {kind}: because; next try in" in caplog.text


async def test_a_request_that_nobody_approves_is_told_once_with_the_command_that_does(
    node: Node, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "SAY_PENDING_SECONDS", 0.02)
    monkeypatch.setattr(rotation, "PENDING_SECONDS", 0.2)
    request = await node.next_request(1)
    node.sign(await node.next_request(3))
    await node.used_up_to(1)
    assert caplog.text.count("waits for approval") == 1
    assert f"kubectl certificate approve {request['metadata']['name']}" in caplog.text
    assert "nobody approved CertificateSigningRequest" in caplog.text


async def test_a_signer_that_signs_for_another_key_is_not_believed(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    request = await node.next_request(1)
    other = sign("system:node:node-1", Authority().key, node.authority)
    from cryptography.hazmat.primitives.serialization import Encoding

    node.condition(request, "Approved", certificate=base64.b64encode(other.public_bytes(Encoding.PEM)).decode())
    await node.next_request(2)
    assert not node.used
    assert "got another one" in caplog.text


async def test_an_api_server_that_is_away_while_a_request_waits_is_waited_for(node: Node) -> None:
    request = await node.next_request(1)
    node.cluster.down = True
    await asyncio.sleep(0.1)
    node.cluster.down = False
    node.sign(request)
    await node.used_up_to(1)
    assert len(node.requests()) == 1


async def test_a_certificate_that_must_be_kept_and_cannot_is_an_error(tmp_path: Path) -> None:
    found = Node(tmp_path)
    (tmp_path / "file").write_text("")
    found.file = PairFile(tmp_path / "file" / "client.pem")
    strict = Rotation(
        lambda: found.cluster.client, CLIENT, found.subject, found.file, found.used.append, must_keep=True
    )
    task = asyncio.create_task(strict.first())
    found.sign(await found.next_request(1))
    with pytest.raises(UsageError, match=r"--cert-dir: .*: expected a folder to keep the node's client certificate in"):
        await task
    assert issubclass(NotSignedError, Exception)


def config_map(authority: Authority) -> dict[str, Any]:
    return {"data": {"client-ca-file": authority.pem.decode(), "requestheader-client-ca-file": "other"}}


NAME = ("configmaps", "kube-system", "extension-apiserver-authentication")


async def test_the_client_ca_of_the_cluster_is_followed() -> None:
    """B20: a client CA was read once."""
    cluster, found = FakeCluster(), list[Authorities]()
    first, second = Authority("first"), Authority("second")
    cluster.put(*NAME, config_map(first))
    authority = ClusterAuthority(cluster.client, found.append)
    await authority.read()
    assert [it.certificates for it in found] == [(first.certificate,)]
    task = asyncio.create_task(authority.follow())
    await cluster.until(lambda: cluster.requests["watch", "configmaps"], within=5)
    cluster.edit(*NAME, {"data": {"client-ca-file": "spoilt"}})
    cluster.edit(*NAME, config_map(second))
    await cluster.until(lambda: len(found) == 2, within=5)
    assert [it.certificates for it in found] == [(first.certificate,), (second.certificate,)]
    task.cancel()
    await asyncio.wait({task})


async def test_a_client_ca_that_may_not_be_read_is_told_once_with_both_remedies(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    cluster, found = FakeCluster(), list[Authorities]()
    cluster.put(*NAME, config_map(Authority()))
    cluster.fail("get", "configmaps", code=403, reason="Forbidden", times=5)
    authority = ClusterAuthority(cluster.client, found.append)
    await authority.read()
    assert not found
    task = asyncio.create_task(authority.follow())
    await cluster.until(lambda: found, within=5)
    task.cancel()
    await asyncio.wait({task})
    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert 'grant it with the rule {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}' in told
    assert "or give --client-ca-file" in told
