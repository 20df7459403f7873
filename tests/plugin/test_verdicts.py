"""Which providers work is found out in child processes, remembered when good, and never out of date."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vk_core.plugin import verdicts
from vk_core.plugin.entries import installed
from vk_core.plugin.verdicts import Verdict, Verdicts

if TYPE_CHECKING:
    from tests.plugin.conftest import Packages

GROUP = "virtual_kubelet.providers"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "providers.json"


def look(packages: Packages, cache: Path | None) -> dict[str, Verdict]:
    """The verdicts about the packages of this test."""
    own = [entry for entry in installed(GROUP) if (packages.folder / f"{entry.module}.py").exists()]
    return {verdict.entry.name: verdict for verdict in Verdicts(cache, own).wait()}


def test_a_broken_provider_is_listed_with_its_reason_beside_those_that_work(packages: Packages, cache: Path) -> None:
    packages.add_provider("vk-fine")
    packages.add("vk-bad", "import nowhere_to_be_found")
    found = look(packages, cache)
    assert (found["vk-fine"].problem, found["vk-fine"].api) == ("", 1)
    assert "No module named 'nowhere_to_be_found'" in found["vk-bad"].problem
    assert found["vk-bad"].shortly().startswith("cannot be loaded: importing vk_bad failed")
    assert not {"vk_fine", "vk_bad"} & set(sys.modules)


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        pytest.param("import os; os._exit(7)", "ended the Python process with status 7", id="it ends the process"),
        pytest.param("import threading; threading.Event().wait()", "takes longer than", id="it never ends"),
    ],
)
def test_a_provider_that_misbehaves_on_import_does_so_alone(
    packages: Packages, cache: Path, module: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdicts, "PROBE_SECONDS", 3.0)
    packages.add("vk-wild", module)
    assert problem in look(packages, cache)["vk-wild"].problem


def test_what_a_provider_prints_on_import_disturbs_nothing(
    packages: Packages, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    module = packages.add_provider("vk-loud")
    text = (packages.folder / f"{module}.py").read_text()
    packages.write(module, f"print('hello')\n{text}")
    assert not look(packages, cache)["vk-loud"].problem
    assert capfd.readouterr() == ("", "")


def test_a_good_provider_is_not_looked_at_again(
    packages: Packages, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages.add_provider("vk-fine")
    first = look(packages, cache)
    monkeypatch.setattr(verdicts, "_start", lambda entry: pytest.fail(f"{entry.name} was imported again"))
    assert look(packages, cache) == first


def test_a_good_provider_that_breaks_is_noticed(packages: Packages, cache: Path) -> None:
    module = packages.add_provider("vk-fine")
    assert not look(packages, cache)["vk-fine"].problem
    packages.write(module, "def (")
    os.utime(packages.folder / f"{module}.py", ns=(1, 1))
    assert "SyntaxError" in look(packages, cache)["vk-fine"].problem


def test_a_broken_provider_is_looked_at_every_time(packages: Packages, cache: Path) -> None:
    """What it lacks may be anything on the machine, so nothing could tell that it was repaired."""
    packages.add("vk-picky", "import os; os.environ['VK_PICKY']; from vk_fine import PROVIDER")
    packages.add_provider("vk-fine")
    for _ in range(2):
        assert "KeyError: 'VK_PICKY'" in look(packages, cache)["vk-picky"].problem
    os.environ["VK_PICKY"] = "now"
    try:
        assert not look(packages, cache)["vk-picky"].problem
    finally:
        del os.environ["VK_PICKY"]


@pytest.mark.parametrize("content", ["", "[]", '{"vk-fine:vk-fine": 3}', "\x00", "{"])
def test_a_damaged_cache_is_the_same_as_none(packages: Packages, cache: Path, content: str) -> None:
    cache.parent.mkdir()
    cache.write_text(content)
    packages.add_provider("vk-fine")
    assert not look(packages, cache)["vk-fine"].problem


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(packages: Packages, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    packages.add_provider("vk-fine")
    assert not look(packages, tmp_path / "file" / "cache.json")["vk-fine"].problem
    assert not look(packages, None)["vk-fine"].problem


def test_two_packages_with_the_same_provider_are_both_listed_as_broken(packages: Packages, cache: Path) -> None:
    packages.add_provider("vk-one")
    packages.add("vk-two", "from vk_one import PROVIDER", points="vk-one = vk_two:PROVIDER")
    own = [entry for entry in installed(GROUP) if entry.name == "vk-one"]
    for verdict in Verdicts(cache, own).wait():
        assert "offered by vk-one 1.0 and vk-two 1.0" in verdict.problem
