"""Config maps, secrets and the pod's own fields as files, as kubelet makes them."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import facts_of, keyed, lookup_of, volume_of
from vk_core.api.volumes import PersistentVolumeClaimVolumeSource, Volume
from vk_core.materials.objects import Lookup, Notice, PodFacts, Ref, Unreadable
from vk_core.materials.volumes.content import Content, volume_content
from vk_core.provider.materials import FilesVolume, HostPathVolume, ImageVolume, OtherVolume

FACTS = facts_of()
MAP = keyed("ConfigMap", "c", {"a": b"1", "bin": b"\xff\x00"}, binary=frozenset({"bin"}))
SECRET = keyed("Secret", "s", {"user": b"root", "password": b"\xfe hidden"})


def content_of(volume: Volume, *, facts: PodFacts = FACTS, lookup: Lookup | None = None) -> Content:
    return volume_content(volume, facts, lookup or lookup_of(MAP, SECRET), {}, {})


def files_of(volume: Volume, *, facts: PodFacts = FACTS, lookup: Lookup | None = None) -> dict[str, tuple[bytes, int]]:
    content = content_of(volume, facts=facts, lookup=lookup)
    assert isinstance(content.content, FilesVolume)
    assert content.missing == ""
    return {path: (file.data, file.mode) for path, file in content.content.files.items()}


def test_all_keys_are_files_binary_ones_too() -> None:
    assert files_of(volume_of(configMap={"name": "c"})) == {"a": (b"1", 0o644), "bin": (b"\xff\x00", 0o644)}
    assert files_of(volume_of(secret={"secretName": "s"})) == {
        "user": (b"root", 0o644),
        "password": (b"\xfe hidden", 0o644),
    }


@pytest.mark.parametrize(
    ("source", "kind", "in_memory"),
    [
        pytest.param({"configMap": {"name": "c"}}, "configMap", False, id="config map"),
        pytest.param({"secret": {"secretName": "s"}}, "secret", True, id="secret"),
        pytest.param({"downwardAPI": {}}, "downwardAPI", True, id="downward API"),
        pytest.param({"projected": {}}, "projected", True, id="projected"),
    ],
)
def test_all_but_config_maps_belong_into_memory(source: dict[str, Any], kind: str, in_memory: bool) -> None:
    volume = content_of(volume_of(**source)).content
    assert isinstance(volume, FilesVolume)
    assert (volume.name, volume.kind, volume.in_memory) == ("v", kind, in_memory)
    assert volume_of(**source).kind == kind


def test_items_choose_keys_and_give_them_paths_and_modes() -> None:
    items = [{"key": "user", "path": "./deep//er/name"}, {"key": "password", "path": "pw", "mode": 0o4400}]
    volume = volume_of(secret={"secretName": "s", "items": items, "defaultMode": 0o600})
    assert files_of(volume) == {"deep/er/name": (b"root", 0o600), "pw": (b"\xfe hidden", 0o400)}


def test_the_group_of_the_pod_may_read_every_file() -> None:
    facts = facts_of({"securityContext": {"fsGroup": 2000}})
    volume = volume_of(configMap={"name": "c", "defaultMode": 0o400, "items": [{"key": "a", "path": "a"}]})
    assert files_of(volume, facts=facts) == {"a": (b"1", 0o440)}


MISSING = [
    pytest.param(
        {"configMap": {"name": "gone"}},
        'configmap "gone" not found',
        Notice("MandatoryConfigMapNotFound", 'configmap "gone" not found'),
        id="config map",
    ),
    pytest.param(
        {"secret": {"secretName": "gone"}},
        'secret "gone" not found',
        Notice("MandatorySecretNotFound", 'secret "gone" not found'),
        id="secret",
    ),
    pytest.param(
        {"configMap": {"name": "c", "items": [{"key": "k", "path": "b"}, {"key": "l", "path": "c"}]}},
        "configmap references non-existent config key: k",
        Notice("MandatoryConfigMapKeyNotFound", 'key "k" does not exist in configmap "c"'),
        id="key of a config map",
    ),
    pytest.param(
        {"secret": {"secretName": "s", "items": [{"key": "k", "path": "a"}]}},
        "references non-existent secret key: k",
        Notice("MandatorySecretKeyNotFound", 'key "k" does not exist in secret "s"'),
        id="key of a secret",
    ),
    pytest.param(
        {"configMap": {}},
        'configmap "" not found',
        Notice("MandatoryConfigMapNotFound", 'configmap "" not found'),
        id="without a name",
    ),
]


@pytest.mark.parametrize(("source", "missing", "notice"), MISSING)
def test_what_is_missing_keeps_the_volume_from_being_made_and_is_named(
    source: dict[str, Any], missing: str, notice: Notice
) -> None:
    assert content_of(volume_of(**source)) == Content(None, (notice,), missing)


@pytest.mark.parametrize(("source", "missing", "notice"), MISSING)
def test_what_is_optional_may_be_missing(source: dict[str, Any], missing: str, notice: Notice) -> None:
    (kind, fields) = next(iter(source.items()))
    assert files_of(volume_of(**{kind: {**fields, "optional": True}})) == {}


def test_only_the_missing_keys_of_an_optional_object_are_left_out() -> None:
    items = [{"key": "gone", "path": "gone"}, {"key": "a", "path": "a"}]
    assert set(files_of(volume_of(configMap={"name": "c", "items": items, "optional": True}))) == {"a"}


@pytest.mark.parametrize("optional", [pytest.param(True, id="optional"), pytest.param(False, id="mandatory")])
def test_what_cannot_be_read_is_missing_even_if_it_is_optional(optional: bool) -> None:
    lookup = lookup_of(Unreadable(Ref("Secret", "ns", "s"), "secrets is forbidden"))
    content = content_of(volume_of(secret={"secretName": "s", "optional": optional}), lookup=lookup)
    message = 'failed to read secret "s": secrets is forbidden'
    reason = "FailedToReadOptionalSecret" if optional else "FailedToReadMandatorySecret"
    assert content == Content(None, (Notice(reason, message),), message)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("../x", id="upwards"),
        pytest.param("/x", id="absolute"),
        pytest.param("..data", id="the layout's own"),
        pytest.param("a/../../x", id="hidden"),
    ],
)
def test_a_path_that_leaves_the_volume_is_refused_wherever_it_comes_from(path: str) -> None:
    from_item = content_of(volume_of(configMap={"name": "c", "items": [{"key": "a", "path": path}]}))
    from_key = content_of(volume_of(configMap={"name": "x"}), lookup=lookup_of(keyed("ConfigMap", "x", {path: b""})))
    field = {"path": path, "fieldRef": {"fieldPath": "metadata.name"}}
    from_field = content_of(volume_of(downwardAPI={"items": [field]}))
    for content in (from_item, from_key, from_field):
        assert content.content is None
        assert content.missing.startswith("invalid path: ")
        assert path in content.missing


def test_a_path_that_is_a_file_and_a_folder_is_refused() -> None:
    items = [{"key": "a", "path": "x/y"}, {"key": "bin", "path": "x"}]
    content = content_of(volume_of(configMap={"name": "c", "items": items}))
    assert content.missing == "invalid path: must not be both a file and a directory: x"


def test_fields_of_the_pod_are_files() -> None:
    facts = facts_of({"containers": [{"name": "main", "resources": {"limits": {"memory": "64Mi"}}}]})
    items = [
        {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}},
        {"path": "memory", "mode": 0o600, "resourceFieldRef": {"containerName": "main", "resource": "limits.memory"}},
        {"path": "neither"},
    ]
    volume = volume_of(downwardAPI={"items": items, "defaultMode": 0o640})
    assert files_of(volume, facts=facts) == {
        "name": (b"web", 0o640),
        "memory": (b"67108864", 0o600),
        "neither": (b"", 0o640),
    }


def test_several_problems_are_told_at_once_each_once() -> None:
    items = [
        {"path": "a", "fieldRef": {"fieldPath": "spec.nonsense"}},
        {"path": "b", "fieldRef": {"fieldPath": "spec.nonsense"}},
        {"path": "/c", "fieldRef": {"fieldPath": "metadata.name"}},
    ]
    missing = content_of(volume_of(downwardAPI={"items": items})).missing
    assert missing.startswith("[")
    assert missing.endswith(", invalid path: must be relative path: /c]")
    assert missing.count("spec.nonsense") == 1


def test_no_value_is_shown() -> None:
    broken = {"secretName": "s", "items": [{"key": "password", "path": "../x"}]}
    shown = repr(content_of(volume_of(secret={"secretName": "s"}))) + repr(content_of(volume_of(secret=broken)))
    assert "hidden" not in shown
    assert "root" not in shown


def test_what_is_not_made_of_files_is_passed_on() -> None:
    assert content_of(volume_of(hostPath={"path": "/x", "type": "File"})).content == HostPathVolume("v", "/x", "File")
    claim = PersistentVolumeClaimVolumeSource(claim_name="c")
    assert content_of(Volume(name="v", persistent_volume_claim=claim)).content == OtherVolume(
        "v", "persistentVolumeClaim", claim
    )
    assert volume_of(awsElasticBlockStore={"volumeID": "x"}).kind == "awsElasticBlockStore"
    assert Volume(name="v").kind == "emptyDir"


@pytest.mark.parametrize(
    ("image", "given_policy", "policy"),
    [
        pytest.param("r.io/a:1", "", "IfNotPresent", id="tag"),
        pytest.param("r.io:5000/a", "", "Always", id="no tag"),
        pytest.param("a:latest", "", "Always", id="latest"),
        pytest.param("a@sha256:00", "", "IfNotPresent", id="digest"),
        pytest.param("a", "Never", "Never", id="given"),
    ],
)
def test_an_image_is_pulled_as_the_api_server_defaults_it(image: str, given_policy: str, policy: str) -> None:
    volume = volume_of(image={"reference": image, "pullPolicy": given_policy})
    assert content_of(volume).content == ImageVolume("v", image, policy)


KEYS = st.sampled_from(["a", "b", "c", "d.conf", "e-1"])
MODES = st.none() | st.integers(0, 0o777)


@given(
    kind=st.sampled_from(["ConfigMap", "Secret"]),
    data=st.dictionaries(KEYS, st.binary(max_size=8), max_size=5),
    items=st.lists(st.tuples(KEYS, st.sampled_from(["p", "q", "r/s", "r/t", "./p"]), MODES), max_size=4),
    default_mode=MODES,
    optional=st.booleans(),
    group=st.booleans(),
)
def test_the_files_of_an_object_are_those_of_a_plain_model(
    kind: Literal["ConfigMap", "Secret"],
    data: dict[str, bytes],
    items: list[tuple[str, str, int | None]],
    default_mode: int | None,
    optional: bool,
    group: bool,
) -> None:
    source: dict[str, Any] = {
        "name" if kind == "ConfigMap" else "secretName": "x",
        "items": [{"key": key, "path": path, "mode": mode} for key, path, mode in items],
        "defaultMode": default_mode,
        "optional": optional,
    }
    volume = volume_of(**{"configMap" if kind == "ConfigMap" else "secret": source})
    facts = facts_of({"securityContext": {"fsGroup": 1}} if group else {})
    default = 0o644 if default_mode is None else default_mode
    bits = 0o440 if group else 0
    expected: dict[str, tuple[bytes, int]] = {}
    for key, path, mode in items or [(key, key, None) for key in data]:
        if key in data:
            expected[path.removeprefix("./")] = (data[key], (default if mode is None else mode) | bits)
    lookup = lookup_of(keyed(kind, "x", data))
    if not optional and any(key not in data for key, _, _ in items):
        assert content_of(volume, facts=facts, lookup=lookup).missing
    else:
        assert files_of(volume, facts=facts, lookup=lookup) == expected
