"""What users name never becomes a name that leads elsewhere."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vk_core.errors import InvalidInput
from vk_core.host.names import checked, split_path, sub_path_parts

texts = st.text(alphabet=st.sampled_from("ab./\0\\ \udc80é"), max_size=20)


@given(texts)
@example("..")
@example("a/../../b")
@example("/etc")
@example("")
def test_an_item_path_is_taken_as_it_is_or_refused(path: str) -> None:
    try:
        parts = split_path(path)
    except ValueError:
        assert posixpath.isabs(path) or posixpath.normpath(path) != path or path == "." or "\0" in path or ".." in path
    else:
        assert "/".join(parts) == path
        assert not set(parts) & {"", ".", ".."}


@given(texts)
@example("a//b/./c/")
@example("./..")
def test_a_sub_path_is_what_its_normal_form_says_or_refused(path: str) -> None:
    try:
        parts = sub_path_parts(path)
    except ValueError:
        assert path.startswith("/") or ".." in path.split("/") or "\0" in path
    else:
        assert ".." not in parts
        assert posixpath.join(".", *parts).removeprefix("./") == posixpath.normpath(path)


@pytest.mark.parametrize("path", ["x" * 256, "é" * 128, "/".join(["x" * 200] * 21), "\ud800"])
def test_a_path_that_no_file_system_takes_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="must be relative"):
        split_path(path)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/", "a\0", ".hidden", "x" * 256])
def test_no_pod_volume_or_container_has_a_folder_of_another_name_than_its_own(name: str) -> None:
    with pytest.raises(InvalidInput, match="the volume"):
        checked(name, "the volume")
