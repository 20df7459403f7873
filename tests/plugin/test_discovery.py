"""Loading providers by name: every way it can go wrong is one sentence that says whose fault it is and what to do."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from vk_core.errors import PluginError
from vk_core.plugin.discovery import load_provider
from vk_core.plugin.entries import installed

if TYPE_CHECKING:
    from tests.plugin.conftest import Packages

GROUP = "virtual_kubelet.providers"


def names() -> list[str]:
    return [entry.name for entry in installed(GROUP)]


def test_a_provider_is_loaded_by_its_name(packages: Packages) -> None:
    packages.add_provider("vk-fine")
    assert load_provider("vk-fine").description == "For a test."


def test_listing_what_is_installed_imports_nothing_of_it(packages: Packages) -> None:
    module = packages.add("vk-explosive", "raise RuntimeError('imported')")
    assert "vk-explosive" in names()
    assert module not in sys.modules


def test_loading_one_provider_does_not_import_another(packages: Packages) -> None:
    packages.add_provider("vk-fine")
    other = packages.add_provider("vk-other")
    load_provider("vk-fine")
    assert other not in sys.modules


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        pytest.param(
            "import nowhere_to_be_found",
            r"provider 'vk-bad' of vk-bad 1\.0 cannot be loaded: importing vk_bad failed: ModuleNotFoundError: .*"
            r"; install the package that brings nowhere_to_be_found",
            id="a module it needs is missing",
        ),
        pytest.param(None, r".* try: pip install --force-reinstall vk-bad", id="its own module is missing"),
        pytest.param("def (", r".*importing vk_bad failed: SyntaxError: .*", id="it has a syntax error"),
        pytest.param("raise SystemExit(3)", r".*importing vk_bad failed: SystemExit: 3", id="it wants to exit"),
        pytest.param("raise ValueError('a\\nb')", r".*failed: ValueError: a b", id="its message has several lines"),
        pytest.param("", r".*vk_bad has no PROVIDER, which its entry point names", id="the object is missing"),
        pytest.param(
            "def PROVIDER(): ...",
            r".*cannot be used: vk_bad:PROVIDER is a function, expected a vk_core\.provider\.ProviderPlugin",
            id="it is no provider",
        ),
    ],
)
def test_a_broken_provider_is_refused_with_its_reason(packages: Packages, module: str | None, sentence: str) -> None:
    packages.add("vk-bad", module)
    with pytest.raises(PluginError) as caught:
        load_provider("vk-bad")
    assert re.fullmatch(sentence, str(caught.value))


@pytest.mark.parametrize(
    ("api", "advice"),
    [
        pytest.param(2, "upgrade vk-core", id="newer"),
        pytest.param(0, "install a release of vk-other for API 1", id="older"),
    ],
)
def test_a_provider_for_another_interface_is_refused_naming_both_sides(
    packages: Packages, api: int, advice: str
) -> None:
    packages.add_provider("vk-other", api=api)
    with pytest.raises(PluginError, match=rf"made for provider API {api}, vk-core .* has provider API 1: {advice}"):
        load_provider("vk-other")


def test_an_unknown_name_is_answered_with_the_nearest_one(packages: Packages) -> None:
    packages.add_provider("vk-marvellous")
    with pytest.raises(PluginError, match="no provider is called 'vk-marvelous'; did you mean 'vk-marvellous'"):
        load_provider("vk-marvelous")


def test_an_unknown_name_near_to_none_is_answered_with_all_of_them(packages: Packages) -> None:
    packages.add_provider("vk-fine")
    with pytest.raises(PluginError, match=r"no provider is called 'zzz'; there is .*vk-fine"):
        load_provider("zzz")


def test_a_name_that_two_packages_offer_is_refused_naming_both(packages: Packages) -> None:
    packages.add_provider("vk-one")
    packages.add("vk-two", "", points="vk-one = vk_two:PROVIDER")
    with pytest.raises(PluginError, match=r"offered by vk-one 1\.0 and vk-two 1\.0: uninstall all but one"):
        load_provider("vk-one")


def test_unreadable_metadata_of_one_package_does_not_hide_the_others(packages: Packages) -> None:
    packages.add_provider("vk-fine")
    packages.add("vk-damaged", "", points="this line has no equals sign")
    by_name = {entry.name: entry for entry in installed(GROUP)}
    assert not by_name["vk-fine"].problem
    assert "entry_points.txt is unreadable" in by_name["vk-damaged"].problem


def test_an_entry_point_that_names_no_object_is_refused(packages: Packages) -> None:
    packages.add("vk-odd", "", points="vk-odd = not a module!")
    with pytest.raises(PluginError, match="reads 'not a module!', expected MODULE:OBJECT"):
        load_provider("vk-odd")
