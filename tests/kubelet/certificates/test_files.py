"""Certificates in files: bad ones end a start with a line that names them, and change nothing later."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.authority import Authority
from vk_core.api.node import NodeAddress
from vk_core.errors import UsageError
from vk_core.kubelet.certificates import files
from vk_core.kubelet.certificates.files import AuthorityFile, GivenPair
from vk_core.kubelet.certificates.keypair import KeyPair, Subject
from vk_core.kubelet.certificates.selfsigned import SelfSigned, good
from vk_core.kubelet.certificates.store import PairFile
from vk_core.kubelet.certificates.tls import Authorities

ADDRESSES = (NodeAddress(type="InternalIP", address="10.0.0.1"), NodeAddress(type="Hostname", address="node-1"))
NODE = Subject("node-1", ADDRESSES)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOOK_SECONDS", 0.01)


@pytest.fixture
def given(tmp_path: Path) -> GivenPair:
    write(tmp_path, NODE.self_signed())
    return GivenPair(tmp_path / "tls.crt", tmp_path / "tls.key")


def write(folder: Path, pair: KeyPair) -> None:
    write_certificate(folder, pair)
    write_key(folder, pair)


def write_certificate(folder: Path, pair: KeyPair) -> None:
    pem = b"".join(it.public_bytes(serialization.Encoding.PEM) for it in pair.chain)
    (folder / "tls.crt").write_bytes(pem)


def write_key(folder: Path, pair: KeyPair) -> None:
    (folder / "tls.key").write_bytes(key_pem(pair))


def key_pem(pair: KeyPair, encryption: serialization.KeySerializationEncryption | None = None) -> bytes:
    nothing = serialization.NoEncryption()
    return pair.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption or nothing)


@contextlib.asynccontextmanager
async def followed(follow: Callable[..., Awaitable[None]]) -> AsyncIterator[asyncio.Queue[object]]:
    found: asyncio.Queue[object] = asyncio.Queue()
    task = asyncio.ensure_future(follow(found.put_nowait))
    try:
        async with asyncio.timeout(5):
            yield found
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ("no certificate", "--tls-cert-file: {folder}/tls.crt: expected a file that can be read: No such file"),
        ("no key", "--tls-private-key-file: {folder}/tls.key: expected a file that can be read: No such file"),
        ("spoilt certificate", "--tls-cert-file: {folder}/tls.crt: expected a certificate in PEM"),
        ("spoilt key", "--tls-private-key-file: {folder}/tls.key: expected a private key in PEM"),
        ("key with a password", "--tls-private-key-file: {folder}/tls.key: expected a private key without a password"),
        ("another key", "--tls-private-key-file: {folder}/tls.key: expected the private key of the certificate"),
    ],
)
def test_a_bad_pair_is_a_line_that_names_flag_and_file(
    given: GivenPair, trouble: str, told: str, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    match trouble:
        case "no certificate":
            certificate.unlink()
        case "no key":
            key.unlink()
        case "spoilt certificate":
            certificate.write_bytes(certificate.read_bytes()[:100])
        case "spoilt key":
            key.write_text("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n")
        case "key with a password":
            key.write_bytes(key_pem(NODE.self_signed(), serialization.BestAvailableEncryption(b"x")))
        case _:
            write_key(tmp_path, NODE.self_signed())
    with pytest.raises(UsageError) as caught:
        given.load()
    assert str(caught.value).startswith(told.format(folder=tmp_path))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_pair_may_be_rsa_have_a_chain_and_be_in_one_file(tmp_path: Path) -> None:
    between = Authority("between", Authority())
    pair = between.client("node")
    (tmp_path / "both.pem").write_bytes(pair.pem)
    loaded = GivenPair(tmp_path / "both.pem", tmp_path / "both.pem").load()
    assert loaded.chain == pair.chain
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    with pytest.raises(ValueError, match="got another one"):
        KeyPair.parse(pair.pem, pem)


async def test_a_new_pair_is_used_and_a_bad_one_is_told_once_and_changes_nothing(
    given: GivenPair, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """B20: certificates in files were read once."""
    caplog.set_level(logging.INFO)
    given.load()
    second = NODE.self_signed()
    async with followed(given.follow) as found:
        write_certificate(tmp_path, second)  # the key comes later
        await asyncio.sleep(0.2)
        assert "stays as it was" in caplog.text
        assert found.empty()
        write_key(tmp_path, second)
        loaded = await found.get()
        assert isinstance(loaded, KeyPair)
        assert loaded.certificate == second.certificate
        await asyncio.sleep(0.05)
        assert found.empty()
    assert caplog.text.count("expected the private key of the certificate, got another one; ") == 1
    assert caplog.text.count("was read again") == 1


async def test_a_new_client_ca_is_used(tmp_path: Path) -> None:
    """B20: the client CA was read once."""
    first, second = Authority("first"), Authority("second")
    path = tmp_path / "ca.crt"
    path.write_bytes(first.pem)
    file = AuthorityFile(path)
    assert file.load().certificates == (first.certificate,)
    async with followed(file.follow) as found:
        path.write_bytes(first.pem + second.pem)
        loaded = await found.get()
        assert isinstance(loaded, Authorities)
        assert loaded.certificates == (first.certificate, second.certificate)


def test_a_client_ca_that_is_none_is_a_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("nothing")
    with pytest.raises(UsageError, match=r"--client-ca-file: .*ca\.crt: expected one or more certificates in PEM"):
        AuthorityFile(tmp_path / "ca.crt").load()


async def test_a_self_signed_certificate_is_for_all_addresses_kept_and_only_its_owners(tmp_path: Path) -> None:
    file = PairFile(tmp_path / "pki" / "serving.pem")
    pair = await SelfSigned(lambda: NODE, file, must_keep=True).pair()
    assert pair.certificate.subject.rfc4514_string() == "CN=system:node:node-1,O=system:nodes"
    assert {str(name.value) for name in NODE.alternative_names} == {"10.0.0.1", "node-1"}
    assert pair.suits(NODE)
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    assert [it.name for it in file.path.parent.iterdir()] == ["serving.pem"]
    again = await SelfSigned(lambda: NODE, file, must_keep=True).pair()
    assert again.certificate == pair.certificate, "clients that remember it know it again"
    moved = Subject("node-1", (NodeAddress(type="InternalIP", address="10.0.0.2"),))
    other = await SelfSigned(lambda: moved, file, must_keep=True).pair()
    assert other.suits(moved)
    file.path.write_text("spoilt")
    assert (await SelfSigned(lambda: NODE, file, must_keep=True).pair()).suits(NODE)


async def test_a_folder_that_was_named_must_be_usable_and_another_need_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    file = PairFile(tmp_path / "file" / "pki" / "serving.pem")
    with pytest.raises(UsageError, match=r"--cert-dir: .*: expected a folder to keep certificates in"):
        await SelfSigned(lambda: NODE, file, must_keep=True).pair()
    assert (await SelfSigned(lambda: NODE, file, must_keep=False).pair()).suits(NODE)
    assert "cannot keep the certificate" in caplog.text


def test_a_certificate_is_good_until_most_of_its_life_is_over() -> None:
    pair = NODE.self_signed()
    assert good(pair, NODE, pair.at(0.79))
    assert not good(pair, NODE, pair.at(0.81))
    assert not good(pair, Subject("node-2", ADDRESSES))
