"""Deletion: grace periods, preconditions, finalizers, and what goes together with what."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.devcluster.client import (
    CONFIGMAPS,
    JSON,
    MERGE,
    NAMESPACES,
    NODES,
    PODS,
    Client,
    config_map,
    node,
    pod,
)


async def test_a_pod_on_a_node_stays_with_a_deletion_timestamp_until_its_grace_is_cut_to_zero(client: Client) -> None:
    await client.create_pod(nodeName="n", terminationGracePeriodSeconds=60)
    asked = dt.datetime.now(dt.UTC)
    marked = await client.delete(f"{PODS}/p")
    assert (marked.code, marked.body["kind"]) == (200, "Pod")
    assert (marked.metadata["deletionGracePeriodSeconds"], marked.metadata["generation"]) == (60, 2)
    moment = dt.datetime.fromisoformat(marked.metadata["deletionTimestamp"])
    assert 55 < (moment - asked).total_seconds() <= 62
    assert (await client.delete(f"{PODS}/p", gracePeriodSeconds=0)).body["kind"] == "Pod"
    assert (await client.get(f"{PODS}/p")).code == 404


async def test_a_grace_period_can_only_get_shorter(client: Client) -> None:
    await client.create_pod(nodeName="n")
    first = await client.delete(f"{PODS}/p")
    shorter = await client.delete(f"{PODS}/p", gracePeriodSeconds=5)
    longer = await client.delete(f"{PODS}/p", gracePeriodSeconds=50)
    moments = [dt.datetime.fromisoformat(answer.metadata["deletionTimestamp"]) for answer in (first, shorter, longer)]
    assert moments[0] - moments[1] == dt.timedelta(seconds=25)
    assert moments[1] == moments[2]
    assert longer.metadata["deletionGracePeriodSeconds"] == 5


@pytest.mark.parametrize("phase", ["", "Failed", "Succeeded"])
async def test_a_pod_that_no_kubelet_runs_goes_at_once(client: Client, phase: str) -> None:
    await client.create_pod(**({"nodeName": "n"} if phase else {"schedulerName": "nobody"}))
    if phase:
        await client.patch(f"{PODS}/p/status", {"status": {"phase": phase}})
    await client.delete(f"{PODS}/p")
    assert (await client.get(f"{PODS}/p")).code == 404


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
async def test_a_precondition_that_does_not_hold_is_a_conflict(client: Client, field: str) -> None:
    await client.create_pod()
    refused = await client.delete(f"{PODS}/p", preconditions={field: "other"})
    assert (refused.code, refused.body["reason"]) == (409, "Conflict")
    current = (await client.get(f"{PODS}/p")).metadata[field]
    assert (await client.delete(f"{PODS}/p", preconditions={field: current})).code == 200


async def test_the_last_finalizer_takes_a_deleted_object_with_it_and_no_new_one_is_accepted(client: Client) -> None:
    await client.post(CONFIGMAPS, config_map("c", metadata={"finalizers": ["example.com/hold"]}))
    marked = await client.delete(f"{CONFIGMAPS}/c")
    assert marked.metadata["finalizers"] == ["example.com/hold"]
    assert marked.metadata["deletionTimestamp"]
    more = await client.patch(f"{CONFIGMAPS}/c", {"metadata": {"finalizers": ["example.com/more"]}})
    assert more.fields == ["metadata.finalizers"]
    await client.patch(f"{CONFIGMAPS}/c", {"metadata": {"finalizers": None}}, MERGE)
    assert (await client.get(f"{CONFIGMAPS}/c")).code == 404


async def test_what_is_removed_is_answered_with_a_status(client: Client) -> None:
    created = await client.post(CONFIGMAPS, config_map("c"))
    answer = await client.delete(f"{CONFIGMAPS}/c")
    assert (answer.body["kind"], answer.body["status"]) == ("Status", "Success")
    assert answer.body["details"] == {"name": "c", "kind": "configmaps", "uid": created.metadata["uid"]}


async def test_a_collection_is_deleted_by_selector(client: Client) -> None:
    for name in "abc":
        await client.post(CONFIGMAPS, config_map(name, metadata={"labels": {"keep": str(name == "b")}}))
    await client.request("DELETE", f"{CONFIGMAPS}?labelSelector=keep%3DFalse")
    assert (await client.get(f"{CONFIGMAPS}?labelSelector=keep")).names == ["b"]


async def test_eviction_marks_the_pod_as_disrupted_and_deletes_it(client: Client) -> None:
    await client.create_pod(nodeName="n")
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
    assert (await client.post(f"{PODS}/p/eviction", eviction)).body["status"] == "Success"
    evicted = (await client.get(f"{PODS}/p")).body
    assert evicted["metadata"]["deletionGracePeriodSeconds"] == 30
    (condition,) = (found for found in evicted["status"]["conditions"] if found["type"] == "DisruptionTarget")
    assert (condition["status"], condition["reason"]) == ("True", "EvictionByEvictionAPI")


async def owned_by(client: Client, path: str, *, blocks: bool = False) -> JSON:
    owner = (await client.get(path)).body
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "blockOwnerDeletion": blocks,
    }
    return {"ownerReferences": [reference]}


async def test_what_belongs_to_a_deleted_object_is_collected(client: Client) -> None:
    await client.post(NODES, node())
    await client.post(CONFIGMAPS, config_map("c", metadata=await owned_by(client, f"{NODES}/n")))
    await client.post(CONFIGMAPS, config_map("d", metadata=await owned_by(client, f"{CONFIGMAPS}/c")))
    await client.delete(f"{NODES}/n")
    await client.gone("configmaps", "d")
    assert (await client.get(f"{CONFIGMAPS}/c")).code == 404


async def test_what_belongs_to_nobody_is_collected_and_owners_of_unknown_types_are_left_alone(client: Client) -> None:
    lost = {"apiVersion": "v1", "kind": "ConfigMap", "name": "none", "uid": "none"}
    unknown = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "r"}
    await client.post(CONFIGMAPS, config_map("b", metadata={"ownerReferences": [lost, unknown]}))
    await client.post(CONFIGMAPS, config_map("c", metadata={"ownerReferences": [lost]}))
    await client.gone("configmaps", "c")
    kept = await client.get(f"{CONFIGMAPS}/b")
    assert [owner["kind"] for owner in kept.metadata["ownerReferences"]] == ["ReplicaSet"]


async def test_an_owner_deleted_in_the_foreground_waits_for_those_that_block_it(client: Client) -> None:
    await client.post(CONFIGMAPS, config_map("owner"))
    metadata = await owned_by(client, f"{CONFIGMAPS}/owner", blocks=True)
    await client.post(PODS, pod(metadata=metadata, nodeName="n"))
    await client.delete(f"{CONFIGMAPS}/owner", propagationPolicy="Foreground")
    await client.until(lambda: "deletionTimestamp" in client.cluster.objects("pods")[0]["metadata"])
    assert (await client.get(f"{CONFIGMAPS}/owner")).metadata["finalizers"] == ["foregroundDeletion"]
    await client.delete(f"{PODS}/p", gracePeriodSeconds=0)
    await client.gone("configmaps", "owner")


async def test_orphans_lose_their_owner_and_stay(client: Client) -> None:
    await client.post(CONFIGMAPS, config_map("owner"))
    await client.post(CONFIGMAPS, config_map("c", metadata=await owned_by(client, f"{CONFIGMAPS}/owner")))
    await client.delete(f"{CONFIGMAPS}/owner", propagationPolicy="Orphan")
    await client.gone("configmaps", "owner")
    assert "ownerReferences" not in (await client.get(f"{CONFIGMAPS}/c")).metadata


async def test_a_namespace_is_emptied_and_accepts_nothing_meanwhile(client: Client) -> None:
    home = f"{NAMESPACES}/going"
    await client.post(NAMESPACES, {"metadata": {"name": "going"}})
    await client.post(f"{home}/pods", pod(nodeName="n"))
    await client.post(f"{home}/configmaps", config_map("c"))
    marked = await client.delete(home)
    assert marked.body["status"]["phase"] == "Terminating"
    refused = await client.post(f"{home}/configmaps", config_map("d"))
    assert (refused.code, refused.body["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    await client.gone("configmaps", "c")
    assert (await client.get(home)).code == 200
    await client.delete(f"{home}/pods/p", gracePeriodSeconds=0)
    await client.gone("namespaces", "going")


async def test_the_namespaces_of_the_system_cannot_be_deleted(client: Client) -> None:
    refused = await client.delete(f"{NAMESPACES}/default")
    assert (refused.code, refused.body["reason"]) == (403, "Forbidden")
