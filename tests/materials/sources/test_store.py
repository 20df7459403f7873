"""Objects are followed one by one while pods refer to them, and whatever happens to them or to the server is seen."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest

from tests.support.cluster import JSON, FakeCluster
from vk_core.api.meta import ObjectMeta
from vk_core.materials.objects import Absent, KeyedObject, Ref, Unreadable
from vk_core.materials.sources.contents import ConfigMapContent, SecretContent, kept
from vk_core.materials.sources.store import ObjectStore
from vk_core.testing import run_in_virtual_time, virtual_time

CONFIG = Ref("ConfigMap", "default", "config")
PASSWORD = Ref("Secret", "default", "password")


class Told:
    """A store, and what it has told."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.changes: list[tuple[str, set[str]]] = []
        self.store = ObjectStore(cluster.client, changed=lambda ref, uids: self.changes.append((ref.name, set(uids))))

    async def look(self, *refs: Ref) -> list[KeyedObject | Absent | Unreadable]:
        await self.store.ready(refs)
        return [self.store.lookup(ref) for ref in refs]

    def data(self, ref: Ref) -> dict[str, bytes]:
        found = self.store.lookup(ref)
        assert isinstance(found, KeyedObject), found
        return dict(found.data)


@contextlib.asynccontextmanager
async def running(cluster: FakeCluster) -> AsyncIterator[Told]:
    told = Told(cluster)
    task = asyncio.create_task(told.store.run())
    await asyncio.sleep(0)
    try:
        yield told
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        left = {other.get_name() for other in asyncio.all_tasks()} - {"main", asyncio.current_task().get_name()}  # type: ignore[union-attr]
        assert not left, "everything ends with run()"


def secret(text: str, **more: object) -> JSON:
    return {"data": {"key": base64.b64encode(text.encode()).decode()}, "type": "Opaque", **more}


@virtual_time
async def test_values_come_as_bytes_and_keys_of_binary_data_are_known_as_such() -> None:
    cluster = FakeCluster()
    cluster.put("configmaps", "default", "config", {"data": {"a": "ü", "e": ""}, "binaryData": {"b": "AP8="}})
    cluster.put("secrets", "default", "password", {"data": {"p": "aGk=", "empty": "", "null": None}, "type": "Opaque"})
    async with running(cluster) as told:
        told.store.hold("pod", [CONFIG, PASSWORD])
        config, password = await told.look(CONFIG, PASSWORD)
        assert isinstance(config, KeyedObject)
        assert isinstance(password, KeyedObject)
        assert config.data == {"a": "ü".encode(), "e": b"", "b": b"\x00\xff"}
        assert (config.binary, config.immutable) == (frozenset({"b"}), False)
        assert (password.data, password.type) == ({"p": b"hi", "empty": b"", "null": b""}, "Opaque")


@virtual_time
async def test_one_object_of_a_thousand_pods_is_one_watch_and_a_change_names_them_all() -> None:
    cluster = FakeCluster()
    cluster.put("configmaps", "default", "config", {"data": {"a": "1"}})
    async with running(cluster) as told:
        pods = {f"pod-{number}" for number in range(1000)}
        for uid in pods:
            told.store.hold(uid, [CONFIG])
        await asyncio.gather(*(told.store.ready([CONFIG]) for _ in pods))
        await asyncio.sleep(1)
        assert (cluster.requests["list", "configmaps"], cluster.requests["watch", "configmaps"]) == (1, 1)
        assert (told.store.watches, told.changes) == (1, [("config", pods)])
        told.changes.clear()
        cluster.edit("configmaps", "default", "config", {"data": {"a": "2"}})
        await asyncio.sleep(0.1)
        assert told.changes == [("config", pods)]
        assert told.data(CONFIG) == {"a": b"2"}


@virtual_time
async def test_a_change_of_nothing_but_annotations_is_not_told() -> None:
    cluster = FakeCluster()
    cluster.put("configmaps", "default", "config", {"data": {"a": "1"}})
    async with running(cluster) as told:
        told.store.hold("pod", [CONFIG])
        (before,) = await told.look(CONFIG)
        await asyncio.sleep(1)
        made = cluster.edit("configmaps", "default", "config", {"metadata": {"annotations": {"a": "b"}}})
        await asyncio.sleep(1)
        (after,) = await told.look(CONFIG)
        assert isinstance(before, KeyedObject)
        assert isinstance(after, KeyedObject)
        assert after.resource_version == made["metadata"]["resourceVersion"]
        assert after.data is before.data, "values that are the same are in memory once"
        assert told.changes == [("config", {"pod"})]


@virtual_time
async def test_the_watch_ends_at_once_when_the_last_pod_goes() -> None:
    cluster = FakeCluster()
    cluster.put("configmaps", "default", "config", {"data": {"a": "1"}})
    async with running(cluster) as told:
        told.store.hold("one", [CONFIG])
        told.store.hold("two", [CONFIG])
        await told.look(CONFIG)
        await asyncio.sleep(1)
        told.store.release("one")
        told.store.release("one")
        await asyncio.sleep(0.01)
        assert (told.store.watches, len(cluster._watches)) == (1, 1)
        told.store.release("two")
        assert told.store.watches == 0
        await asyncio.sleep(0.01)
        assert not cluster._watches
        assert isinstance(told.store.lookup(CONFIG), Unreadable), "nothing of it is kept"


@virtual_time
async def test_who_waits_goes_on_when_the_pod_is_released_during_the_first_read() -> None:
    cluster = FakeCluster()
    cluster.slow["list", "configmaps"] = 60.0
    async with running(cluster) as told:
        told.store.hold("pod", [CONFIG])
        waiting = asyncio.create_task(told.store.ready([CONFIG]))
        await asyncio.sleep(1)
        assert not waiting.done()
        told.store.release("pod")
        async with asyncio.timeout(0.1):
            await waiting
        await asyncio.sleep(120)
        assert cluster.requests["list", "configmaps"] == 0, "the request was given up"
        assert told.changes == []


@virtual_time
async def test_who_waits_for_several_objects_waits_for_the_last() -> None:
    cluster = FakeCluster()
    cluster.slow["list", "configmaps"] = 5.0
    async with running(cluster) as told:
        told.store.hold("pod", [PASSWORD, CONFIG])
        waiting = asyncio.create_task(told.store.ready([PASSWORD, CONFIG, PASSWORD]))
        await asyncio.sleep(4)
        assert told.store.lookup(PASSWORD) == Absent(PASSWORD)
        assert not waiting.done()
        await waiting
        assert told.store.lookup(CONFIG) == Absent(CONFIG)


@virtual_time
async def test_a_pod_whose_references_change_gives_up_what_it_no_longer_refers_to() -> None:
    cluster = FakeCluster()
    async with running(cluster) as told:
        told.store.hold("pod", [CONFIG, PASSWORD, CONFIG])
        await told.look(CONFIG, PASSWORD)
        told.store.hold("pod", [PASSWORD])
        assert told.store.watches == 1
        cluster.put("configmaps", "default", "config", {"data": {}})
        cluster.put("secrets", "default", "password", secret("x"))
        await asyncio.sleep(1)
        assert told.changes == [("config", {"pod"}), ("password", {"pod"}), ("password", {"pod"})]
        told.store.hold("pod", [])
        assert told.store.watches == 0


@virtual_time
async def test_an_object_may_be_missing_come_go_and_come_again() -> None:
    cluster = FakeCluster()
    async with running(cluster) as told:
        told.store.hold("pod", [CONFIG])
        assert await told.look(CONFIG) == [Absent(CONFIG)]
        await asyncio.sleep(1)
        for text in ("first", "second"):
            cluster.put("configmaps", "default", "config", {"data": {"a": text}})
            await asyncio.sleep(0.1)
            assert told.data(CONFIG) == {"a": text.encode()}
            cluster.delete("configmaps", "default", "config")
            await asyncio.sleep(0.1)
            assert await told.look(CONFIG) == [Absent(CONFIG)]
        assert len(told.changes) == 5


@virtual_time
async def test_nothing_is_lost_while_the_api_server_is_away_and_what_was_known_stays() -> None:
    cluster = FakeCluster()
    gone = Ref("ConfigMap", "default", "gone")
    for name in ("config", "gone"):
        cluster.put("configmaps", "default", name, {"data": {"a": "1"}})
    async with running(cluster) as told:
        told.store.hold("pod", [CONFIG, gone, PASSWORD])
        await told.look(CONFIG, gone, PASSWORD)
        await asyncio.sleep(1)
        cluster.down = True
        cluster.disconnect_watches()
        cluster.edit("configmaps", "default", "config", {"data": {"a": "2"}})
        cluster.delete("configmaps", "default", "gone")
        cluster.put("secrets", "default", "password", secret("new"))
        cluster.compact()
        await asyncio.sleep(600)
        assert told.data(CONFIG) == told.data(gone) == {"a": b"1"}
        cluster.down = False
        await asyncio.sleep(20)
        assert (told.data(CONFIG), told.data(PASSWORD)) == ({"a": b"2"}, {"key": b"new"})
        assert told.store.lookup(gone) == Absent(gone)


@virtual_time
async def test_an_object_that_was_replaced_while_nobody_watched_is_the_new_one() -> None:
    cluster = FakeCluster()
    cluster.put("configmaps", "default", "config", {"data": {"a": "1"}})
    async with running(cluster) as told:
        told.store.hold("pod", [CONFIG])
        await told.look(CONFIG)
        await asyncio.sleep(1)
        cluster.disconnect_watches()
        cluster.delete("configmaps", "default", "config")
        cluster.put("configmaps", "default", "config", {"data": {"b": "2"}})
        cluster.compact()
        await asyncio.sleep(20)
        assert told.data(CONFIG) == {"b": b"2"}


@virtual_time
async def test_a_refusal_right_after_the_pod_was_bound_is_waited_out_and_told_to_nobody() -> None:
    """The Node authorizer learns of a pod a little later than the node."""
    cluster = FakeCluster()
    cluster.put("secrets", "default", "password", secret("x"))
    cluster.fail("list", "secrets", code=403, reason="Forbidden", times=2)
    async with running(cluster) as told:
        told.store.hold("pod", [PASSWORD])
        async with asyncio.timeout(0.7):
            (found,) = await told.look(PASSWORD)
        assert isinstance(found, KeyedObject)
        assert told.changes == [("password", {"pod"})]


def test_what_stays_forbidden_is_unreadable_with_one_line_in_the_log_until_it_is_allowed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    run_in_virtual_time(_stays_forbidden())
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2, "one line each time, and only one"
    assert caplog.text.count("cannot follow secret default/") == 2, "whichever was refused first"


async def _stays_forbidden() -> None:
    cluster = FakeCluster()
    cluster.put("secrets", "default", "password", secret("x"))
    cluster.fail("list", "secrets", code=403, reason="Forbidden", times=1000)
    other = Ref("Secret", "default", "other")
    async with running(cluster) as told:
        told.store.hold("pod", [PASSWORD, other])
        async with asyncio.timeout(1):
            found, _ = await told.look(PASSWORD, other)
        assert isinstance(found, Unreadable)
        assert "list secrets default: Forbidden" in found.message
        await asyncio.sleep(300)
        assert len(told.changes) == 2, "the same message is told once"
        cluster._faults.clear()
        await asyncio.sleep(20)
        assert told.data(PASSWORD) == {"key": b"x"}
        cluster.fail("watch", "secrets", code=403, reason="Forbidden", times=1000)
        cluster.disconnect_watches()
        await asyncio.sleep(300)
        assert told.data(PASSWORD) == {"key": b"x"}, "what is known stays"


@virtual_time
async def test_an_api_server_that_hangs_does_not_hold_pods_up_for_longer_than_one_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = FakeCluster()
    cluster.slow["list", "configmaps"] = 30.0
    cluster.fail("list", "configmaps", code=0, times=100)
    async with running(cluster) as told:
        told.store.hold("pod", [CONFIG])
        async with asyncio.timeout(31):
            (found,) = await told.look(CONFIG)
        assert isinstance(found, Unreadable)
    assert not caplog.records, "the informer of pods tells that it is away"


@virtual_time
async def test_an_immutable_object_is_read_and_not_watched() -> None:
    cluster = FakeCluster()
    cluster.put("secrets", "default", "password", secret("x", immutable=True))
    async with running(cluster) as told:
        told.store.hold("pod", [PASSWORD])
        (found,) = await told.look(PASSWORD)
        assert isinstance(found, KeyedObject)
        assert found.immutable
        await asyncio.sleep(3600)
        assert (told.store.watches, cluster.requests["watch", "secrets"]) == (0, 0)
        assert cluster.requests["list", "secrets"] == 1


@virtual_time
async def test_an_object_that_becomes_immutable_is_no_longer_watched() -> None:
    cluster = FakeCluster()
    cluster.put("secrets", "default", "password", secret("x"))
    async with running(cluster) as told:
        told.store.hold("pod", [PASSWORD])
        await told.look(PASSWORD)
        await asyncio.sleep(1)
        cluster.edit("secrets", "default", "password", {**secret("y"), "immutable": True})
        await asyncio.sleep(1)
        assert (told.store.watches, len(cluster._watches)) == (0, 0)
        assert told.data(PASSWORD) == {"key": b"y"}


@virtual_time
async def test_an_immutable_object_is_read_again_for_a_pod_that_comes_later() -> None:
    """It may have been deleted and made anew; pods that come together need not ask one by one."""
    cluster = FakeCluster()
    cluster.put("secrets", "default", "password", secret("old", immutable=True))
    async with running(cluster) as told:
        for number in range(100):
            told.store.hold(f"old-{number}", [PASSWORD])
            await told.look(PASSWORD)
            await asyncio.sleep(0.05)
        assert cluster.requests["list", "secrets"] == 1
        cluster.delete("secrets", "default", "password")
        cluster.put("secrets", "default", "password", secret("new", immutable=True))
        await asyncio.sleep(60)
        told.store.hold("old-1", [PASSWORD])
        await asyncio.sleep(1)
        assert told.data(PASSWORD) == {"key": b"old"}, "a pod that has it keeps it"
        told.store.hold("new", [PASSWORD])
        await told.look(PASSWORD)
        assert told.data(PASSWORD) == {"key": b"new"}
        assert cluster.requests["list", "secrets"] == 2


@virtual_time
async def test_objects_that_were_held_before_run_are_fetched_when_it_begins() -> None:
    cluster = FakeCluster()
    cluster.put("configmaps", "default", "config", {"data": {"a": "1"}})
    told = Told(cluster)
    told.store.hold("pod", [CONFIG])
    waiting = asyncio.create_task(told.store.ready([CONFIG]))
    await asyncio.sleep(100)
    assert not waiting.done()
    task = asyncio.create_task(told.store.run())
    await waiting
    assert told.data(CONFIG) == {"a": b"1"}
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert told.store.watches == 0


@virtual_time
async def test_who_waits_goes_on_when_everything_ends() -> None:
    cluster = FakeCluster()
    cluster.slow["list", "configmaps"] = 60.0
    async with running(cluster) as told:
        told.store.hold("pod", [CONFIG])
        waiting = asyncio.create_task(told.store.ready([CONFIG]), name="main")
        await asyncio.sleep(1)
    await waiting


@virtual_time
async def test_a_bug_in_who_is_told_ends_run_with_it() -> None:
    cluster = FakeCluster()

    def broken(_: Ref, __: frozenset[str]) -> None:
        raise LookupError("a bug")

    store = ObjectStore(cluster.client, changed=broken)
    store.hold("pod", [CONFIG])
    with pytest.raises(LookupError, match="a bug"):
        await store.run()


def test_what_is_read_shows_no_value_and_no_annotation() -> None:
    metadata = ObjectMeta(name="n", namespace="ns", annotations={"last-applied": "hunter2"})
    for seen in (
        SecretContent(metadata=metadata, data={"k": b"hunter2"}),
        ConfigMapContent(metadata=metadata, data={"k": "hunter2"}, binary_data={"b": b"hunter2"}),
    ):
        assert repr(seen) == f"{type(seen).__name__}(ns/n)"
        assert "hunter2" not in repr(kept(PASSWORD, None, seen))


def test_no_value_is_in_a_log_or_a_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown = run_in_virtual_time(_show_everything())
    for value in ("hunter2", "aHVudGVyMg", "Hunter2"):
        assert value not in caplog.text
        assert value not in shown
    assert "cannot understand a Secret" in caplog.text


async def _show_everything() -> str:
    cluster = FakeCluster()
    copy = {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2"}}
    cluster.put("secrets", "default", "password", {**secret("hunter2"), "metadata": copy})
    cluster.put("configmaps", "default", "config", {"data": {"a": "hunter2"}, "metadata": copy})
    cluster.put("secrets", "default", "broken", {"data": {"key": "hunter2!"}})
    cluster.put("configmaps", "default", "odd", {"data": {"key": ["hunter2"]}})
    refs = [CONFIG, PASSWORD, Ref("Secret", "default", "broken"), Ref("ConfigMap", "default", "odd")]
    async with running(cluster) as told:
        told.store.hold("pod", refs)
        found = await told.look(*refs)
        items = [told.store._objects.get(ref) for ref in refs]
        frames = [task.get_stack()[-1].f_locals for task in asyncio.all_tasks() if "follow" in task.get_name()]
        await asyncio.sleep(1)
        cluster.edit("secrets", "default", "broken", {"data": {"key": "hunter2!!"}})
        cluster.disconnect_watches()
        await asyncio.sleep(1)
        return repr(found) + repr(items) + repr(frames)
