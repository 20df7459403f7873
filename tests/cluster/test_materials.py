"""What pods refer to on a real control plane, seen with kubectl from inside: values, changes, tokens, restarts."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from scripts.control_plane.cluster import ControlPlane
from scripts.control_plane.nodeagent import NodeAgent
from tests.cluster.kubectl import Kubectl, Object, until
from tests.cluster.kubeletclient import ask
from tests.cluster.materials import (
    BINARY,
    LARGE,
    config_map,
    everything,
    key_ref,
    put,
    secret,
)
from vk_core.api.pod import Pod
from vk_core.materials.sources.tokens import TokenStore
from vk_core.materials.volumes.specs import TokenSpec
from vk_core.runtime.connection import connect
from vk_core.runtime.options import NodeOptions

if TYPE_CHECKING:
    from tests.cluster.conftest import StartVirtualKubelet

SLEEP = "exec sleep 1000"
CREATED = 201
EDIT_SECONDS = 2.0
"""How long a change may take to be seen in a running pod."""


@pytest.fixture(scope="session")
def mock_node(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeAgent]:
    """A node whose containers exist in memory."""
    folder = tmp_path_factory.mktemp("mock-node")
    user = control_plane.kubeconfig("virtual-kubelet", ("system:masters",))
    arguments = ("--provider", "mock", "--port", "0", "--cert-dir", str(folder), "--cluster-dns", "10.96.0.10")
    agent = NodeAgent(control_plane.api, "mock-node", user, folder, arguments=arguments)
    agent.start()
    agent.wait_ready()
    yield agent
    agent.remove()


@pytest.fixture
def kubectl(control_plane: ControlPlane, namespace: str, process_node: NodeAgent) -> Kubectl:
    """kubectl, and pods that are processes."""
    return Kubectl(control_plane, namespace, process_node.node)


@pytest.fixture(params=["process", "mock"])
def either(request: pytest.FixtureRequest, control_plane: ControlPlane, namespace: str) -> Kubectl:
    """kubectl, and pods of each provider."""
    agent: NodeAgent = request.getfixturevalue(f"{request.param}_node")
    return Kubectl(control_plane, namespace, agent.node)


@pytest.fixture
def bundle(control_plane: ControlPlane, namespace: str) -> Iterator[str]:
    """The name of a cluster trust bundle."""
    name = f"bundle-{namespace}"
    path = "/apis/certificates.k8s.io/v1beta1/clustertrustbundles"
    trusted = (control_plane.layout.pki / "ca.crt").read_text()
    control_plane.api.request("POST", path, {"metadata": {"name": name}, "spec": {"trustBundle": trusted}})
    yield name
    control_plane.api.request("DELETE", f"{path}/{name}")


class Inside:
    """Looks into a container of either provider: paths of a process begin in its own root folder."""

    def __init__(self, kubectl: Kubectl, pod: str, container: str = "main") -> None:
        self._kubectl = kubectl
        self._target = ("exec", pod, "-c", container, "--")
        self._prefix = "" if kubectl.node.startswith("mock") else "."

    def bytes(self, path: str) -> bytes:
        done = self._kubectl.run(*self._target, "cat", f"{self._prefix}{path}")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def text(self, path: str) -> str:
        return self.bytes(path).decode()

    def has(self, path: str) -> bool:
        return self._kubectl.run(*self._target, "cat", f"{self._prefix}{path}").returncode == 0

    def listing(self, path: str) -> str:
        done = self._kubectl.run(*self._target, "ls", "-l", f"{self._prefix}{path}")
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    def environment(self) -> dict[str, str]:
        done = self._kubectl.run(*self._target, "env")
        assert done.returncode == 0, done.stderr
        return dict(line.split("=", 1) for line in done.stdout.decode().splitlines() if "=" in line)


def start(kubectl: Kubectl, name: str = "web", *, phase: str = "Running", **fields: Any) -> Object:
    """A pod that sleeps."""
    return kubectl.start_pod(name, SLEEP, phase=phase, **fields)


def mounted(*volumes: Object) -> dict[str, Any]:
    """The fields of a pod that has each volume at `/etc/NAME`."""
    mounts = [{"name": volume["name"], "mountPath": f"/etc/{volume['name']}"} for volume in volumes]
    return {"volumes": list(volumes), "container": {"volumeMounts": mounts}}


def seconds_until(holds: Callable[[], bool]) -> float:
    began = time.monotonic()
    until(holds)
    return time.monotonic() - began


def waiting(kubectl: Kubectl, name: str = "web") -> Object:
    """Why the first container of a pod waits."""
    statuses = kubectl.get("pod", name)["status"].get("containerStatuses", [{}])
    found: Object = statuses[0].get("state", {}).get("waiting", {})
    return found


def reasons(kubectl: Kubectl, name: str = "web") -> set[str]:
    events = kubectl.get("events", "--field-selector", f"involvedObject.name={name}")["items"]
    return {event["reason"] for event in events}


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


def test_an_edit_is_seen_in_a_running_pod_at_once_and_nobody_ever_reads_half_of_it(either: Kubectl) -> None:
    put(either, config_map("settings", {"a": "0" * 1000, "b": "0" * 1000}))
    start(either, **mounted({"name": "map", "configMap": {"name": "settings"}}))
    inside = Inside(either, "web")
    assert inside.text("/etc/map/a") == "0" * 1000
    for number in "123":
        put(either, config_map("settings", {"a": number * 1000, "b": number * 1000}))
        assert seconds_until(lambda: inside.text("/etc/map/a") == number * 1000) < EDIT_SECONDS  # noqa: B023
        assert inside.text("/etc/map/b") == number * 1000


def test_a_reader_in_a_loop_never_sees_a_partial_file_or_a_mixture(kubectl: Kubectl) -> None:
    put(kubectl, config_map("settings", {"a": "0" * 100_000}))
    loop = "while :; do tr -d '\\n' < etc/map/a | fold -w1 | sort -u | tr -d '\\n'; wc -c < etc/map/a; done"
    kubectl.start_pod("web", loop, **mounted({"name": "map", "configMap": {"name": "settings"}}))
    for number in range(1, 9):
        put(kubectl, config_map("settings", {"a": str(number) * 100_000}))
        time.sleep(0.2)
    until(lambda: "8100000" in kubectl("logs", "web").split())
    seen = set(kubectl("logs", "web").split())
    assert seen <= {f"{number}100000" for number in range(9)}, seen


@pytest.mark.parametrize("kind", ["configMap", "secret"])
def test_a_mandatory_object_that_is_missing_is_waited_for_and_healed_within_a_second(
    either: Kubectl, kind: str
) -> None:
    wanted = {"env": [{"name": "LEVEL", **key_ref(kind, "settings", "level")}]}
    start(either, phase="Pending", container=wanted)
    until(lambda: waiting(either).get("reason") == "CreateContainerConfigError")
    assert waiting(either)["message"] == f'{kind.lower()} "settings" not found'
    long_kind = {"configMap": "ConfigMap", "secret": "Secret"}[kind]
    until(lambda: f"Mandatory{long_kind}NotFound" in reasons(either))
    put(either, config_map("settings") if kind == "configMap" else secret("settings", {}))
    until(lambda: "does not exist in" in waiting(either).get("message", ""))
    until(lambda: f"Mandatory{long_kind}KeyNotFound" in reasons(either))
    time.sleep(3)  # long enough for a back-off to be longer than a second
    value = config_map("settings", {"level": "x"}) if kind == "configMap" else secret("settings", {"level": b"x"})
    put(either, value)
    began = time.monotonic()
    either.wait_phase("web", "Running")
    assert time.monotonic() - began < 1.0
    assert Inside(either, "web").environment()["LEVEL"] == "x"


def test_a_volume_that_is_missing_is_a_failed_mount_until_it_is_there(either: Kubectl) -> None:
    start(either, phase="Pending", **mounted({"name": "map", "configMap": {"name": "settings"}}))
    until(lambda: "FailedMount" in reasons(either))
    assert waiting(either).get("reason") == "ContainerCreating"
    put(either, config_map("settings", {"level": "info"}))
    either.wait_phase("web", "Running")
    assert Inside(either, "web").text("/etc/map/level") == "info"


def test_a_volume_of_a_kind_that_the_provider_cannot_mount_is_said_and_never_left_out(either: Kubectl) -> None:
    start(either, phase="Pending", **mounted({"name": "data", "nfs": {"server": "nas", "path": "/"}}))
    until(lambda: "FailedMount" in reasons(either))
    event = either.get("events", "--field-selector", "reason=FailedMount")["items"][0]
    assert 'volume "data" is of the kind nfs' in event["message"]


def test_other_containers_run_while_one_waits_for_its_environment(kubectl: Kubectl) -> None:
    late = {
        "name": "late",
        "image": "local",
        "command": ["sleep", "1000"],
        "env": [{"name": "LEVEL", **key_ref("configMap", "settings", "level")}],
    }
    early = {"name": "early", "image": "local", "command": ["sleep", "1000"]}
    body = {"metadata": {"name": "web"}, "spec": {"nodeName": kubectl.node, "containers": [late, early]}}
    kubectl.plane.api.request("POST", f"/api/v1/namespaces/{kubectl.namespace}/pods", body)

    def states() -> dict[str, Object]:
        statuses = kubectl.get("pod", "web")["status"].get("containerStatuses", [])
        return {status["name"]: status["state"] for status in statuses}

    until(lambda: "running" in states().get("early", {}))
    until(lambda: states()["late"].get("waiting", {}).get("reason") == "CreateContainerConfigError")
    put(kubectl, config_map("settings", {"level": "x"}))
    until(lambda: "running" in states()["late"], 3)


def test_what_changes_and_goes_away_shows_in_files_and_the_rest_stays(either: Kubectl) -> None:
    put(either, config_map("settings", {"old": "1", "same": "x"}))
    optional = {"name": "optional", "configMap": {"name": "perhaps", "optional": True}}
    start(either, **mounted({"name": "map", "configMap": {"name": "settings"}}, optional))
    inside = Inside(either, "web")
    put(either, config_map("settings", {"new": "2", "same": "x"}))
    until(lambda: inside.has("/etc/map/new"))
    assert not inside.has("/etc/map/old")
    assert inside.text("/etc/map/same") == "x"
    put(either, config_map("perhaps", {"there": "now"}))
    until(lambda: inside.has("/etc/optional/there"))
    either("delete", "configmap", "perhaps")
    until(lambda: not inside.has("/etc/optional/there"))


def test_a_mandatory_object_that_is_deleted_leaves_its_files_and_a_new_one_is_taken_over(kubectl: Kubectl) -> None:
    put(kubectl, config_map("settings", {"level": "1"}))
    start(kubectl, **mounted({"name": "map", "configMap": {"name": "settings"}}))
    inside = Inside(kubectl, "web")
    kubectl("delete", "configmap", "settings")
    until(lambda: "FailedMount" in reasons(kubectl))
    assert inside.text("/etc/map/level") == "1"
    put(kubectl, config_map("settings", {"level": "2"}))
    assert seconds_until(lambda: inside.text("/etc/map/level") == "2") < EDIT_SECONDS


def test_large_and_binary_values_arrive_byte_for_byte(either: Kubectl) -> None:
    put(either, config_map("large", {"value": LARGE}), secret("binary", {"value": BINARY * 4000}))
    start(
        either,
        **mounted({"name": "map", "configMap": {"name": "large"}}, {"name": "sec", "secret": {"secretName": "binary"}}),
    )
    inside = Inside(either, "web")
    assert inside.text("/etc/map/value") == LARGE
    assert inside.bytes("/etc/sec/value") == BINARY * 4000


def watches(plane: ControlPlane, agent: NodeAgent, resource: str) -> int:
    """How many objects of a kind a node watches by name."""
    status, text = ask(plane, agent.node, "/metrics")
    assert status == 200
    name = f'virtual_kubelet_material_watches{{resource="{resource}"}}'
    return next((int(float(line.split()[-1])) for line in text.splitlines() if line.startswith(name)), 0)


def test_objects_are_watched_once_and_only_while_a_pod_refers_to_them_and_they_can_change(
    control_plane: ControlPlane, namespace: str, virtual_kubelet: StartVirtualKubelet
) -> None:
    agent = virtual_kubelet()
    kubectl = Kubectl(control_plane, namespace, agent.node)
    put(kubectl, config_map("settings", {"level": "1"}), config_map("fixed", {"level": "1"}, immutable=True))
    volumes = mounted(
        {"name": "map", "configMap": {"name": "settings"}}, {"name": "fixed", "configMap": {"name": "fixed"}}
    )
    for name in ("web", "other"):
        start(kubectl, name, **volumes, automountServiceAccountToken=False)
    until(lambda: watches(control_plane, agent, "configmaps") == 1)
    put(kubectl, config_map("settings", {"level": "2"}, immutable=True))
    until(lambda: watches(control_plane, agent, "configmaps") == 0)
    assert Inside(kubectl, "web").text("/etc/map/level") == "2"
    put(kubectl, config_map("later", {"level": "1"}))
    start(
        kubectl, "third", **mounted({"name": "map", "configMap": {"name": "later"}}), automountServiceAccountToken=False
    )
    until(lambda: watches(control_plane, agent, "configmaps") == 1)
    kubectl("delete", "pod", "third")
    until(lambda: watches(control_plane, agent, "configmaps") == 0)


def test_a_change_while_the_api_server_is_away_is_caught_up_with(control_plane: ControlPlane, kubectl: Kubectl) -> None:
    put(kubectl, config_map("settings", {"level": "1"}))
    start(kubectl, **mounted({"name": "map", "configMap": {"name": "settings"}}))
    inside = Inside(kubectl, "web")
    control_plane.kill("kube-apiserver")
    try:
        time.sleep(2)
    finally:
        control_plane.start_part("kube-apiserver")
    put(kubectl, config_map("settings", {"level": "2"}))
    until(lambda: inside.has("/etc/map/level") and inside.text("/etc/map/level") == "2", 60)


def whoami(plane: ControlPlane, token: str) -> tuple[int, str]:
    """Who the API server takes the holder of a token for."""
    context = ssl.create_default_context(cafile=str(plane.layout.pki / "ca.crt"))
    connection = http.client.HTTPSConnection("127.0.0.1", plane.layout.apiserver_port, context=context, timeout=30)
    body = json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with contextlib.closing(connection):
        connection.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        return response.status, answer["status"]["userInfo"]["username"] if response.status == CREATED else ""


def claims(token: str) -> Object:
    payload = token.split(".")[1]
    found: Object = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def test_a_token_is_the_pods_service_account_until_the_pod_is_deleted(either: Kubectl) -> None:
    either("create", "serviceaccount", "builder")
    pod = start(either, serviceAccountName="builder")
    token = Inside(either, "web").text("/var/run/secrets/kubernetes.io/serviceaccount/token")
    name = f"system:serviceaccount:{either.namespace}:builder"
    assert whoami(either.plane, token) == (201, name)
    assert claims(token)["kubernetes.io"]["pod"] == {"name": "web", "uid": pod["metadata"]["uid"]}
    either("delete", "pod", "web", "--grace-period=1")
    until(lambda: whoami(either.plane, token)[0] == 401, 90)  # the API server believes a token for some seconds more


async def test_a_token_is_renewed_before_it_runs_out(control_plane: ControlPlane, kubectl: Kubectl) -> None:
    """The shortest life of a token is ten minutes: here a hundredth of it counts as enough."""
    start(kubectl)
    pod = msgspec.convert(kubectl.get("pod", "web"), Pod)
    renewed = asyncio.Event()
    options = NodeOptions(provider="mock", kubeconfig=control_plane.kubeconfig("virtual-kubelet", ("system:masters",)))
    async with connect(options) as (client, _):
        tokens = TokenStore(client, renewed=lambda _uid: renewed.set(), life_share=0.01)
        running = asyncio.create_task(tokens.run())
        spec = TokenSpec(audience="", expiration_seconds=600)
        first = await tokens.token(pod, spec)
        await asyncio.wait_for(renewed.wait(), 20)
        second = await tokens.token(pod, spec)
        running.cancel()
    assert second != first
    assert claims(second)["exp"] - claims(second)["iat"] == 600
    name = f"system:serviceaccount:{kubectl.namespace}:default"
    assert await asyncio.to_thread(whoami, control_plane, second) == (201, name)


@pytest.mark.parametrize("manifest", ["node-authorizer", "service-account"])
def test_least_privilege_is_enough_for_everything(
    control_plane: ControlPlane, namespace: str, virtual_kubelet: StartVirtualKubelet, bundle: str, manifest: str
) -> None:
    """Node authorizer and NodeRestriction, or exactly the rules of `deploy/rbac`."""
    node = f"vk-{manifest}-{namespace}"
    kubeconfig = restricted(control_plane, node, manifest)
    agent = virtual_kubelet("--cluster-dns", "10.96.0.10", node=node, kubeconfig=kubeconfig)
    kubectl = Kubectl(control_plane, namespace, agent.node)
    put(kubectl, config_map("settings", {"level": "info"}), secret("login", {"password": b"s3cret"}))
    kubectl.apply(everything(agent.node, bundle, ["sleep"]))
    kubectl.wait_phase("everything", "Running")
    inside = Inside(kubectl, "everything")
    assert inside.environment()["FROM_SECRET"] == "s3cret"
    assert inside.environment()["KUBERNETES_SERVICE_PORT"] == "443"
    assert inside.text("/etc/all/token").count(".") == 2
    assert "BEGIN CERTIFICATE" in inside.text("/etc/all/trusted.pem")
    put(kubectl, config_map("settings", {"level": "debug"}))
    until(lambda: inside.text("/etc/map/level") == "debug")
    assert "grant it with the rule" not in agent.log()


def restricted(plane: ControlPlane, node: str, manifest: str) -> Path:
    """A kubeconfig with as few rights as documented."""
    text = (Path(__file__).parents[2] / "deploy" / "rbac" / f"{manifest}.yaml").read_text()
    plane.kubectl("apply", "-f", "-", text=text)
    if manifest == "node-authorizer":
        return plane.kubeconfig(f"system:node:{node}", ("system:nodes",))
    return plane.kubeconfig("system:serviceaccount:virtual-kubelet:virtual-kubelet", ())


def test_a_restart_keeps_files_and_goes_on_with_updates_and_no_old_file_comes_back(
    control_plane: ControlPlane, namespace: str, virtual_kubelet: StartVirtualKubelet, tmp_path: Path
) -> None:
    folder = tmp_path / "pods"
    folder.mkdir()
    agent = virtual_kubelet("--provider", "process", config=f'folder = "{folder}"\n')
    kubectl = Kubectl(control_plane, namespace, agent.node)
    put(kubectl, config_map("settings", {"level": "1", "old": "x"}))
    start(kubectl, **mounted({"name": "map", "configMap": {"name": "settings"}}, {"name": "scratch", "emptyDir": {}}))
    inside = Inside(kubectl, "web")
    assert kubectl.run("exec", "web", "--", "sh", "-c", "echo kept > etc/scratch/file").returncode == 0
    agent.kill()
    put(kubectl, config_map("settings", {"level": "2"}))
    agent.start()
    agent.wait_ready()
    until(lambda: inside.has("/etc/map/level") and inside.text("/etc/map/level") == "2")
    assert not inside.has("/etc/map/old")
    assert inside.text("/etc/scratch/file") == "kept\n"
    put(kubectl, config_map("settings", {"level": "3"}))
    assert seconds_until(lambda: inside.text("/etc/map/level") == "3") < EDIT_SECONDS
    uid = kubectl.get("pod", "web")["metadata"]["uid"]
    agent.kill()
    kubectl("delete", "pod", "web", "--force", "--grace-period=0")
    agent.start()
    agent.wait_ready()
    until(lambda: not any(uid in str(path) for path in folder.rglob("*")), 60)


def test_values_of_secrets_are_shown_nowhere(
    control_plane: ControlPlane, namespace: str, virtual_kubelet: StartVirtualKubelet, tmp_path: Path
) -> None:
    folder = tmp_path / "pods"
    folder.mkdir()
    agent = virtual_kubelet("--provider", "process", "--log-level", "debug", config=f'folder = "{folder}"\n')
    kubectl = Kubectl(control_plane, namespace, agent.node)
    value = "TheSecretValue"
    put(kubectl, secret("login", {"password": value.encode()}), config_map("settings", {"level": "1"}))
    env = [
        {"name": "PASSWORD", **key_ref("secret", "login", "password")},
        {"name": "URL", "value": "http://$(PASSWORD)/"},
        {"name": "MISSING", **key_ref("secret", "login", "nothing")},
    ]
    volumes = mounted({"name": "sec", "secret": {"secretName": "login"}})
    volumes["container"] = {**volumes["container"], "env": env}
    start(kubectl, phase="Pending", **volumes)
    until(lambda: "MandatorySecretKeyNotFound" in reasons(kubectl))
    put(kubectl, secret("login", {"password": value.encode(), "nothing": b"now"}))
    kubectl.wait_phase("web", "Running")
    kubectl("delete", "secret", "login")
    shown = [agent.log(), kubectl("get", "events", "-o", "json"), kubectl("get", "pod", "web", "-o", "json")]
    shown += [ask(control_plane, agent.node, path)[1] for path in ("/pods", "/runningpods/", "/metrics", "/configz")]
    assert not [text for text in shown if value in text]
    assert not [path for path in folder.rglob("*") if value in path.name]
