"""Where a container has its volumes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.support.facts import volume_of
from vk_core.api.container import Container, EphemeralContainer
from vk_core.api.volumes import Volume
from vk_core.materials.volumes.mounts import mounts_of
from vk_core.provider.materials import Mount


def mounts(*given: dict[str, Any], volumes: tuple[Volume, ...] = (), **variables: str) -> tuple[Mount, ...]:
    manifest = {"name": "main", "volumeMounts": [{"name": "v", "mountPath": "/m", **fields} for fields in given]}
    return mounts_of(msgspec.convert(manifest, Container), variables, volumes=volumes)


def test_mounts_keep_the_order_of_the_specification_and_have_kubernetes_defaults() -> None:
    assert mounts({}, {"mountPath": "relative", "subPath": "./a//b/"}) == (
        Mount("v", "/m", "", False, "Disabled", "None"),
        Mount("v", "/relative", "a/b", False, "Disabled", "None"),
    )


def test_modes_are_passed_on() -> None:
    assert mounts({"readOnly": True, "recursiveReadOnly": "IfPossible"}, {"mountPropagation": "Bidirectional"}) == (
        Mount("v", "/m", read_only=True, recursive_read_only="IfPossible"),
        Mount("v", "/m", propagation="Bidirectional"),
    )


def test_a_debug_container_has_mounts_too() -> None:
    manifest = {"name": "debug", "volumeMounts": [{"name": "v", "mountPath": "/m"}]}
    assert mounts_of(msgspec.convert(manifest, EphemeralContainer), {}) == (Mount("v", "/m"),)


def test_variables_are_expanded_in_sub_path_expressions_only() -> None:
    first, second = mounts({"subPathExpr": "$(POD)/$$(POD)/log"}, {"subPath": "$(POD)"}, POD="web-1")
    assert first.sub_path == "web-1/$(POD)/log"
    assert second.sub_path == "$(POD)"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({"subPathExpr": "$(B)/$(A)/$(B)"}, "missing value for A, B", id="variables that are not there"),
        pytest.param({"subPathExpr": "$(EMPTY)"}, "missing value for EMPTY", id="empty variable"),
        pytest.param(
            {"subPathExpr": "a/$(UP)/b"}, "unable to provision SubPath `a/../b`: must not contain '..'", id="upwards"
        ),
        pytest.param(
            {"subPathExpr": "$(ROOT)"}, "error SubPath `/etc` must not be an absolute path", id="absolute by a variable"
        ),
        pytest.param({"subPath": "/etc"}, "error SubPath `/etc` must not be an absolute path", id="absolute"),
        pytest.param({"mountPropagation": "Both"}, 'invalid MountPropagation mode: "Both"', id="propagation"),
        pytest.param(
            {"recursiveReadOnly": "Enabled"},
            'volume "v" requested recursive read-only mode, but it is not read-only',
            id="not read-only",
        ),
        pytest.param(
            {"recursiveReadOnly": "Enabled", "readOnly": True, "mountPropagation": "HostToContainer"},
            'volume "v" requested recursive read-only mode, '
            'but it is not compatible with propagation "HostToContainer"',
            id="handed on",
        ),
        pytest.param(
            {"recursiveReadOnly": "Sometimes", "readOnly": True},
            'unknown recursive read-only mode "Sometimes"',
            id="recursive mode",
        ),
    ],
)
def test_what_cannot_be_mounted_is_refused_in_kubelets_words(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        mounts(fields, EMPTY="", UP="..", ROOT="/etc")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("source", "read_only"),
    [
        pytest.param({"configMap": {"name": "c"}}, True, id="config map"),
        pytest.param({"projected": {}}, True, id="projected"),
        pytest.param({"image": {"reference": "a"}}, True, id="image"),
        pytest.param({"persistentVolumeClaim": {"claimName": "c", "readOnly": True}}, True, id="read-only claim"),
        pytest.param({"persistentVolumeClaim": {"claimName": "c"}}, False, id="claim"),
        pytest.param({"emptyDir": {}}, False, id="empty directory"),
        pytest.param({"hostPath": {"path": "/x"}}, False, id="path of the host"),
    ],
)
def test_what_nobody_may_write_to_is_mounted_read_only(source: dict[str, Any], read_only: bool) -> None:
    (mount,) = mounts({}, volumes=(volume_of(**source),))
    assert mount.read_only is read_only
