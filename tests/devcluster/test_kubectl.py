"""Real kubectl against the dev cluster: what a user types, and what comes back."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.control_plane.cache import cache_folder
from tests.devcluster.client import NODES, PODS, Client, node
from tests.devcluster.test_signing import request
from tests.support.components import lacking
from vk_core.devcluster import DevCluster

pytestmark = pytest.mark.e2e
DEADLINE_SECONDS = 30.0
CSR, CSR_VERSION = "CertificateSigningRequest", "certificates.k8s.io/v1"
MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers:
  - name: c
    image: nginx:1
    ports: [{containerPort: 80}]
    resources: {requests: {cpu: 100m}}
"""


def kubectls() -> list[Path]:
    """The one that belongs to the control plane of the tests, and the machine's own if it is another."""
    given = os.environ.get("KUBEBUILDER_ASSETS")
    built = [Path(given, "kubectl")] if given else sorted(cache_folder().glob("control-plane-*/kubectl"))[-1:]
    own = shutil.which("kubectl")
    found = [*built, *([Path(own)] if own and not given else [])]
    return list({path.resolve(): path for path in found if path.exists()}.values())


@dataclass
class Kubectl:
    """One kubectl, pointed at the cluster."""

    program: Path
    environment: dict[str, str]
    client: Client

    async def run(self, *arguments: str, stdin: str = "", editor: str = "") -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            self.program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**self.environment, "KUBE_EDITOR": editor},
        )
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                out, error = await process.communicate(stdin.encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        return process.returncode or 0, out.decode(), error.decode()

    async def __call__(self, *arguments: str, stdin: str = "", editor: str = "") -> str:
        """Runs a command that must succeed, and returns what it prints."""
        status, out, error = await self.run(*arguments, stdin=stdin, editor=editor)
        assert status == 0, f"kubectl {' '.join(arguments)}: {error}"
        return out

    async def fails(self, *arguments: str, stdin: str = "") -> str:
        """Runs a command that must fail, and returns its complaint."""
        status, out, error = await self.run(*arguments, stdin=stdin)
        assert status != 0, out
        return error

    async def json(self, *arguments: str) -> Any:
        return json.loads(await self(*arguments, "-o", "json"))

    async def rows(self, *arguments: str) -> list[list[str]]:
        """The table that a command prints, split at two or more spaces."""
        lines = (await self(*arguments)).splitlines()
        return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]


PROGRAMS: list[Path | None] = [*kubectls()]


@pytest.fixture(params=PROGRAMS or [None], ids=lambda path: str(path and path.parent.name))
async def kubectl(request: pytest.FixtureRequest, cluster: DevCluster, tmp_path: Path) -> AsyncIterator[Kubectl]:
    """Each kubectl that there is, with a cluster of its own."""
    if request.param is None:
        lacking("no kubectl here: python -m scripts.control_plane build")
    cluster.write_kubeconfig(tmp_path / "kubeconfig")
    environment = {"KUBECONFIG": str(tmp_path / "kubeconfig"), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    async with Client(cluster) as client:
        yield Kubectl(request.param, environment, client)


@pytest.fixture
async def with_node(kubectl: Kubectl) -> Kubectl:
    """The same with a node to run pods on."""
    await kubectl.client.post(NODES, node(labels={"node-role.kubernetes.io/agent": ""}))
    return kubectl


async def becomes_running(client: Client, name: str) -> None:
    """What a kubelet would do."""
    status = {
        "phase": "Running",
        "podIPs": [{"ip": "10.0.0.1"}],
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "c", "ready": True, "restartCount": 0, "state": {"running": {}}}],
    }
    await client.patch(f"{PODS}/{name}/status", {"status": status})


async def deletes_marked_pods(client: Client) -> None:
    """What a kubelet would do, for ever."""
    async with client.watch(PODS) as events:
        while True:
            found = (await events.next())["object"]
            if "deletionTimestamp" in found["metadata"]:
                await client.delete(f"{PODS}/{found['metadata']['name']}", gracePeriodSeconds=0)


async def while_pods_are_deleted(client: Client, command: Callable[[], Awaitable[str]]) -> str:
    kubelet = asyncio.create_task(deletes_marked_pods(client))
    try:
        return await command()
    finally:
        kubelet.cancel()
        await asyncio.wait([kubelet])


async def test_pods_are_listed_with_the_columns_that_users_know(with_node: Kubectl) -> None:
    await with_node("create", "-f", "-", stdin=MANIFEST)
    await becomes_running(with_node.client, "web")
    head, row = await with_node.rows("get", "pods", "-o", "wide")
    assert head == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED NODE", "READINESS GATES"]
    assert row[:4] + row[5:7] == ["web", "1/1", "Running", "0", "10.0.0.1", "n"]
    assert (await with_node.rows("get", "pods", "-A"))[1][:2] == ["default", "web"]
    assert (await with_node.rows("get", "nodes"))[1][:3] == ["n", "Ready", "agent"]
    assert "app=web" in await with_node("get", "pods", "--show-labels")
    assert (await with_node("get", "pod", "web", "-o", "yaml")).startswith("apiVersion: v1\nkind: Pod\n")
    assert "pod/web" in await with_node("get", "all")


async def test_lists_are_narrowed_by_labels_and_fields(with_node: Kubectl) -> None:
    await with_node("run", "a", "--image=x", "--labels=tier=front")
    await with_node("run", "b", "--image=x", "--labels=tier=back")
    assert (await with_node("get", "pods", "-l", "tier in (front,none)", "-o", "name")) == "pod/a\n"
    fields = "spec.nodeName=n,metadata.name!=a"
    assert (await with_node("get", "pods", "--field-selector", fields, "-o", "name")) == "pod/b\n"
    assert "field label not supported" in await with_node.fails("get", "pods", "--field-selector", "spec.image=x")


async def test_a_watch_shows_changes_as_they_come(with_node: Kubectl) -> None:
    await with_node("create", "-f", "-", stdin=MANIFEST)
    process = await asyncio.create_subprocess_exec(
        with_node.program, "get", "pods", "-w", env=with_node.environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert (await process.stdout.readline()).split()[:3] == [b"NAME", b"READY", b"STATUS"]
            assert (await process.stdout.readline()).split()[:3] == [b"web", b"0/1", b"Pending"]
            await becomes_running(with_node.client, "web")
            assert (await process.stdout.readline()).split()[:3] == [b"web", b"1/1", b"Running"]
            await with_node.client.delete(f"{PODS}/web")
            assert (await process.stdout.readline()).split()[:3] == [b"web", b"1/1", b"Terminating"]
    finally:
        process.kill()
        await process.wait()


async def test_describe_tells_of_a_pod_its_events_and_its_node(with_node: Kubectl) -> None:
    await with_node("create", "-f", "-", stdin=MANIFEST)
    await becomes_running(with_node.client, "web")
    text = await with_node("describe", "pod", "web")
    assert "Successfully assigned default/web to n" in text
    assert "default-scheduler" in text
    text = await with_node("describe", "node", "n")
    assert "Non-terminated Pods:          (1 in total)" in text
    assert "100m (2%)" in text
    assert "Active" in await with_node("describe", "namespace", "default")


async def test_apply_creates_changes_and_leaves_alone(with_node: Kubectl) -> None:
    assert await with_node("apply", "-f", "-", stdin=MANIFEST) == "pod/web created\n"
    assert await with_node("apply", "-f", "-", stdin=MANIFEST) == "pod/web unchanged\n"
    changed = MANIFEST.replace("nginx:1", "nginx:2").replace("{app: web}", "{tier: front}")
    assert await with_node("apply", "-f", "-", stdin=changed) == "pod/web configured\n"
    found = await with_node.json("get", "pod", "web")
    assert found["spec"]["containers"][0]["image"] == "nginx:2"
    assert found["metadata"]["labels"] == {"tier": "front"}
    moved = MANIFEST.replace("spec:", "spec:\n  hostNetwork: true")
    assert "pod updates may not change fields" in await with_node.fails("apply", "-f", "-", stdin=moved)


async def test_apply_on_the_server_owns_what_it_applies(with_node: Kubectl) -> None:
    server = ("apply", "--server-side", "-f", "-")
    assert await with_node(*server, stdin=MANIFEST) == "pod/web serverside-applied\n"
    await with_node("label", "pod", "web", "app=other", "--overwrite")
    assert "conflict with" in await with_node.fails(*server, stdin=MANIFEST)
    await with_node(*server, "--force-conflicts", stdin=MANIFEST.replace("{app: web}", "{tier: front}"))
    assert (await with_node.json("get", "pod", "web"))["metadata"]["labels"] == {"app": "other", "tier": "front"}


async def test_a_dry_run_on_the_server_and_a_diff_write_nothing(with_node: Kubectl) -> None:
    assert "created (server dry run)" in await with_node("apply", "--dry-run=server", "-f", "-", stdin=MANIFEST)
    await with_node("apply", "-f", "-", stdin=MANIFEST)
    status, out, _ = await with_node.run("diff", "-f", "-", stdin=MANIFEST.replace("nginx:1", "nginx:2"))
    assert status == 1
    assert "+  - image: nginx:2" in out
    assert (await with_node.json("get", "pod", "web"))["spec"]["containers"][0]["image"] == "nginx:1"


@pytest.mark.parametrize(
    ("arguments", "kind", "expected"),
    [
        (("namespace", "made"), "namespace/made", {"status": {"phase": "Active"}}),
        (("secret", "generic", "made", "--from-literal=k=v"), "secret/made", {"data": {"k": "dg=="}}),
        (("configmap", "made", "--from-literal=k=v"), "configmap/made", {"data": {"k": "v"}}),
        (("serviceaccount", "made"), "serviceaccount/made", {}),
        (("service", "clusterip", "made", "--tcp=80:8080"), "service/made", {"status": {"loadBalancer": {}}}),
    ],
)
async def test_create_makes_what_its_flags_say(
    kubectl: Kubectl, arguments: tuple[str, ...], kind: str, expected: dict[str, Any]
) -> None:
    assert await kubectl("create", *arguments) == f"{kind} created\n"
    found = await kubectl.json("get", kind)
    assert {field: found[field] for field in expected} == expected
    assert '"made" already exists' in await kubectl.fails("create", *arguments)


async def test_labels_and_annotations_are_set_and_removed(kubectl: Kubectl) -> None:
    await kubectl("create", "configmap", "c")
    await kubectl("label", "configmap", "c", "a=1", "b=2")
    await kubectl("label", "configmap", "c", "a-", "b=3", "--overwrite")
    await kubectl("annotate", "configmap", "c", "note=x")
    metadata = (await kubectl.json("get", "configmap", "c"))["metadata"]
    assert (metadata["labels"], metadata["annotations"]) == ({"b": "3"}, {"note": "x"})


async def test_patches_of_all_types_and_of_the_status(with_node: Kubectl) -> None:
    await with_node("create", "-f", "-", stdin=MANIFEST)
    await with_node("patch", "pod", "web", "-p", '{"spec":{"containers":[{"name":"c","image":"nginx:2"}]}}')
    await with_node("patch", "pod", "web", "--type=merge", "-p", '{"metadata":{"labels":{"m":"1"}}}')
    operations = '[{"op":"add","path":"/metadata/labels/j","value":"1"}]'
    await with_node("patch", "pod", "web", "--type=json", "-p", operations)
    capacity = '{"status":{"capacity":{"example.com/gpu":"2"}}}'
    await with_node("patch", "node", "n", "--subresource=status", "-p", capacity)
    found = await with_node.json("get", "pod", "web")
    assert found["spec"]["containers"][0]["image"] == "nginx:2"
    assert found["metadata"]["labels"] == {"app": "web", "m": "1", "j": "1"}
    assert (await with_node.json("get", "node", "n"))["status"]["capacity"]["example.com/gpu"] == "2"


async def test_edit_and_replace(kubectl: Kubectl) -> None:
    await kubectl("create", "configmap", "c", "--from-literal=k=v")
    await kubectl("edit", "configmap", "c", editor="sed -i s/k:.v/k:\\ edited/")
    found = await kubectl.json("get", "configmap", "c")
    assert found["data"] == {"k": "edited"}
    found["data"] = {"k": "replaced"}
    await kubectl("replace", "-f", "-", stdin=json.dumps(found))
    assert "Conflict" in await kubectl.fails("replace", "-f", "-", stdin=json.dumps(found))
    assert (await kubectl.json("get", "configmap", "c"))["data"] == {"k": "replaced"}


async def test_wait_sees_a_condition_come_and_an_object_go(with_node: Kubectl) -> None:
    await with_node("create", "-f", "-", stdin=MANIFEST)
    ready = asyncio.create_task(with_node("wait", "pod/web", "--for=condition=Ready", "--timeout=20s"))
    await becomes_running(with_node.client, "web")
    assert await ready == "pod/web condition met\n"
    gone = asyncio.create_task(with_node("wait", "pod/web", "--for=delete", "--timeout=20s"))
    await with_node("delete", "pod", "web", "--grace-period=0", "--force")
    await gone
    assert "timed out" in await with_node.fails("wait", "node/n", "--for=condition=Lost", "--timeout=1ms")


async def test_delete_waits_for_the_kubelet_unless_forced(with_node: Kubectl) -> None:
    for name in ("a", "b", "c"):
        await with_node("run", name, "--image=x")
    await with_node("delete", "pod", "a", "--wait=false")
    assert "deletionTimestamp" in (await with_node.json("get", "pod", "a"))["metadata"]
    await with_node("delete", "pod", "b", "--force", "--grace-period=0")
    assert "NotFound" in await with_node.fails("get", "pod", "b")
    await while_pods_are_deleted(with_node.client, lambda: with_node("delete", "pods", "--all"))
    assert await with_node("get", "pods", "-o", "name") == ""


async def test_delete_of_a_namespace_ends_when_it_is_empty(kubectl: Kubectl) -> None:
    await kubectl("create", "namespace", "going")
    await kubectl("create", "configmap", "c", "-n", "going")
    assert 'namespace "going" deleted' in await kubectl("delete", "namespace", "going")
    assert "NotFound" in await kubectl.fails("get", "namespace", "going")


async def test_cordon_taint_and_drain(with_node: Kubectl) -> None:
    await with_node("run", "a", "--image=x")
    await with_node("cordon", "n")
    assert (await with_node.rows("get", "nodes"))[1][1] == "Ready,SchedulingDisabled"
    await with_node("run", "b", "--image=x")
    await with_node.client.until(lambda: len(with_node.client.cluster.objects("events")) == 2)
    assert "0/1 nodes are available: 1 node(s) were unschedulable." in await with_node("events")
    await with_node("taint", "node", "n", "k=v:NoSchedule")
    await with_node("uncordon", "n")
    assert (await with_node.json("get", "pod", "b"))["spec"].get("nodeName") is None
    await with_node("taint", "node", "n", "k-")
    await with_node.client.until(
        lambda: all(pod["spec"].get("nodeName") for pod in with_node.client.cluster.objects("pods"))
    )
    out = await while_pods_are_deleted(with_node.client, lambda: with_node("drain", "n", "--force"))
    assert "pod/a evicted" in out
    assert "node/n drained" in out


async def test_events_are_listed_with_their_objects(with_node: Kubectl) -> None:
    await with_node("run", "a", "--image=x")
    assert (await with_node.rows("events", "--for", "pod/a"))[1][1:4] == ["Normal", "Scheduled", "Pod/a"]
    assert (await with_node.rows("get", "events"))[1][1:4] == ["Normal", "Scheduled", "pod/a"]
    assert "Scheduled" in await with_node("get", "events.events.k8s.io")


async def test_only_what_is_there_is_listed_and_other_types_are_unknown(kubectl: Kubectl) -> None:
    names = (await kubectl("api-resources", "--verbs=list", "-o", "name")).split()
    assert sorted(names) == sorted(
        [
            "certificatesigningrequests.certificates.k8s.io",
            "clustertrustbundles.certificates.k8s.io",
            "configmaps",
            "events",
            "events.events.k8s.io",
            "leases.coordination.k8s.io",
            "namespaces",
            "nodes",
            "nodes.metrics.k8s.io",
            "pods",
            "pods.metrics.k8s.io",
            "secrets",
            "serviceaccounts",
            "services",
        ]
    )
    assert 'doesn\'t have a resource type "deployments"' in await kubectl.fails("get", "deployments")
    deployment = '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"}}'
    assert 'no matches for kind "Deployment"' in await kubectl.fails("create", "-f", "-", stdin=deployment)


async def test_the_user_may_do_everything(kubectl: Kubectl) -> None:
    assert await kubectl("auth", "can-i", "delete", "pods") == "yes\n"
    assert "*.*" in await kubectl("auth", "can-i", "--list")
    assert "kubernetes-admin" in await kubectl("auth", "whoami")


async def test_a_token_of_a_service_account_lets_in_who_shows_it(with_node: Kubectl) -> None:
    kubectl = with_node
    await kubectl("run", "web", "--image=x")
    uid = (await kubectl.json("get", "pod", "web"))["metadata"]["uid"]
    bound = ("--bound-object-kind=Pod", "--bound-object-name=web", f"--bound-object-uid={uid}")
    token = (await kubectl("create", "token", "default", "--duration=10m", *bound)).strip()
    shown = await kubectl("--token", token, "auth", "whoami")
    for part in ("system:serviceaccount:default:default", "system:serviceaccounts", "JTI=", uid):
        assert part in shown
    assert await kubectl("--token", token, "auth", "can-i", "create", "pods") == "yes\n"
    assert "may not specify a duration less than 10 minutes" in await kubectl.fails(
        "create", "token", "default", "--duration=9m"
    )
    assert "does not match the UID in record" in await kubectl.fails(
        "create", "token", "default", *bound[:2], "--bound-object-uid=other"
    )
    assert 'serviceaccounts "none" not found' in await kubectl.fails("create", "token", "none")
    await kubectl("delete", "pod", "web", "--now", "--wait=false")
    await kubectl("delete", "pod", "web", "--force")
    assert "must be logged in" in await kubectl.fails("--token", token, "get", "pods")


async def test_what_pods_are_made_of_is_listed_and_described(kubectl: Kubectl) -> None:
    await kubectl("create", "configmap", "settings", "--from-literal=a=b", "--from-literal=c=d")
    await kubectl("create", "secret", "generic", "keys", "--from-literal=a=hunter2")
    await kubectl("create", "serviceaccount", "robot")
    await kubectl("patch", "sa", "robot", "-p", '{"imagePullSecrets":[{"name":"keys"}]}')
    maps = await kubectl.rows("get", "configmaps")
    assert [row[:2] for row in maps] == [["NAME", "DATA"], ["kube-root-ca.crt", "1"], ["settings", "2"]]
    assert [row[:3] for row in await kubectl.rows("get", "secrets")] == [
        ["NAME", "TYPE", "DATA"],
        ["keys", "Opaque", "1"],
    ]
    assert [row[0] for row in await kubectl.rows("get", "sa")] == ["NAME", "default", "robot"]
    secret = await kubectl("describe", "secret", "keys")
    assert "a:  7 bytes" in secret
    assert "hunter2" not in secret
    assert "a:\n----\nb\n" in await kubectl("describe", "configmap", "settings")
    assert re.search("Image pull secrets: +keys", await kubectl("describe", "sa", "robot"))


async def test_a_pod_is_applied_again_although_a_volume_was_added(kubectl: Kubectl) -> None:
    for name, way in (("one", []), ("two", ["--server-side"])):
        manifest = MANIFEST.replace("name: web,", f"name: {name},")
        await kubectl("apply", "-f", "-", *way, stdin=manifest)
        await kubectl("apply", "-f", "-", *way, stdin=manifest.replace("nginx:1", "nginx:2"))
        pod = await kubectl.json("get", "pod", name)
        assert pod["spec"]["containers"][0]["image"] == "nginx:2"
        assert pod["spec"]["volumes"][0]["name"] == pod["spec"]["containers"][0]["volumeMounts"][0]["name"]
        assert "kube-api-access-" in await kubectl("describe", "pod", name)


async def test_trust_bundles_are_applied_and_listed(kubectl: Kubectl) -> None:
    text = kubectl.client.cluster.certificate_authority
    bundle = {"apiVersion": "certificates.k8s.io/v1beta1", "kind": "ClusterTrustBundle", "metadata": {"name": "ours"}}
    manifest = json.dumps({**bundle, "spec": {"trustBundle": text}})
    assert "ours created" in await kubectl("apply", "-f", "-", stdin=manifest)
    assert "ours unchanged" in await kubectl("apply", "-f", "-", stdin=manifest)
    assert await kubectl.rows("get", "clustertrustbundles") == [["NAME", "SIGNERNAME"], ["ours", "<none>"]]
    assert "trustBundle" in await kubectl("explain", "clustertrustbundle.spec")


async def test_a_nodes_request_for_a_certificate_is_approved_and_signed(kubectl: Kubectl) -> None:
    await kubectl("create", "-f", "-", stdin=json.dumps({"kind": CSR, "apiVersion": CSR_VERSION, **request()}))
    assert (await kubectl.rows("get", "csr"))[1][5] == "Pending"
    assert "csr-1 approved" in await kubectl("certificate", "approve", "csr-1")
    assert (await kubectl.rows("get", "csr"))[1][5] == "Approved,Issued"
    assert "Status:" in await kubectl("describe", "csr", "csr-1")


async def test_explain_and_version(kubectl: Kubectl) -> None:
    assert "terminationGracePeriodSeconds" in await kubectl("explain", "pod.spec")
    assert "Server Version: v1.36" in await kubectl("version")


async def test_a_mistake_in_a_manifest_is_named(kubectl: Kubectl) -> None:
    misspelt = MANIFEST.replace("image:", "imaje:")
    assert 'unknown field "spec.containers[0].imaje"' in await kubectl.fails("apply", "-f", "-", stdin=misspelt)
    invalid = MANIFEST.replace("name: c", "name: C")
    assert 'spec.containers[0].name: Invalid value: "C"' in await kubectl.fails("create", "-f", "-", stdin=invalid)
