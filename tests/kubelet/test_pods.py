"""`/pods` and `/runningpods/`."""

from __future__ import annotations

from typing import Any

import aiohttp
from msgspec.structs import replace

from tests.support.kubelet import ScriptedProvider, backend_of, running_pod, serving
from tests.support.pods import ended, pod_with, status_of, waiting, with_spec
from vk_core.api.container import EnvVar, EnvVarSource, SecretKeySelector
from vk_core.api.pod import Pod
from vk_core.api.podstatus import ContainerStatus
from vk_core.kubelet.routes import attach_pod_list_routes

REFERENCE = EnvVarSource(secret_key_ref=SecretKeySelector(name="login", key="password"))


async def listed(provider: ScriptedProvider, pods: list[Pod], path: str) -> list[dict[str, Any]]:
    backend = backend_of(provider, pods)
    async with (
        serving(lambda app: attach_pod_list_routes(app, backend)) as url,
        aiohttp.ClientSession(url) as client,
        client.get(path) as response,
    ):
        assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
        found = await response.json()
    assert (found["kind"], found["apiVersion"]) == ("PodList", "v1")
    items: list[dict[str, Any]] = found["items"]
    return items


def with_env(pod: Pod, variable: EnvVar) -> Pod:
    containers = tuple(replace(container, env=(variable,)) for container in pod.spec.containers)
    return with_spec(pod, containers=containers)


async def test_secrets_are_shown_as_references_only() -> None:
    """B21."""
    pod = with_env(running_pod(), EnvVar(name="PASSWORD", value_from=REFERENCE))
    provider = ScriptedProvider()
    provider.pods[pod.metadata.uid] = with_env(pod, EnvVar(name="PASSWORD", value="s3cr3t"))
    shown = await listed(provider, [pod], "/pods")
    assert shown[0]["spec"]["containers"][0]["env"] == [
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "login", "key": "password"}}}
    ]
    for path in ("/pods", "/runningpods/"):
        assert "s3cr3t" not in str(await listed(provider, [pod], path))
    assert not provider.calls


async def test_required_fields_are_there_even_when_they_are_empty() -> None:
    pod = replace(pod_with("main"), status=status_of(ContainerStatus(name="main")))
    for path in ("/pods", "/pods/"):
        (shown,) = await listed(ScriptedProvider(), [pod], path)
        (status,) = shown["status"]["containerStatuses"]
        assert {name: status[name] for name in ("name", "ready", "restartCount", "image", "imageID")} == {
            "name": "main",
            "ready": False,
            "restartCount": 0,
            "image": "",
            "imageID": "",
        }


async def test_what_runs_is_listed_by_name_and_image_alone() -> None:
    part = replace(pod_with("main", "sidecar", name="part"), status=status_of(ended("main"), waiting("sidecar")))
    shown = await listed(ScriptedProvider(), [running_pod("a", "b"), part], "/runningpods/")
    assert [item["metadata"]["name"] for item in shown] == ["web"]
    assert set(shown[0]["metadata"]) == {"name", "namespace", "uid"}
    assert shown[0]["spec"]["containers"] == [{"name": name, "image": "busybox:1.37"} for name in ("a", "b")]


async def test_a_node_may_have_no_pods_or_thousands() -> None:
    for count in (0, 1, 200, 401):
        pods = [running_pod(name=f"web-{number}") for number in range(count)]
        shown = await listed(ScriptedProvider(), pods, "/pods")
        assert [item["metadata"]["name"] for item in shown] == [pod.metadata.name for pod in pods]
