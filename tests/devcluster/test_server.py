"""The server as a whole: who gets in, what there is, what can go wrong on purpose."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.devcluster.client import CONFIGMAPS, PODS, Client, config_map
from vk_core.devcluster import DevCluster


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic xyz"}])
async def test_nobody_gets_in_without_the_token(client: Client, headers: dict[str, str]) -> None:
    for path in (PODS, "/version", "/api", "/healthz", "/openapi/v3"):
        async with client.session.get(client.cluster.url + path, headers=headers) as response:
            assert response.status == 401
            assert (await response.json())["reason"] == "Unauthorized"


async def test_the_certificate_is_of_the_clusters_own_authority(cluster: DevCluster) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(cluster.url)


async def test_the_kubeconfig_is_for_its_owner_only(cluster: DevCluster, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text("old")
    path.chmod(0o644)
    cluster.write_kubeconfig(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == cluster.kubeconfig
    assert cluster.kubeconfig["clusters"][0]["cluster"]["server"] == cluster.url


async def test_only_what_is_there_is_discovered(client: Client) -> None:
    for path in ("/api/v1", "/apis/coordination.k8s.io/v1", "/apis/policy/v1"):
        answer = await client.get(path)
        for resource in answer.body["resources"]:
            name, _, subresource = resource["name"].partition("/")
            if "list" in resource["verbs"] and not subresource:
                assert (await client.get(f"{path}/{name}")).code == 200
    groups = [group["name"] for group in (await client.get("/apis")).body["groups"]]
    assert "apps" not in groups


async def test_discovery_in_one_piece_says_the_same(client: Client) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    for path, plain in (("/api", ["/api/v1"]), ("/apis", ["/apis/events.k8s.io/v1", "/apis/policy/v1"])):
        answer = await client.get(path, accept=accept)
        assert answer.headers["Content-Type"].endswith("as=APIGroupDiscoveryList")
        found = {
            resource["resource"]
            for group in answer.body["items"]
            for version in group["versions"]
            for resource in version["resources"]
        }
        for other in plain:
            listed = (await client.get(other)).body["resources"]
            assert {entry["name"] for entry in listed if "/" not in entry["name"]} <= found


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/apis/apps/v1/deployments", 404),
        ("GET", "/api/v1/namespaces/default/deployments", 404),
        ("GET", f"{PODS}/p/unknown", 404),
        ("GET", "/api/v1/pods/p", 404),
        ("GET", "/api/v1/namespaces/default/nodes", 404),
        ("POST", f"{PODS}/p", 405),
        ("DELETE", f"{PODS}/p/binding", 405),
        ("DELETE", "/api/v1/namespaces", 405),
        ("PUT", PODS, 405),
    ],
)
async def test_what_is_not_there_is_answered_so(client: Client, method: str, path: str, code: int) -> None:
    assert (await client.request(method, path)).code == code


async def test_planned_failures_happen_as_often_as_planned_and_requests_are_counted(client: Client) -> None:
    client.cluster.fail_next("create", "configmaps", 429, times=2)
    answers = [await client.post(CONFIGMAPS, config_map("c")) for _ in range(3)]
    assert [answer.code for answer in answers] == [429, 429, 201]
    assert answers[0].headers["Retry-After"] == "1"
    client.cluster.fail_next("*", "*", 503)
    assert (await client.get(PODS)).code == 503
    assert client.cluster.requests["create", "configmaps"] == 3
    assert client.cluster.requests["list", "pods"] == 1


async def test_an_access_review_is_answered(client: Client) -> None:
    reviews = "/apis/authorization.k8s.io/v1"
    attributes = {"verb": "create", "resource": "pods"}
    mine = await client.post(f"{reviews}/selfsubjectaccessreviews", {"spec": {"resourceAttributes": attributes}})
    assert mine.body["status"] == {"allowed": True}
    stranger = {"spec": {"user": "stranger", "resourceAttributes": attributes}}
    theirs = await client.post(f"{reviews}/subjectaccessreviews", stranger)
    assert theirs.body["status"]["allowed"] is False
    token = {"spec": {"token": client.cluster.token}}
    answer = await client.post("/apis/authentication.k8s.io/v1/tokenreviews", token)
    assert answer.body["status"]["user"]["groups"] == ["system:masters", "system:authenticated"]
    answer = await client.post("/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": "x"}})
    assert answer.body["status"]["authenticated"] is False


async def test_every_type_is_described(client: Client) -> None:
    paths = (await client.get("/openapi/v3")).body["paths"]
    core = await client.get("/" + paths["api/v1"]["serverRelativeURL"].lstrip("/"))
    operation = core.body["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"]
    assert "fieldValidation" in [parameter["name"] for parameter in operation["parameters"]]
    kinds = {
        described["kind"]
        for schema in core.body["components"]["schemas"].values()
        for described in schema.get("x-kubernetes-group-version-kind", ())
    }
    assert {"Pod", "Node", "Namespace", "ConfigMap", "Secret", "Service", "ServiceAccount", "Event"} <= kinds


def test_it_starts_at_once() -> None:
    program = """
import asyncio, time
start = time.perf_counter()
from vk_core.devcluster import DevCluster
async def main():
    async with DevCluster():
        print(time.perf_counter() - start)
asyncio.run(main())
"""
    times = [float(subprocess.check_output([sys.executable, "-c", program], text=True)) for _ in range(3)]
    assert min(times) < 1.0


async def test_two_clusters_run_side_by_side(client: Client) -> None:
    async with DevCluster() as other, Client(other) as there:
        await there.post(CONFIGMAPS, config_map("c"))
        assert (await client.get(f"{CONFIGMAPS}/c")).code == 404
