"""Watches: what happened since, in order, as the watcher's selection sees it; and an honest end."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.devcluster.client import CONFIGMAPS, DEADLINE_SECONDS, PODS, TABLE, Client, config_map
from vk_core.devcluster import DevCluster, watches
from vk_core.devcluster.resources import CONFIGMAPS as CONFIG_MAPS
from vk_core.devcluster.store import Stored
from vk_core.devcluster.views import View


async def version_now(client: Client) -> str:
    return str((await client.get(CONFIGMAPS)).metadata["resourceVersion"])


async def test_a_watch_goes_on_from_a_resource_version(client: Client) -> None:
    version = await version_now(client)
    await client.post(CONFIGMAPS, config_map("a"))
    await client.patch(f"{CONFIGMAPS}/a", {"data": {"k": "v"}})
    async with client.watch(CONFIGMAPS, f"resourceVersion={version}") as events:
        assert await events.summary() == ("ADDED", "a")
        assert (await events.next())["object"]["data"] == {"k": "v"}
        deleted = await client.delete(f"{CONFIGMAPS}/a")
        assert deleted.code == 200
        event = await events.next()
        assert event["type"] == "DELETED"
        assert int(event["object"]["metadata"]["resourceVersion"]) == client.cluster.store.revision


async def test_a_watch_without_version_begins_with_what_is_there(client: Client) -> None:
    await client.post(CONFIGMAPS, config_map("a"))
    for query in ("fieldSelector=metadata.name%3Da", "fieldSelector=metadata.name%3Da&resourceVersion=0"):
        async with client.watch(CONFIGMAPS, query) as events:
            assert await events.summary() == ("ADDED", "a")


async def test_a_pod_enters_and_leaves_the_selection_of_a_watch(client: Client) -> None:
    await client.create_pod(schedulerName="nobody")
    version = await version_now(client)
    query = f"resourceVersion={version}&fieldSelector=spec.nodeName%3Dn,status.phase!%3DSucceeded"
    async with client.watch("/api/v1/pods", query) as events:
        binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}}
        await client.post(f"{PODS}/p/binding", binding)
        assert await events.summary() == ("ADDED", "p")
        await client.patch(f"{PODS}/p/status", {"status": {"phase": "Running"}})
        assert await events.summary() == ("MODIFIED", "p")
        await client.patch(f"{PODS}/p/status", {"status": {"phase": "Succeeded"}})
        left = await events.next()
        assert (left["type"], left["object"]["status"]["phase"]) == ("DELETED", "Running")
        assert int(left["object"]["metadata"]["resourceVersion"]) == client.cluster.store.revision
        await client.delete(f"{PODS}/p")
        await client.create_pod("q", nodeName="n")
        assert await events.summary() == ("ADDED", "q")


async def test_initial_events_end_with_a_bookmark_that_says_so(client: Client) -> None:
    await client.post(CONFIGMAPS, config_map("a"))
    query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    async with client.watch(CONFIGMAPS, f"{query}&fieldSelector=metadata.name%3Da") as events:
        assert await events.summary() == ("ADDED", "a")
        bookmark = await events.next()
        assert bookmark["type"] == "BOOKMARK"
        assert bookmark["object"]["kind"] == "ConfigMap"
        assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert bookmark["object"]["metadata"]["resourceVersion"] == str(client.cluster.store.revision)


async def test_a_watch_ends_at_its_time_out_with_a_bookmark_for_those_who_want_one(client: Client) -> None:
    version = await version_now(client)
    query = f"resourceVersion={version}&timeoutSeconds=1&allowWatchBookmarks=true"
    async with client.watch(CONFIGMAPS, query) as events:
        bookmark = await events.next()
        assert (bookmark["type"], bookmark["object"]["metadata"]["resourceVersion"]) == ("BOOKMARK", version)
        with pytest.raises(EOFError):
            await events.next()


async def test_what_is_forgotten_is_gone(client: Client) -> None:
    version = await version_now(client)
    client.cluster.compact()
    async with client.watch(CONFIGMAPS, f"resourceVersion={version}") as events:
        error = await events.next()
        assert (error["type"], error["object"]["code"], error["object"]["reason"]) == ("ERROR", 410, "Expired")
        with pytest.raises(EOFError):
            await events.next()


async def test_history_is_bounded() -> None:
    async with DevCluster(history=2) as cluster, Client(cluster) as client:
        version = await version_now(client)
        for name in "abc":
            await client.post(CONFIGMAPS, config_map(name))
        async with client.watch(CONFIGMAPS, f"resourceVersion={version}") as events:
            assert (await events.next())["type"] == "ERROR"
        async with client.watch(CONFIGMAPS, f"resourceVersion={int(version) + 1}") as events:
            assert await events.summary() == ("ADDED", "b")


async def test_watches_can_be_disconnected_and_taken_up_again(client: Client) -> None:
    version = await version_now(client)
    async with client.watch(CONFIGMAPS, f"resourceVersion={version}") as events:
        await client.post(CONFIGMAPS, config_map("a"))
        assert await events.summary() == ("ADDED", "a")
        client.cluster.disconnect_watches()
        with pytest.raises(EOFError):
            await events.next()


async def test_a_watch_whose_client_has_gone_ends(client: Client) -> None:
    version = await version_now(client)
    async with client.watch(CONFIGMAPS, f"resourceVersion={version}"):
        assert client.cluster.open_watches == 1
    async with asyncio.timeout(DEADLINE_SECONDS):
        while client.cluster.open_watches:
            await client.get("/version")


async def test_a_table_brings_its_columns_with_the_first_row_only(client: Client) -> None:
    version = await version_now(client)
    async with client.watch(CONFIGMAPS, f"resourceVersion={version}", accept=TABLE) as events:
        await client.post(CONFIGMAPS, config_map("a", k="v"))
        await client.post(CONFIGMAPS, config_map("b"))
        first, second = (await events.next())["object"], (await events.next())["object"]
        assert [column["name"] for column in first["columnDefinitions"]] == ["Name", "Data", "Age"]
        assert second["columnDefinitions"] is None
        assert (first["rows"][0]["cells"][:2], second["rows"][0]["cells"][:2]) == (["a", 1], ["b", 0])


async def test_a_change_is_encoded_once_however_many_watch(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []
    real = View.event

    def counting(view: View, kind: str, stored: Stored, *, columns: bool = False) -> bytes:
        encoded.append(kind)
        return real(view, kind, stored, columns=columns)

    monkeypatch.setattr(View, "event", counting)
    version = await version_now(client)
    async with AsyncExitStack() as stack:
        watches = [
            await stack.enter_async_context(client.watch(CONFIGMAPS, f"resourceVersion={version}")) for _ in range(5)
        ]
        await client.post(CONFIGMAPS, config_map("a"))
        await client.delete(f"{CONFIGMAPS}/a")
        for kind in ("ADDED", "DELETED"):
            assert [await events.summary() for events in watches] == [(kind, "a")] * 5
    assert encoded == ["ADDED", "DELETED"]


async def test_a_watch_of_one_object_is_not_woken_by_others(client: Client) -> None:
    """Nodes watch every config map of their pods by itself: hundreds of watches, of which a change concerns one."""
    version = await version_now(client)
    told: list[str] = []
    still: list[str] = []
    store = client.cluster.store
    store.listen_to(lambda change: still.append(change.type), CONFIG_MAPS, ("default", "a"))
    stop = store.listen_to(lambda change: told.append(change.type), CONFIG_MAPS, ("default", "a"))
    query = f"resourceVersion={version}&fieldSelector=metadata.name%3Da"
    async with client.watch(CONFIGMAPS, query) as events:
        await client.post(CONFIGMAPS, config_map("b"))
        await client.post(CONFIGMAPS, config_map("a"))
        await client.delete(f"{CONFIGMAPS}/b")
        await client.delete(f"{CONFIGMAPS}/a")
        assert await events.summary() == ("ADDED", "a")
        assert await events.summary() == ("DELETED", "a")
    stop()
    await client.post(CONFIGMAPS, config_map("a"))
    assert told == ["ADDED", "DELETED"]
    assert still == ["ADDED", "DELETED", "ADDED"]


async def test_a_bookmark_is_of_now_although_others_changed_only(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a quiet watch would have to begin again as soon as much happens elsewhere."""
    version = await version_now(client)
    query = f"resourceVersion={version}&allowWatchBookmarks=true&fieldSelector=metadata.name%3Da"
    monkeypatch.setattr(watches, "_BOOKMARK_SECONDS", 0.01)
    async with client.watch(CONFIGMAPS, query) as events:
        await client.post(CONFIGMAPS, config_map("b"))
        now = str(client.cluster.store.revision)
        while (event := await events.next())["object"]["metadata"]["resourceVersion"] != now:
            assert event["type"] == "BOOKMARK"


@pytest.mark.parametrize("plural", ["configmaps", "secrets", "services", "serviceaccounts"])
async def test_single_objects_are_listed_and_watched_by_name(client: Client, plural: str) -> None:
    path = f"/api/v1/namespaces/default/{plural}"
    for name in ("a", "b"):
        body = {"metadata": {"name": name}, **({"spec": {"ports": [{"port": 80}]}} if plural == "services" else {})}
        assert (await client.post(path, body)).code == 201
    assert (await client.get(f"{path}?fieldSelector=metadata.name%3Da")).names == ["a"]
    assert (await client.get(f"/api/v1/{plural}?fieldSelector=metadata.name%3Da")).names == ["a"]
    async with client.watch(path, "fieldSelector=metadata.name%3Da") as events:
        assert await events.summary() == ("ADDED", "a")
        await client.delete(f"{path}/b")
        await client.delete(f"{path}/a")
        assert await events.summary() == ("DELETED", "a")
