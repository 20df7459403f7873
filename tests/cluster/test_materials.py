"""What pods are made of on a real control plane, seen with kubectl from inside: every value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cluster.kubectl import Kubectl
from tests.cluster.materials import (
    BINARY,
    LARGE,
    SLEEP,
    Inside,
    config_map,
    everything,
    mounted,
    put,
    reasons,
    secret,
    start,
)

if TYPE_CHECKING:
    pass


def test_a_pod_made_of_everything_has_every_value_that_the_documentation_promises(either: Kubectl, bundle: str) -> None:
    put(either, config_map("settings", {"level": "info", "a.b": "dotted"}))
    put(either, secret("login", {"password": b"s3cret", "user": b"me"}))
    either.apply(everything(either.node, bundle, ["sh", "-c", SLEEP]))
    pod = either.wait_phase("everything", "Running")
    inside = Inside(either, "everything")
    metadata, status = pod["metadata"], pod["status"]
    environment = inside.environment()
    expected = {
        "LITERAL": "a",
        "EXPANDED": "a-$(FROM_MAP)-$(NOT_THERE)-$(LITERAL)",
        "FROM_MAP": "info",
        "AFTER": "info",
        "FROM_SECRET": "s3cret",
        "POD_NAME": "everything",
        "POD_NAMESPACE": either.namespace,
        "POD_UID": metadata["uid"],
        "POD_LABEL": "all",
        "NODE_NAME": either.node,
        "SERVICE_ACCOUNT": "default",
        "POD_IP": status["podIP"],
        "POD_IPS": status["podIP"],
        "HOST_IP": status["hostIP"],
        "HOST_IPS": status["hostIP"],
        "URL": f"http://{status['podIP']}:8080",
        "CPU_LIMIT": "2",
        "CPU_LIMIT_MILLI": "1500",
        "MEMORY_REQUEST_MI": "100",
        "level": "info",
        "a.b": "dotted",
        "S_password": "s3cret",
        "S_user": "me",
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
        "KUBERNETES_PORT_443_TCP": "tcp://10.96.0.1:443",
    }
    assert {name: environment.get(name) for name in expected} == expected
    assert "NOT_THERE_AT_ALL" not in environment
    files = {
        "/etc/map/level": "info",
        "/etc/map/a.b": "dotted",
        "/etc/items/deep/er/level.txt": "info",
        "/etc/secret/password": "s3cret",
        "/etc/about/labels": 'app.kubernetes.io/name="all"\ntier="one"',
        "/etc/about/annotations": r'note="a \"quoted\"\nnote"',
        "/etc/about/cpu": "1500",
        "/etc/all/level": "info",
        "/etc/all/password": "s3cret",
        "/etc/all/name": "everything",
        "/etc/one/level": "info",
    }
    found = {path: inside.text(path) for path in files}
    annotations = found.pop("/etc/about/annotations").splitlines()
    assert files.pop("/etc/about/annotations") in annotations
    assert not any(line.startswith("virtual-kubelet.io/") for line in annotations), "our own mark is nobody's business"
    assert found == files
    trusted = (either.plane.layout.pki / "ca.crt").read_text()
    assert inside.text("/etc/all/trusted.pem").strip() == trusted.strip()
    token = inside.text("/var/run/secrets/kubernetes.io/serviceaccount/token")
    assert token.count(".") == 2
    assert inside.text("/var/run/secrets/kubernetes.io/serviceaccount/namespace") == either.namespace
    assert "BEGIN CERTIFICATE" in inside.text("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt")
    assert not inside.has("/etc/items/level")
    assert "OptionalSecretNotFound" not in reasons(either, "everything"), "what is optional in a volume is no event"
    listing = inside.listing("/etc/map/")
    assert "level" in listing


def test_modes_are_those_that_the_volume_asks_for(kubectl: Kubectl) -> None:
    put(kubectl, config_map("settings", {"level": "info", "other": "x"}))
    items = [{"key": "level", "path": "level", "mode": 0o400}, {"key": "other", "path": "other"}]
    start(kubectl, **mounted({"name": "map", "configMap": {"name": "settings", "items": items, "defaultMode": 0o640}}))
    done = kubectl.run("exec", "web", "--", "stat", "-L", "-c", "%a", "etc/map/level", "etc/map/other")
    assert done.stdout.decode().split() == ["400", "640"]


def test_network_files_are_those_of_the_pod(kubectl: Kubectl) -> None:
    kubectl.start_pod(
        "web",
        SLEEP,
        hostname="own",
        subdomain="sub",
        hostAliases=[{"ip": "192.0.2.9", "hostnames": ["elsewhere"]}],
        dnsPolicy="None",
        dnsConfig={"nameservers": ["192.0.2.53"], "searches": ["example.org"]},
    )
    inside = Inside(kubectl, "web")
    hosts = [line.split() for line in inside.text("/etc/hosts").splitlines()]
    address = kubectl.get("pod", "web")["status"]["podIP"]
    assert [address, f"own.sub.{kubectl.namespace}.svc.cluster.local", "own"] in hosts
    assert ["192.0.2.9", "elsewhere"] in hosts
    assert inside.text("/etc/resolv.conf").split() == ["search", "example.org", "nameserver", "192.0.2.53"]
    assert inside.environment()["HOSTNAME"] == "own"


def test_large_and_binary_values_arrive_byte_for_byte(either: Kubectl) -> None:
    put(either, config_map("large", {"value": LARGE}), secret("binary", {"value": BINARY * 4000}))
    start(
        either,
        **mounted({"name": "map", "configMap": {"name": "large"}}, {"name": "sec", "secret": {"secretName": "binary"}}),
    )
    inside = Inside(either, "web")
    assert inside.text("/etc/map/value") == LARGE
    assert inside.bytes("/etc/sec/value") == BINARY * 4000
