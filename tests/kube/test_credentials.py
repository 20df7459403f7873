"""Credentials are looked for in a fixed order, and what is wrong with a kubeconfig is said in one line."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from vk_core.errors import UsageError
from vk_core.kube.credentials import CredentialSource

GOOD = """
apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: test}}]
clusters: [{name: test, cluster: {server: "https://192.0.2.1:6443/"}}]
users: [{name: test, user: {token: secret-token}}]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any credentials."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def write(path: Path, text: str = GOOD) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_flag_comes_before_the_variable_the_default_file_and_the_service_account(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="no cluster to join: give --kubeconfig FILE or set KUBECONFIG"):
        CredentialSource.find(None)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert CredentialSource.find(None) == CredentialSource(None)
    default = write(home / ".kube" / "config")
    assert CredentialSource.find(None) == CredentialSource(default)
    monkeypatch.setenv("KUBECONFIG", "/from/variable")
    assert CredentialSource.find(None) == CredentialSource(Path("/from/variable"))
    assert CredentialSource.find(Path("/from/flag")) == CredentialSource(Path("/from/flag"))


async def test_a_kubeconfig_gives_server_and_token_and_keeps_the_token_out_of_sight(home: Path) -> None:
    credentials = await CredentialSource(write(home / "config")).load()
    assert credentials.server == "https://192.0.2.1:6443"
    assert credentials.authorization == "Bearer secret-token"
    assert isinstance(credentials.tls, ssl.SSLContext)
    assert "secret-token" not in repr(credentials)


async def test_credentials_are_the_same_as_long_as_nothing_in_them_changes(home: Path) -> None:
    path = write(home / "config")
    first, again = [await CredentialSource(path).load() for _ in range(2)]
    write(path, GOOD.replace("secret-token", "another"))
    other = await CredentialSource(path).load()
    assert first.same_as(again)
    assert not first.same_as(other)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a: [", "line 1", id="not YAML"),
        pytest.param("[]", "config", id="a list"),
        pytest.param("", "config", id="empty"),
        pytest.param(GOOD.replace("current-context: test", "current-context: other"), "other", id="no such context"),
        pytest.param(GOOD.replace("[{name: test, cluster:", "[{name: mine, cluster:"), "test", id="no such cluster"),
        pytest.param(
            GOOD.replace('server: "https://192.0.2.1:6443/"', ""), "cluster.server: expected a URL", id="no server"
        ),
        pytest.param(
            GOOD.replace("server:", "certificate-authority: /nowhere/ca.crt, server:"),
            "/nowhere/ca.crt",
            id="no CA file",
        ),
        pytest.param(
            GOOD.replace("server:", "certificate-authority-data: bm90IFBFTQ==, server:"), "certificate", id="no PEM"
        ),
        pytest.param(
            GOOD.replace("token: secret-token", "client-certificate: /nowhere/c, client-key: /nowhere/k"),
            "/nowhere/",
            id="no client certificate",
        ),
        pytest.param(
            GOOD.replace("https", "http").replace("token: secret-token", "client-certificate: /nowhere/c, token: t"),
            "",
            id="no client certificate, not needed",
        ),
    ],
)
async def test_a_bad_kubeconfig_is_named_with_what_is_wrong_in_one_line(home: Path, text: str, said: str) -> None:
    path = write(home / "config", text)
    try:
        await CredentialSource(path).load()
    except UsageError as error:
        assert str(path) in str(error)
        assert said in str(error)
        assert "\n" not in str(error)
        assert error.exit_status == 2
    else:
        assert said == ""


async def test_a_kubeconfig_that_cannot_be_read_says_why(home: Path) -> None:
    with pytest.raises(UsageError, match=r"config: cannot read this kubeconfig: No such file or directory"):
        await CredentialSource(home / "config").load()
    with pytest.raises(UsageError, match=r"cannot read this kubeconfig: Is a directory"):
        await CredentialSource(home).load()


async def test_a_service_account_without_its_files_is_an_expected_error(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(UsageError, match="in-cluster credentials: "):
        await CredentialSource.find(None).load()


async def test_a_server_is_verified_unless_the_file_says_otherwise(home: Path) -> None:
    skipped = GOOD.replace("server:", "insecure-skip-tls-verify: true, server:")
    credentials = await CredentialSource(write(home / "config", skipped)).load()
    assert isinstance(credentials.tls, ssl.SSLContext)
    assert credentials.tls.verify_mode is ssl.CERT_NONE
    assert credentials.tls.minimum_version >= ssl.TLSVersion.TLSv1_2


async def test_one_of_several_kubeconfigs_may_be_missing_the_only_one_may_not(home: Path) -> None:
    both = Path(f"{home / 'missing'}{os.pathsep}{write(home / 'config')}")
    assert (await CredentialSource(both).load()).server == "https://192.0.2.1:6443"
    with pytest.raises(UsageError, match="missing: cannot read this kubeconfig: No such file or directory"):
        await CredentialSource(home / "missing").load()
