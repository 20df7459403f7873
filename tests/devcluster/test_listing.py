"""Lists: pages that show one moment, selectors, and the resource versions they are asked for."""

from __future__ import annotations

import pytest

from tests.devcluster.client import CONFIGMAPS, NODES, PODS, TABLE, Client, config_map, node

LABELLED = f"{CONFIGMAPS}?labelSelector=app"


async def make_config_maps(client: Client, names: str) -> None:
    for name in names:
        await client.post(CONFIGMAPS, config_map(name, metadata={"labels": {"app": name}}))


async def test_pages_show_one_moment_however_long_they_take(client: Client) -> None:
    await make_config_maps(client, "abcde")
    first = await client.get(f"{LABELLED}&limit=2")
    await client.delete(f"{CONFIGMAPS}/d")
    await make_config_maps(client, "x")
    second = await client.get(f"{LABELLED}&limit=2&continue={first.metadata['continue']}")
    third = await client.get(f"{LABELLED}&limit=2&continue={second.metadata['continue']}")
    assert first.names + second.names + third.names == list("abcde")
    assert {page.metadata["resourceVersion"] for page in (first, second, third)} == {first.metadata["resourceVersion"]}
    assert "continue" not in third.metadata


async def test_a_page_can_be_asked_for_again_and_is_gone_after_compaction(client: Client) -> None:
    await make_config_maps(client, "abc")
    token = (await client.get(f"{LABELLED}&limit=1")).metadata["continue"]
    for _ in range(2):
        assert (await client.get(f"{LABELLED}&limit=1&continue={token}")).names == ["b"]
    client.cluster.compact()
    answer = await client.get(f"{LABELLED}&limit=1&continue={token}")
    assert (answer.code, answer.body["reason"]) == (410, "Expired")


async def test_the_rest_is_counted_only_without_selectors(client: Client) -> None:
    await make_config_maps(client, "abc")
    assert (await client.get(f"{CONFIGMAPS}?limit=1")).metadata["remainingItemCount"] == 3
    assert "remainingItemCount" not in (await client.get(f"{LABELLED}&limit=1")).metadata


async def test_selectors_narrow_a_list(client: Client) -> None:
    await make_config_maps(client, "abc")
    await client.create_pod("on", nodeName="n")
    await client.create_pod("off", schedulerName="nobody")
    assert (await client.get(f"{CONFIGMAPS}?labelSelector=app%20in%20(a,c)")).names == ["a", "c"]
    assert (await client.get("/api/v1/pods?fieldSelector=spec.nodeName%3Dn")).names == ["on"]
    assert (await client.get(f"{PODS}?fieldSelector=spec.nodeName%3D")).names == ["off"]
    assert (await client.get(f"{PODS}?fieldSelector=metadata.name%3Doff,status.phase!%3DFailed")).names == ["off"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("labelSelector=a%3D%3D%3Db", 400),
        ("fieldSelector=a", 400),
        ("fieldSelector=spec.unknown%3Da", 400),
        ("limit=many", 400),
        ("continue=nonsense", 400),
        ("resourceVersion=abc", 400),
        ("resourceVersion=99999", 504),
        ("resourceVersionMatch=Exact", 422),
        ("resourceVersionMatch=Maybe&resourceVersion=1", 422),
        ("resourceVersionMatch=Exact&resourceVersion=0", 422),
        ("resourceVersionMatch=Exact&resourceVersion=1", 410),
        ("sendInitialEvents=true", 422),
        ("watch=1&sendInitialEvents=true", 422),
        ("watch=1&resourceVersionMatch=NotOlderThan&resourceVersion=1", 422),
        ("watch=1&resourceVersion=abc", 400),
    ],
)
async def test_options_that_make_no_sense_are_refused(client: Client, query: str, code: int) -> None:
    assert (await client.get(f"{CONFIGMAPS}?{query}")).code == code


async def test_a_list_may_be_not_older_than_what_is_there(client: Client) -> None:
    version = (await client.get(CONFIGMAPS)).metadata["resourceVersion"]
    for match in ("NotOlderThan", "Exact"):
        answer = await client.get(f"{CONFIGMAPS}?resourceVersion={version}&resourceVersionMatch={match}")
        assert answer.code == 200


async def test_a_list_is_a_table_or_metadata_for_those_who_ask(client: Client) -> None:
    await client.post(NODES, node())
    table = (await client.get(NODES, accept=f"{TABLE},application/json")).body
    assert [column["name"] for column in table["columnDefinitions"][:3]] == ["Name", "Status", "Roles"]
    assert table["rows"][0]["cells"][:2] == ["n", "Ready"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    metadata = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    items = (await client.get(NODES, accept=metadata)).body["items"]
    assert set(items[0]) == {"kind", "apiVersion", "metadata"}
