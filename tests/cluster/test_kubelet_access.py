"""Who gets into the kubelet API, with which certificates it serves, and by which rights the node itself lives."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from cryptography import x509

from scripts.control_plane.build import assets
from scripts.control_plane.cluster import ControlPlane, ControlPlaneError
from scripts.control_plane.golang import BuildError
from scripts.control_plane.nodeagent import NodeAgent
from tests.support.components import lacking

if TYPE_CHECKING:
    from tests.cluster.conftest import StartVirtualKubelet

MANIFESTS = Path(__file__).parents[2] / "deploy" / "rbac"
CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
SERVING = "kubernetes.io/kubelet-serving"


def address_of(plane: ControlPlane, node: str) -> tuple[str, int]:
    status = plane.api.get(f"/api/v1/nodes/{node}")["status"]
    host = next(it["address"] for it in status["addresses"] if it["type"] == "InternalIP")
    return host, status["daemonEndpoints"]["kubeletEndpoint"]["Port"]


def token_of(plane: ControlPlane, account: str, namespace: str) -> str:
    plane.kubectl("-n", namespace, "create", "serviceaccount", account)
    return plane.kubectl("-n", namespace, "create", "token", account).strip()


def kubeconfig_with(plane: ControlPlane, path: Path, user: dict[str, str]) -> Path:
    """A kubeconfig of one user, whatever the user shows."""
    config = json.loads(plane.admin_kubeconfig.read_text())
    config["users"][0]["user"] = user
    path.write_text(json.dumps(config))
    return path


def run_pod(plane: ControlPlane, namespace: str, node: str, *command: str) -> None:
    spec = {"nodeName": node, "containers": [{"name": "main", "image": "web:1", "command": command}]}
    body = {"metadata": {"name": "web"}, "spec": spec}
    plane.api.request("POST", f"/api/v1/namespaces/{namespace}/pods", body)
    plane.api.wait_until(
        f"/api/v1/namespaces/{namespace}/pods", lambda pods: pods[0]["status"].get("phase") == "Running"
    )


class Caller:
    """Asks a node's kubelet API."""

    def __init__(self, plane: ControlPlane, node: str) -> None:
        host, port = address_of(plane, node)
        self.url = f"https://{host}:{port}"

    async def ask(self, path: str, *, certificate: Path | None = None, token: str = "") -> tuple[int, str]:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if certificate is not None:
            context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), headers=headers) as session,
            session.get(f"{self.url}{path}") as response,
        ):
            return response.status, (await response.text()).strip()


async def test_the_api_server_and_those_whom_it_allows_get_in_and_nobody_else(
    control_plane: ControlPlane, namespace: str, virtual_kubelet: StartVirtualKubelet
) -> None:
    """B19: a token counts although there is a client CA."""
    agent = virtual_kubelet()
    caller = Caller(control_plane, agent.node)
    token = token_of(control_plane, "metrics", namespace)
    own = control_plane.layout.pki / "kubelet-client.crt"
    stranger = control_plane.authority.issue("stranger", "stranger", ("strangers",))
    assert await caller.ask("/pods") == (401, "Unauthorized")
    assert await caller.ask("/pods", token="nonsense") == (401, "Unauthorized")
    assert (await caller.ask("/pods", certificate=own))[0] == 200
    user = f"system:serviceaccount:{namespace}:metrics"
    denied = f"Forbidden (user={user}, verb=get, resource=nodes, subresource=metrics)"
    assert await caller.ask("/metrics/resource", token=token) == (403, denied)
    denied = "Forbidden (user=stranger, verb=get, resource=nodes, subresource=pods,proxy)"
    assert await caller.ask("/pods", certificate=stranger) == (403, denied)
    allowed = token_of(control_plane, "allowed", namespace)
    name = f"allowed-{namespace}"
    control_plane.kubectl("create", "clusterrole", name, "--verb=get", "--resource=nodes/metrics,nodes/pods")
    control_plane.kubectl(
        "create", "clusterrolebinding", name, f"--clusterrole={name}", f"--serviceaccount={namespace}:allowed"
    )
    assert (await caller.ask("/metrics/resource", token=allowed))[0] == 200
    assert (await caller.ask("/pods", token=allowed))[0] == 200
    assert (await caller.ask("/configz", token=allowed))[0] == 403


def test_logs_come_through_the_api_server_and_a_stop_releases_the_port(
    control_plane: ControlPlane, namespace: str, virtual_kubelet: StartVirtualKubelet
) -> None:
    agent = virtual_kubelet("--provider", "process")
    run_pod(control_plane, namespace, agent.node, "sh", "-c", "while sleep 0.2; do date; done")
    _, port = address_of(control_plane, agent.node)
    assert port not in {0, 10250}
    with following(control_plane, "web", namespace) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline()
        assert agent.stop() == 0
        follower.wait(5)
    with pytest.raises(ControlPlaneError, match="refused"):
        control_plane.kubectl("-n", namespace, "logs", "web")


def test_the_rules_for_a_service_account_are_enough(
    control_plane: ControlPlane, namespace: str, virtual_kubelet: StartVirtualKubelet, tmp_path: Path
) -> None:
    control_plane.kubectl("apply", "-f", str(MANIFESTS / "service-account.yaml"))
    token = control_plane.kubectl("-n", "virtual-kubelet", "create", "token", "virtual-kubelet").strip()
    kubeconfig = kubeconfig_with(control_plane, tmp_path / "service-account.kubeconfig", {"token": token})
    agent = virtual_kubelet("--rotate-server-certificates", kubeconfig=kubeconfig)
    approve(control_plane, agent.node)
    agent.wait_for_line("the serving certificate was signed")
    run_pod(control_plane, namespace, agent.node)
    control_plane.kubectl("-n", namespace, "logs", "web")
    control_plane.kubectl("-n", namespace, "delete", "pod", "web")
    assert "forbidden" not in agent.log()
    assert agent.stop() == 0
    assert "forbidden" not in agent.log()


@contextlib.contextmanager
def following(plane: ControlPlane, pod: str, namespace: str = "default") -> Iterator[subprocess.Popen[bytes]]:
    command = [str(plane.programs / "kubectl"), "-n", namespace, "logs", "--follow", pod]
    with subprocess.Popen(command, env=plane.environment(), stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.05)  # a log file has no watch to wait on


def clients(requests: list[dict[str, Any]]) -> int:
    """How many of the requests are for client certificates that were signed."""
    return len([it for it in requests if it["spec"]["signerName"] != SERVING and it["status"].get("certificate")])


def approve(plane: ControlPlane, node: str, *, known: frozenset[str] = frozenset(), signer: str = SERVING) -> str:
    """Approves the next request of a node; returns its name."""

    def of_node(found: list[dict[str, Any]]) -> list[str]:
        return [
            it["metadata"]["name"] for it in found if it["metadata"]["name"] not in known and asks_for(it, node, signer)
        ]

    found = plane.api.wait_until(CSRS, lambda items: bool(of_node(items)))
    (name, *_) = of_node(found)
    plane.kubectl("certificate", "approve", name)
    return name


def asks_for(request: dict[str, Any], node: str, signer: str) -> bool:
    pem = base64.b64decode(request["spec"]["request"])
    names = x509.load_pem_x509_csr(pem).subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return request["spec"]["signerName"] == signer and names[0].value == f"system:node:{node}"


class Guarded:
    """A control plane that verifies kubelets and takes bootstrap tokens, whose certificates are short-lived."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane = plane
        self._folder = folder
        plane.kubectl("apply", "-f", str(MANIFESTS / "node-authorizer.yaml"))
        secret = {
            "metadata": {"name": "bootstrap-token-abcdef", "namespace": "kube-system"},
            "type": "bootstrap.kubernetes.io/token",
            "stringData": {
                "token-id": "abcdef",
                "token-secret": "0123456789abcdef",
                "usage-bootstrap-authentication": "true",
            },
        }
        plane.api.request("POST", "/api/v1/namespaces/kube-system/secrets", secret)
        self.bootstrap = kubeconfig_with(plane, folder / "bootstrap.kubeconfig", {"token": "abcdef.0123456789abcdef"})

    def start(self, node: str, *arguments: str) -> NodeAgent:
        folder = self._folder / node
        folder.mkdir(exist_ok=True)
        agent = NodeAgent(
            self.plane.api,
            node,
            self.bootstrap,
            folder,
            arguments=[
                *("--provider", "process", "--rotate-server-certificates"),
                *("--bootstrap-kubeconfig", str(self.bootstrap), "--cert-dir", str(folder / "pki"), *arguments),
            ],
        )
        agent.start()
        return agent


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    """A control plane of this test's own."""
    try:
        programs = assets()
    except BuildError as error:
        lacking(f"no control plane here: {error}")
    state = tmp_path / "plane"
    with ControlPlane(
        state,
        programs=programs,
        apiserver_flags=[
            "--enable-bootstrap-token-auth",
            f"--kubelet-certificate-authority={state / 'pki' / 'ca.crt'}",
        ],
        controller_manager_flags=["--cluster-signing-duration=20s"],
    ) as plane:
        yield Guarded(plane, tmp_path)


def test_a_node_joins_with_a_bootstrap_token_and_renews_both_certificates_while_a_log_is_followed(
    guarded: Guarded,
) -> None:
    plane = guarded.plane
    agent = guarded.start("joined", "--label", "node-role.kubernetes.io/batch=,example.com/rack=7")
    try:
        first = approve(plane, "joined")
        agent.wait_ready()
        labels = plane.api.get("/api/v1/nodes/joined")["metadata"]["labels"]
        assert labels["example.com/rack"] == "7"
        assert "kubernetes.io/role" not in labels
        assert agent.log().count("left out, because the API server does not let a node set it on itself") == 2
        agent.wait_for_line("the serving certificate was signed")
        run_pod(plane, "default", "joined", "sh", "-c", "while sleep 0.2; do date; done")
        with following(plane, "web") as follower:
            assert follower.stdout is not None
            assert follower.stdout.readline(), "the API server knows who it talks to"
            # Since Kubernetes 1.36 this comes as WebSocket, which is GET: `create` is what the API server must have.
            status = plane.api.get("/api/v1/nodes/joined")["status"]
            assert status["declaredFeatures"] == ["ExtendWebSocketsToKubelet"]
            assert plane.kubectl("exec", "web", "--", "echo", "hello") == "hello\n"
            second = approve(plane, "joined", known=frozenset({first}))
            assert second != first
            plane.api.wait_until(CSRS, lambda items: clients(items) >= 2)
            wait_until(lambda: agent.log().count("the serving certificate was signed") == 2)
            plane.kubectl("logs", "web", "--tail=1")
            wait_until(lambda: agent.log().count("the node's client certificate was signed") == 2)
            assert follower.poll() is None, "who follows a log goes on"
            assert follower.stdout.readline()
        plane.kubectl("delete", "pod", "web", "--grace-period=1")
        assert "orbidden" not in agent.log()
        assert agent.stop() == 0
    finally:
        agent.remove()
