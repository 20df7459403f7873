"""Changes of what pods refer to: in the files at once, whole, and never lost."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.host.fakes import FakeMaterials, files, listed, points_to, reads, seen, shows, until
from vk_core.errors import Conflict
from vk_core.host import HostVolumes, atomicwriter
from vk_core.host.beneath import Folder
from vk_core.host.ownership import Ownership
from vk_core.provider.materials import (
    EmptyDirVolume,
    Environment,
    VolumeFile,
)

NOTHING = Environment({})
CONFIG = "volumes/kubernetes.io~configmap"
EMPTY = "volumes/kubernetes.io~empty-dir"


async def test_a_change_is_in_the_files_at_once(volumes: HostVolumes) -> None:
    materials = FakeMaterials(files("c", {"a": b"1", "b": b"1"}), files("s", {"k": b"1"}, kind="secret"))
    opened = await volumes.open(materials)

    changed = time.monotonic()
    materials.change(files("c", {"a": b"2", "new": b"2"}))
    await until(reads(opened.folder / CONFIG / "c" / "a", b"2"))

    assert time.monotonic() - changed < 1  # it takes about 3 ms
    await until(shows(opened.folder / CONFIG / "c", {"a": b"2", "new": b"2"}))


async def test_many_changes_at_once_are_written_once_or_twice(unprivileged: HostVolumes) -> None:
    materials = FakeMaterials(files("c", {"a": b"0"}))
    opened = await unprivileged.open(materials)
    asked = materials.asked

    for number in range(100):
        materials.change(files("c", {"a": str(number).encode()}))
    await until(reads(opened.folder / CONFIG / "c" / "a", b"99"))

    assert materials.asked - asked <= 2


async def test_former_contents_are_gone_after_a_while(
    unprivileged: HostVolumes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vk_core.host.volumewriter.KEPT_SECONDS", 0.0)
    monkeypatch.setattr("vk_core.host.podvolumes.KEPT_SECONDS", 0.01)
    materials = FakeMaterials(files("c", {"a": b"1"}))
    opened = await unprivileged.open(materials)

    materials.change(files("c", {"a": b"2"}))

    await until(shows(opened.folder / CONFIG / "c", {"a": b"2"}))
    await until(lambda: len(listed(opened.folder / CONFIG / "c")) == 3)


async def test_a_reader_in_a_loop_never_misses_a_file_and_never_sees_some_old_and_some_new(
    volumes: HostVolumes,
) -> None:
    materials = FakeMaterials(files("c", {"a": b"0", "b/c": b"0"}))
    opened = await volumes.open(materials)
    volume = opened.folder / CONFIG / "c"
    problems: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                (volume / "a").read_bytes(), (volume / "b" / "c").read_bytes()
                current = os.open(volume / "..data", os.O_RDONLY)
                both = {Path(f"/proc/self/fd/{current}/{name}").read_bytes() for name in ("a", "b/c")}
                os.close(current)
            except OSError as error:
                problems.append(error)
            else:
                if len(both) != 1:
                    problems.append(both)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(1, 100):
            data = str(number).encode() * 1000
            materials.change(files("c", {"a": data, "b/c": data}))
            await until(reads(volume / "a", data))
    finally:
        done.set()
        reader.join()
    assert not problems


async def test_what_has_not_changed_is_left_alone(unprivileged: HostVolumes) -> None:
    materials = FakeMaterials(files("c", {"a": b"1"}), files("d", {"a": b"1"}))
    opened = await unprivileged.open(materials)
    before = points_to(opened.folder / CONFIG / "c" / "..data")

    materials.change(files("d", {"a": b"2"}))
    await until(reads(opened.folder / CONFIG / "d" / "a", b"2"))

    assert points_to(opened.folder / CONFIG / "c" / "..data") == before


async def test_what_a_process_has_removed_from_a_volume_is_back_with_the_next_change(unprivileged: HostVolumes) -> None:
    materials = FakeMaterials(files("c", {"a": b"1"}), files("d", {"a": b"1"}))
    opened = await unprivileged.open(materials)
    (opened.folder / CONFIG / "c" / "..data").unlink()

    materials.change()

    await until(shows(opened.folder / CONFIG / "c", {"a": b"1"}))


async def test_a_mandatory_object_that_vanishes_keeps_its_files_and_holds_up_no_other(
    unprivileged: HostVolumes,
) -> None:
    materials = FakeMaterials(files("c", {"a": b"1"}), files("d", {"a": b"1"}))
    opened = await unprivileged.open(materials)

    materials.missing = {"c"}
    materials.change(files("d", {"a": b"2"}))
    await until(reads(opened.folder / CONFIG / "d" / "a", b"2"))
    assert seen(opened.folder / CONFIG / "c") == {"a": b"1"}

    materials.missing = set()
    materials.change(files("c", {"a": b"3"}))
    await until(reads(opened.folder / CONFIG / "c" / "a", b"3"))


async def test_a_change_while_the_volumes_are_laid_out_is_not_lost(unprivileged: HostVolumes) -> None:
    materials = FakeMaterials(files("c", {"a": b"1"}))
    materials.meanwhile = lambda: materials.change(files("c", {"a": b"2"}))

    opened = await unprivileged.open(materials)

    await until(reads(opened.folder / CONFIG / "c" / "a", b"2"))


async def test_what_cannot_be_written_now_is_tried_again(
    unprivileged: HostVolumes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("vk_core.host.podvolumes._FIRST_RETRY_SECONDS", 0.01)
    materials = FakeMaterials(files("c", {"a": b"1"}))
    opened = await unprivileged.open(materials)
    write, failures = atomicwriter.write, iter(range(3))

    def full(volume: Folder, contents: Mapping[atomicwriter.Parts, VolumeFile], ownership: Ownership) -> bool:
        if next(failures, None) is not None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(volume, contents, ownership)

    monkeypatch.setattr(atomicwriter, "write", full)
    materials.change(files("c", {"a": b"secret"}))

    await until(reads(opened.folder / CONFIG / "c" / "a", b"secret"))
    assert caplog.messages[0] == ("pod default/web: the volume c cannot be brought up to date: No space left on device")
    assert "secret" not in caplog.text


async def test_a_bug_while_following_is_shown_and_the_next_change_is_written(
    unprivileged: HostVolumes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    materials = FakeMaterials(files("c", {"a": b"1"}))
    opened = await unprivileged.open(materials)

    def broken(volumes: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(opened._folder, "update", broken)
        materials.change(files("c", {"a": b"2"}))
        await until(lambda: "ZeroDivisionError" in caplog.text)
    materials.change(files("c", {"a": b"3"}))

    await until(reads(opened.folder / CONFIG / "c" / "a", b"3"))


async def test_materials_that_have_ended_are_not_asked_again(unprivileged: HostVolumes) -> None:
    materials = FakeMaterials(files("c", {"a": b"1"}))
    opened = await unprivileged.open(materials)

    async def ended(*arguments: object) -> None:
        materials.asked += 1
        raise Conflict("the pod has come to its end")

    materials.volumes = ended  # type: ignore[method-assign,assignment]
    asked = materials.asked
    materials.change()

    await until(lambda: materials.asked > asked)
    await until(lambda: opened._writing is not None and opened._writing.done())
    assert materials.asked == asked + 1


async def test_the_provider_hears_of_changes_from_the_volumes(unprivileged: HostVolumes) -> None:
    materials = FakeMaterials(EmptyDirVolume("e"))
    opened = await unprivileged.open(materials)
    heard: list[str] = []
    opened.follow(lambda: heard.append("changed"))

    materials.change()
    await opened.close()
    materials.change()

    assert heard == ["changed"]
