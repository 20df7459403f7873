"""What is not valid is refused with the status code, the reason and the field that an API server gives."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.devcluster.client import (
    CONFIGMAPS,
    EVENTS,
    JSON,
    LEASES,
    NAMESPACES,
    NODES,
    PODS,
    SECRETS,
    Client,
    config_map,
    node,
    pod,
)


def containing(**container: Any) -> JSON:
    return pod(containers=[{"name": "c", "image": "x", **container}])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (pod("Upper"), "metadata.name"),
        (pod("-x"), "metadata.name"),
        (pod("x" * 254), "metadata.name"),
        ({"metadata": {}, "spec": pod()["spec"]}, "metadata.name"),
        (pod(metadata={"labels": {"a b": "c"}}), "metadata.labels"),
        (pod(metadata={"labels": {"a": "c d"}}), "metadata.labels"),
        (pod(metadata={"annotations": {"a b": ""}}), "metadata.annotations"),
        (pod(metadata={"finalizers": ["a b"]}), "metadata.finalizers"),
        (pod(metadata={"ownerReferences": [{"kind": "Pod"}]}), "metadata.ownerReferences[0].uid"),
        (pod(containers=[]), "spec.containers"),
        (pod(containers=[{"name": "c"}]), "spec.containers[0].image"),
        (pod(containers=[{"image": "x"}]), "spec.containers[0].name"),
        (pod(containers=[{"name": "c", "image": "x"}] * 2), "spec.containers[1].name"),
        (pod(initContainers=[{"name": "c", "image": "x"}]), "spec.initContainers[0].name"),
        (pod(restartPolicy="Maybe"), "spec.restartPolicy"),
        (pod(dnsPolicy="Maybe"), "spec.dnsPolicy"),
        (pod(activeDeadlineSeconds=0), "spec.activeDeadlineSeconds"),
        (pod(volumes=[{"name": "v"}, {"name": "v"}]), "spec.volumes[1].name"),
        (pod(tolerations=[{"key": "k", "effect": "Maybe"}]), "spec.tolerations[0].effect"),
        (pod(tolerations=[{"value": "v"}]), "spec.tolerations[0].operator"),
        (pod(nodeSelector={"a b": "c"}), "spec.nodeSelector"),
        (containing(imagePullPolicy="Maybe"), "spec.containers[0].imagePullPolicy"),
        (containing(ports=[{"containerPort": 70000}]), "spec.containers[0].ports[0].containerPort"),
        (containing(volumeMounts=[{"name": "v", "mountPath": "/v"}]), "spec.containers[0].volumeMounts[0].name"),
        (
            containing(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
            "spec.containers[0].resources.requests",
        ),
        (containing(resources={"requests": {"cpu": "-1"}}), "spec.containers[0].resources.requests[cpu]"),
        (containing(env=[{"value": "nameless"}]), "spec.containers[0].env[0].name"),
    ],
)
async def test_an_invalid_pod_is_refused_with_its_field(client: Client, body: JSON, field: str) -> None:
    answer = await client.post(PODS, body)
    assert (answer.code, answer.body["reason"], answer.body["details"]["kind"]) == (422, "Invalid", "Pod")
    assert field in answer.fields
    assert field in answer.body["message"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (NAMESPACES, {"metadata": {"name": "a.b"}}, "metadata.name"),
        (NODES, node(spec={"taints": [{"key": "a", "effect": "Maybe"}]}), "metadata.taints[0].effect"),
        (NODES, node(spec={"taints": [{"key": "a", "effect": "NoSchedule"}] * 2}), "metadata.taints[1]"),
        (CONFIGMAPS, {"metadata": {"name": "c"}, "data": {"a/b": ""}}, "data[a/b]"),
        (LEASES, {"metadata": {"name": "l"}, "spec": {"leaseDurationSeconds": 0}}, "spec.leaseDurationSeconds"),
        (
            EVENTS,
            {"metadata": {"name": "e"}, "involvedObject": {"namespace": "other"}},
            "involvedObject.namespace",
        ),
        ("/api/v1/namespaces/default/services", {"metadata": {"name": "s"}}, "spec.ports"),
    ],
)
async def test_other_kinds_have_their_rules(client: Client, path: str, body: JSON, field: str) -> None:
    answer = await client.post(path, body)
    assert (answer.code, answer.fields) == (422, [field])


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (PODS, b"", "is not JSON"),
        (PODS, b"{broken", "is not JSON"),
        (PODS, [], "not an object"),
        (PODS, pod(metadata={"namespace": "other"}), "does not match the namespace"),
        (PODS, {**pod(), "kind": "Secret"}, "do not match the expected"),
        (PODS, {**pod(), "apiVersion": "v2"}, "do not match the expected"),
        (PODS, pod(containers="x"), r"cannot be handled as a Pod: .*spec\.containers"),
        (PODS, containing(ports=[{"containerPort": "80"}]), "containerPort"),
        (PODS, containing(resources={"limits": {"cpu": "much"}}), "'much' is not a quantity"),
        (CONFIGMAPS, config_map("c", a=1), "data"),  # type: ignore[arg-type]
        (SECRETS, {"metadata": {"name": "s"}, "data": {"a": "!"}}, "base64"),
        (LEASES, {"metadata": {"name": "l"}, "spec": {"renewTime": "2026-01-01T00:00:00Z"}}, "renewTime"),
    ],
)
async def test_what_cannot_be_read_is_a_bad_request(client: Client, path: str, body: Any, message: str) -> None:
    answer = await client.post(path, body)
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")
    assert re.search(message, answer.body["message"])


async def test_misspelt_fields_are_refused_when_that_is_asked_for(client: Client) -> None:
    body = containing(imagePullPolcy="Always")
    strict = await client.post(f"{PODS}?fieldValidation=Strict", body)
    assert strict.code == 400
    assert 'unknown field "spec.containers[0].imagePullPolcy"' in strict.body["message"]
    assert (await client.post(f"{PODS}?fieldValidation=Ignore", body)).code == 201
    patch = await client.patch(f"{PODS}/p?fieldValidation=Strict", {"metadata": {"lables": {}}})
    for source, field in (
        ({"configmap": {"name": "x"}}, "configmap"),
        ({"secret": {"name": "x"}}, "secret.name"),
        ({"projected": {"sources": [{"secret": {"secretName": "x"}}]}}, "projected.sources[0].secret.secretName"),
    ):
        mistaken = await client.post(f"{PODS}?fieldValidation=Strict", pod(volumes=[{"name": "v", **source}]))
        assert f'unknown field "spec.volumes[0].{field}"' in mistaken.body["message"]
    vendor = pod("q", volumes=[{"name": "v", "rbd": {"image": "x", "monitors": ["y"]}}])
    assert (await client.post(f"{PODS}?fieldValidation=Strict", vendor)).code == 201
    assert 'unknown field "metadata.lables"' in patch.body["message"]


async def test_what_is_missing_or_there_already_is_said_so(client: Client) -> None:
    await client.create_pod()
    again = await client.post(PODS, pod())
    assert (again.code, again.body["reason"]) == (409, "AlreadyExists")
    assert again.body["message"] == 'pods "p" already exists'
    missing = await client.get(f"{PODS}/none")
    assert (missing.code, missing.body["details"]) == (404, {"name": "none", "kind": "pods"})
    nowhere = await client.post("/api/v1/namespaces/none/pods", pod())
    assert nowhere.body["message"] == 'namespaces "none" not found'
    account = await client.post(PODS, pod("q", serviceAccountName="none"))
    assert (account.code, account.body["reason"]) == (403, "Forbidden")
