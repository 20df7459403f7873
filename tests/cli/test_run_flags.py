"""The flags of `run`: each is read, checked, and told by its name when it is wrong."""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vk_core.__main__ import main
from vk_core.api.node import Taint
from vk_core.cli.run import run
from vk_core.runtime.options import NodeOptions

Run = Callable[..., NodeOptions]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command with flags up to where the node would start, and returns the options it would have."""
    seen: list[NodeOptions] = []

    async def serve(options: NodeOptions, *_: Any, **__: Any) -> None:
        seen.append(options)

    monkeypatch.setattr("vk_core.runtime.serve.serve", serve)
    monkeypatch.setattr("vk_core.telemetry.logs.setup", lambda *_: None)

    def start(*flags: str) -> NodeOptions:
        assert main(["run", "--provider", "mock", *flags]) == 0
        return seen[-1]

    return start


def test_without_flags_the_options_are_the_defaults_of_the_library(started: Run) -> None:
    taint = Taint(key="virtual-kubelet.io/provider", value="mock", effect="NoSchedule")
    assert started() == NodeOptions(provider="mock", taint=taint)


def test_every_flag_reaches_the_node(started: Run, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("")
    options = started(
        *("--kubeconfig", str(config), "--namespace", "team-a", "--nodename", "node-1.example", "--os", "WINDOWS"),
        *("--taint", "example.com/batch=yes:NoExecute", "--cluster-domain", "example.org", "--internal-ip", "::1"),
        *("--port", "65535", "--pod-sync-workers", "1", "--full-resync-period", "90s", "--startup-timeout", "2m"),
        *("--status-update-interval", "1h", "--lease-duration", "8s", "--delete-node-on-exit", "--max-pods", "7"),
        *("--kubelet-version", "v1.35.0-rc.1+x", "--label", "a=b", "--label", "c.d/e=f,g="),
        *("--address", "::", "--tls-cert-file", str(config), "--tls-private-key-file", str(config)),
        *("--client-ca-file", str(config), "--authorization", "Always-Allow", "--anonymous-auth"),
        *("--cert-dir", str(tmp_path), "--stream-idle-timeout", "1h", "--stream-creation-timeout", "5s"),
        *("--metrics-addr", ":10255", "--cluster-dns", "10.96.0.10,fd00::a", "--cluster-dns", "10.96.0.10"),
        *("--resolv-conf", str(config)),
    )
    expected = NodeOptions(
        provider="mock",
        kubeconfig=config,
        namespace="team-a",
        node_name="node-1.example",
        operating_system="windows",
        taint=Taint(key="example.com/batch", value="yes", effect="NoExecute"),
        cluster_domain="example.org",
        cluster_dns=("10.96.0.10", "fd00::a"),
        resolv_conf=config,
        internal_ip="::1",
        port=65535,
        pod_sync_workers=1,
        full_resync_period=dt.timedelta(seconds=90),
        startup_timeout=dt.timedelta(minutes=2),
        status_update_interval=dt.timedelta(hours=1),
        lease_duration=dt.timedelta(seconds=8),
        delete_node_on_exit=True,
        kubelet_version="v1.35.0-rc.1+x",
        labels={"a": "b", "c.d/e": "f", "g": ""},
        max_pods=7,
        address="::",
        tls_cert_file=config,
        tls_private_key_file=config,
        client_ca_file=config,
        authorization="always-allow",
        anonymous_auth=True,
        cert_dir=tmp_path,
        stream_idle_timeout=dt.timedelta(hours=1),
        stream_creation_timeout=dt.timedelta(seconds=5),
        metrics_addr="0.0.0.0:10255",
    )
    assert options == expected
    others = started("--bootstrap-kubeconfig", str(config), "--rotate-server-certificates")
    assert others.bootstrap_kubeconfig == config
    assert others.rotate_server_certificates
    options = dataclasses.replace(options, bootstrap_kubeconfig=config, rotate_server_certificates=True)
    defaults = NodeOptions(provider="other")
    unchanged = [
        it.name for it in dataclasses.fields(options) if getattr(options, it.name) == getattr(defaults, it.name)
    ]
    assert not unchanged, "every option of the node can be set by a flag"


@pytest.mark.parametrize(
    ("flags", "taint"),
    [
        pytest.param(["--disable-taint"], None, id="none"),
        pytest.param(["--taint", "k"], Taint(key="k", value="mock", effect="NoSchedule"), id="key"),
        pytest.param(["--taint", "k="], Taint(key="k", value="", effect="NoSchedule"), id="empty value"),
        pytest.param(["--taint", "k:NoExecute"], Taint(key="k", value="mock", effect="NoExecute"), id="effect"),
        pytest.param(["--taint", "a.b/k=v"], Taint(key="a.b/k", value="v", effect="NoSchedule"), id="value"),
    ],
)
def test_the_parts_of_a_taint_that_are_left_out_have_defaults(
    started: Run, flags: list[str], taint: Taint | None
) -> None:
    assert started(*flags).taint == taint


@pytest.mark.parametrize(
    ("environment", "attribute", "value"),
    [
        ({"VIRTUAL_KUBELET_NODENAME": "a", "DEFAULT_NODE_NAME": "b"}, "node_name", "a"),
        ({"DEFAULT_NODE_NAME": "b"}, "node_name", "b"),
        ({"KUBELET_PORT": "10251"}, "port", 10251),
        ({"APISERVER_CA_CERT_LOCATION": "/dev/null"}, "client_ca_file", Path("/dev/null")),
        ({"VKUBELET_POD_IP": "10.0.0.1"}, "internal_ip", "10.0.0.1"),
        ({"VIRTUAL_KUBELET_LABEL": "a=b c=d,e=f"}, "labels", {"a": "b", "c": "d", "e": "f"}),
        ({"VIRTUAL_KUBELET_DELETE_NODE_ON_EXIT": "true"}, "delete_node_on_exit", True),
        ({"VIRTUAL_KUBELET_DISABLE_TAINT": "1"}, "taint", None),
        (
            {"VKUBELET_TAINT_KEY": "k", "VKUBELET_TAINT_EFFECT": "NoExecute"},
            "taint",
            Taint(key="k", value="mock", effect="NoExecute"),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_flags_can_be_given_by_environment_variables(
    started: Run, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], attribute: str, value: Any
) -> None:
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    assert getattr(started(), attribute) == value


def test_every_flag_has_an_environment_variable_of_its_own_name() -> None:
    parameters = inspect.signature(run, eval_str=True).parameters.values()
    for parameter in parameters:
        if parameter.name == "context":
            continue
        (option,) = parameter.annotation.__metadata__
        own = option.envvar if isinstance(option.envvar, str) else option.envvar[0]
        assert own == f"VIRTUAL_KUBELET_{parameter.name.upper()}"


@pytest.mark.parametrize(
    ("flag", "value", "expected"),
    [
        ("--nodename", "Node_1", "a DNS name: lower case letters, digits, '-' and '.', such as node-1"),
        ("--nodename", "a" * 254, "a DNS name"),
        ("--nodename", "a..b", "a DNS name"),
        ("--nodename", "-a", "a DNS name"),
        ("--cluster-domain", "", "a DNS name"),
        ("--namespace", "a.b", "the name of a namespace"),
        ("--os", "plan9", "linux or windows"),
        ("--taint", "a=b:Never", "the effect NoSchedule, PreferNoSchedule or NoExecute"),
        ("--taint", "=b", "KEY[=VALUE][:EFFECT]"),
        ("--cluster-dns", "10.96.0.10,", "IP addresses such as 10.96.0.10"),
        ("--cluster-dns", "dns", "an IP address"),
        ("--internal-ip", "localhost", "an IP address"),
        ("--address", "localhost", "an IP address"),
        ("--address", "", "an IP address"),
        ("--port", "65536", "a whole number from 0 to 65535"),
        ("--port", "\N{SUPERSCRIPT TWO}", "a whole number from 0 to 65535"),
        ("--metrics-addr", "127.0.0.1", "IP:PORT"),
        ("--metrics-addr", "::1:10255", "IP:PORT"),
        ("--metrics-addr", "localhost:1", "IP:PORT"),
        ("--client-ca-file", "/nowhere/at/all", "a file that can be read: No such file or directory"),
        ("--authorization", "AlwaysAllow", "webhook or always-allow"),
        ("--cert-dir", "/dev/null", "a folder"),
        ("--stream-idle-timeout", "0s", "a duration such as 10s or 1m30s, above zero"),
        ("--pod-sync-workers", "0", "a whole number of at least 1"),
        ("--max-pods", "-1", "a whole number of at least 1"),
        ("--max-pods", "9" * 30, "a whole number of at least 1"),
        ("--full-resync-period", "0s", "a duration such as 10s or 1m30s, above zero"),
        ("--status-update-interval", "often", "a duration such as 10s or 1m30s"),
        ("--startup-timeout", "-1s", "a duration such as 10s or 1m30s"),
        ("--lease-duration", "1500ms", "whole seconds, such as 40s"),
        ("--kubelet-version", "1.36.3", "a version of Kubernetes such as v1.36.3"),
        ("--label", "novalue", "KEY=VALUE with the characters of a label"),
        ("--label", "a=b c", "KEY=VALUE with the characters of a label"),
        ("--kubeconfig", "/nowhere/at/all", "a file that can be read: No such file or directory"),
        ("--log-level", "loud", "debug, info, warning or error"),
        ("--log-format", "xml", "text or json"),
    ],
)
def test_a_bad_flag_is_one_line_that_names_it(
    flag: str, value: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--provider", "mock", flag, value]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"virtual-kubelet: {flag}: expected {expected}")
    assert repr(value) in line


def test_all_bad_flags_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--port", "x", "--os", "y", "--taint", "z", "--disable-taint"]) == 2
    told = [line.split(":")[1].strip() for line in capsys.readouterr().err.splitlines()]
    assert told == ["--provider", "--os", "--port"]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--tls-cert-file", "FILE"], "--tls-cert-file: expected to be given together with --tls-private-key-file"),
        (["--tls-private-key-file", "FILE"], "--tls-private-key-file: expected to be given together with --tls-cert"),
        (
            ["--tls-cert-file", "FILE", "--tls-private-key-file", "FILE", "--rotate-server-certificates"],
            "--rotate-server-certificates: expected to be given without --tls-cert-file",
        ),
        (
            ["--kubeconfig", "FILE", "--bootstrap-kubeconfig", "FILE"],
            "--bootstrap-kubeconfig: expected to be given without --kubeconfig",
        ),
    ],
)
def test_flags_that_need_or_exclude_each_other_are_told(
    flags: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert main(["run", "--provider", "mock", *(str(file) if flag == "FILE" else flag for flag in flags)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"virtual-kubelet: {told}")


def test_a_taint_that_is_disabled_cannot_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--provider", "mock", "--taint", "z", "--disable-taint"]) == 2
    assert "--disable-taint: expected to be given without --taint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("KUBELET_PORT", "tcp://10.0.0.1:80", "--port (from KUBELET_PORT): expected a whole number"),
        ("VKUBELET_TAINT_EFFECT", "Never", "VKUBELET_TAINT_EFFECT: expected the effect"),
        ("VIRTUAL_KUBELET_DISABLE_TAINT", "perhaps", "Invalid value for '--disable-taint' (env var: 'VIRTUAL_KUBELET_"),
    ],
)
def test_a_bad_environment_variable_is_told_by_its_name(
    name: str, value: str, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["run", "--provider", "mock"]) == 2
    assert capsys.readouterr().err.startswith(f"virtual-kubelet: {told}")
