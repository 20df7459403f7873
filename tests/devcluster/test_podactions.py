"""What can be done to pods besides reading and writing them."""

from __future__ import annotations

import pytest

from tests.devcluster.client import JSON, JSON_PATCH, PODS, Client

DEBUGGER = {"name": "debug", "image": "busybox"}


def binding(name: str = "p", node: str = "n", **metadata: object) -> JSON:
    target = {"kind": "Node", "name": node}
    return {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, **metadata}, "target": target}


async def test_a_pod_is_bound_once(client: Client) -> None:
    await client.create_pod(schedulerName="nobody")
    assert (await client.post(f"{PODS}/p/binding", binding(annotations={"a": "b"}))).code == 201
    bound = (await client.get(f"{PODS}/p")).body
    assert bound["spec"]["nodeName"] == "n"
    assert (bound["metadata"]["generation"], bound["metadata"]["annotations"]) == (1, {"a": "b"})
    (condition,) = bound["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("PodScheduled", "True")
    again = await client.post(f"{PODS}/p/binding", binding(node="m"))
    assert (again.code, again.body["details"]["kind"]) == (409, "pods/binding")


async def test_a_binding_works_through_the_collection_as_well(client: Client) -> None:
    await client.create_pod(schedulerName="nobody")
    assert (await client.post("/api/v1/namespaces/default/bindings", binding())).code == 201
    assert (await client.get(f"{PODS}/p")).body["spec"]["nodeName"] == "n"


async def test_a_binding_is_refused_for_another_pod_a_gated_one_and_one_that_is_going(client: Client) -> None:
    await client.create_pod("other", schedulerName="nobody")
    await client.create_pod("gated", schedulerName="nobody", schedulingGates=[{"name": "example.com/wait"}])
    assert (await client.post(f"{PODS}/other/binding", binding("other", uid="someone"))).code == 409
    assert (await client.post(f"{PODS}/gated/binding", binding("gated"))).code == 409
    assert (await client.post(f"{PODS}/other/binding", binding("gated"))).code == 400
    assert (await client.post(f"{PODS}/none/binding", binding("none"))).code == 404


async def test_ephemeral_containers_are_added_and_stay_as_they_are(client: Client) -> None:
    await client.create_pod()
    path = f"{PODS}/p/ephemeralcontainers"
    added = await client.patch(path, {"spec": {"ephemeralContainers": [DEBUGGER], "hostNetwork": True}})
    (container,) = added.body["spec"]["ephemeralContainers"]
    assert container["imagePullPolicy"] == "Always"
    assert "hostNetwork" not in added.body["spec"]
    assert added.metadata["generation"] == 2
    changed = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "other"}]}}
    assert (await client.patch(path, changed)).fields == ["spec.ephemeralContainers"]
    removal = [{"op": "remove", "path": "/spec/ephemeralContainers"}]
    assert (await client.patch(path, removal, JSON_PATCH)).fields == ["spec.ephemeralContainers"]
    taken = {"spec": {"ephemeralContainers": [DEBUGGER, {"name": "c", "image": "x"}]}}
    assert (await client.patch(path, taken)).fields == ["spec.ephemeralContainers[1].name"]
    assert (
        await client.patch(f"{PODS}/p", {"spec": {"ephemeralContainers": [{"name": "d", "image": "x"}]}})
    ).code == 422


@pytest.mark.parametrize(
    ("resources", "code"),
    [
        ({"requests": {"cpu": "200m"}}, 200),
        ({"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}, 422),
        ({"requests": {"cpu": None}}, 422),
        ({"requests": {"cpu": "much"}}, 422),
    ],
)
async def test_a_pod_is_resized_within_its_class(client: Client, resources: JSON, code: int) -> None:
    container = {"name": "c", "image": "x", "resources": {"requests": {"cpu": "100m"}}}
    await client.create_pod(containers=[container])
    answer = await client.patch(f"{PODS}/p/resize", {"spec": {"containers": [{"name": "c", "resources": resources}]}})
    assert answer.code == code
    if code == 200:
        assert answer.body["spec"]["containers"][0]["resources"] == {"requests": {"cpu": "200m"}}
        assert answer.metadata["generation"] == 2
