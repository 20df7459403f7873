"""No path leads out of a volume."""

from __future__ import annotations

import posixpath
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vk_core.materials.volumes.paths import clean_path, clean_sub_path

PARTS = st.one_of(
    st.sampled_from(["", ".", "..", "...", "..data", "a", ".a", "a..", "k-1", "é" * 127, "é" * 128, "a\0b", "a\nb"]),
    st.text(max_size=4),
)
PATHS = st.one_of(st.lists(PARTS, max_size=6).map("/".join), st.text(max_size=12))


@given(PATHS)
@example("a/" * 2048 + "b")
@example("a/" * 2047 + "b")
def test_a_path_is_kept_in_its_shortest_form_or_refused_as_a_plain_model_says(path: str) -> None:
    parts = PurePosixPath(path).parts
    fine = (
        parts
        and not path.startswith("/")
        and ".." not in parts
        and not parts[0].startswith("..")
        and "\0" not in path
        and len(path.encode()) <= 4096
        and all(len(part.encode()) <= 255 for part in parts)
    )
    if not fine:
        with pytest.raises(ValueError, match=r"^invalid path: "):
            clean_path(path)
        return
    cleaned = clean_path(path)
    assert cleaned == str(PurePosixPath(path))
    assert posixpath.normpath(f"/volume/{cleaned}") == f"/volume/{cleaned}"


@given(PATHS)
def test_a_sub_path_is_kept_in_its_shortest_form_or_refused_as_a_plain_model_says(path: str) -> None:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or "\0" in path:
        with pytest.raises(ValueError, match="SubPath"):
            clean_sub_path(path)
        return
    cleaned = clean_sub_path(path)
    assert cleaned == "/".join(parts)
    assert posixpath.normpath(f"/volume/{cleaned}") == f"/volume/{cleaned}".rstrip("/")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        pytest.param("/etc/passwd", "invalid path: must be relative path: /etc/passwd", id="absolute"),
        pytest.param("a/../b", "invalid path: must not contain '..': a/../b", id="upwards"),
        pytest.param("..data/x", "invalid path: must not start with '..': ..data/x", id="the layout's own"),
        pytest.param("./..data", "invalid path: must not start with '..': ./..data", id="the layout's own, hidden"),
        pytest.param("", "invalid path: must not be empty: ''", id="nothing"),
        pytest.param(".", "invalid path: must not be empty: '.'", id="the volume itself"),
    ],
)
def test_a_refused_path_is_named(path: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        clean_path(path)
    assert str(caught.value) == message
