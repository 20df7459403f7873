"""Server-side apply: what a manager wants, what it no longer wants, and what belongs to others."""

from __future__ import annotations

from typing import Any

from tests.devcluster.client import APPLY, CONFIGMAPS, PODS, Answer, Client, config_map, pod


async def apply(client: Client, path: str, body: Any, manager: str = "me", *, force: bool = False) -> Answer:
    query = f"?fieldManager={manager}" + ("&force=true" if force else "")
    kind = {"apiVersion": "v1", "kind": "Pod" if path.startswith(PODS) else "ConfigMap"}
    return await client.patch(path + query, {**kind, **body}, APPLY)


async def data_of(client: Client) -> Any:
    return (await client.get(f"{CONFIGMAPS}/c")).body.get("data")


async def test_applying_creates_what_is_not_there_and_says_whose_it_is(client: Client) -> None:
    created = await apply(client, f"{CONFIGMAPS}/c", config_map("c", a="1"))
    assert created.code == 201
    (entry,) = created.metadata["managedFields"]
    assert (entry["manager"], entry["operation"], entry["fieldsType"]) == ("me", "Apply", "FieldsV1")
    assert entry["fieldsV1"] == {"f:data": {"f:a": {}}}


async def test_what_a_manager_no_longer_wants_goes_unless_somebody_else_wants_it(client: Client) -> None:
    await apply(client, f"{CONFIGMAPS}/c", config_map("c", mine="1", ours="1"))
    await apply(client, f"{CONFIGMAPS}/c", config_map("c", ours="1", theirs="1"), "other")
    await apply(client, f"{CONFIGMAPS}/c", {"metadata": {"name": "c"}})
    assert await data_of(client) == {"ours": "1", "theirs": "1"}


async def test_another_value_for_a_field_of_somebody_else_is_a_conflict_that_can_be_forced(client: Client) -> None:
    await apply(client, f"{CONFIGMAPS}/c", config_map("c", a="1"))
    refused = await apply(client, f"{CONFIGMAPS}/c", config_map("c", a="2"), "other")
    assert (refused.code, refused.fields) == (409, [".data.a"])
    assert refused.body["message"] == 'Apply failed with 1 conflict: conflict with "me": .data.a'
    assert (await apply(client, f"{CONFIGMAPS}/c", config_map("c", a="2"), "other", force=True)).code == 200
    await apply(client, f"{CONFIGMAPS}/c", {"metadata": {"name": "c"}})
    assert await data_of(client) == {"a": "2"}


async def test_what_others_write_in_other_ways_becomes_theirs(client: Client) -> None:
    await apply(client, f"{CONFIGMAPS}/c", config_map("c", a="1", b="1"))
    edited = await client.patch(f"{CONFIGMAPS}/c?fieldManager=editor", {"data": {"a": "2"}})
    owned = {entry["manager"]: entry["fieldsV1"]["f:data"] for entry in edited.metadata["managedFields"]}
    assert owned == {"me": {"f:b": {}}, "editor": {"f:a": {}}}
    refused = await apply(client, f"{CONFIGMAPS}/c", config_map("c", a="1", b="1"))
    assert 'conflict with "editor" using v1: .data.a' in refused.body["message"]
    await apply(client, f"{CONFIGMAPS}/c", config_map("c", b="1"))
    assert await data_of(client) == {"a": "2", "b": "1"}


async def test_elements_of_lists_have_owners_of_their_own(client: Client) -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]
    body = pod(containers=[{"name": "c", "image": "x", "env": env, "ports": [{"containerPort": 80}]}])
    for _ in range(2):
        assert (await apply(client, f"{PODS}/p", body)).code in {200, 201}
    label = {"metadata": {"name": "p", "labels": {"l": "1"}}, "spec": {"containers": [{"name": "c", "image": "y"}]}}
    refused = await apply(client, f"{PODS}/p", label, "other")
    assert refused.fields == ['.spec.containers[name="c"].image']
    assert (await apply(client, f"{PODS}/p", label, "other", force=True)).code == 200
    found = (await client.get(f"{PODS}/p")).body
    assert found["spec"]["containers"][0]["image"] == "y"
    assert found["spec"]["containers"][0]["env"] == env


async def test_applying_the_same_again_writes_nothing(client: Client) -> None:
    body = config_map("c", a="1", metadata={"labels": {"l": "1"}, "finalizers": ["example.com/x"]})
    first = await apply(client, f"{CONFIGMAPS}/c", body)
    again = await apply(client, f"{CONFIGMAPS}/c", body)
    assert again.metadata["resourceVersion"] == first.metadata["resourceVersion"]


async def test_an_object_that_was_created_otherwise_has_an_owner_before_the_first_apply(client: Client) -> None:
    await client.post(CONFIGMAPS, config_map("c", a="1"))
    refused = await apply(client, f"{CONFIGMAPS}/c", config_map("c", a="2"))
    assert 'conflict with "before-first-apply" using v1: .data.a' in refused.body["message"]


async def test_applying_needs_a_manager_and_the_right_name(client: Client) -> None:
    assert (await client.patch(f"{CONFIGMAPS}/c", config_map("c"), APPLY)).code == 400
    assert (await apply(client, f"{CONFIGMAPS}/c", config_map("d"))).code == 400
