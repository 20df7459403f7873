"""Tokens, the rights that a node needs for its pods' materials, and what nobody gets to see."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from scripts.control_plane.cluster import ControlPlane
from tests.cluster.kubectl import Kubectl, Object, until
from tests.cluster.kubeletclient import ask
from tests.cluster.materials import (
    Inside,
    config_map,
    everything,
    key_ref,
    mounted,
    put,
    reasons,
    secret,
    start,
)
from vk_core.api.pod import Pod
from vk_core.materials.sources.tokens import TokenStore
from vk_core.materials.volumes.specs import TokenSpec
from vk_core.runtime.connection import connect
from vk_core.runtime.options import NodeOptions

if TYPE_CHECKING:
    from tests.cluster.conftest import StartVirtualKubelet

CREATED = 201


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
