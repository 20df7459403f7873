"""Patches do to plain JSON what the API server does, and leave the original alone."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.api.strategicmerge import PatchError, json_patch, merge_patch, strategic_merge


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": spec}


def merged(original: Any, patch: Any) -> Any:
    before = copy.deepcopy(original)
    result = strategic_merge(original, patch, "Pod")
    assert original == before
    return result


def test_containers_are_merged_by_name_and_their_lists_by_their_own_keys() -> None:
    original = pod(
        containers=[
            {"name": "a", "image": "one", "env": [{"name": "X", "value": "1"}], "args": ["x", "y"]},
            {"name": "b", "image": "two"},
        ]
    )
    patch = pod(
        containers=[{"name": "a", "image": "new", "env": [{"name": "Y", "value": "2"}], "args": ["z"]}, {"name": "c"}]
    )
    assert merged(original, patch)["spec"]["containers"] == [
        {
            "name": "a",
            "image": "new",
            "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}],
            "args": ["z"],
        },
        {"name": "c"},
        {"name": "b", "image": "two"},
    ]


def test_conditions_are_merged_by_type_and_container_statuses_are_replaced() -> None:
    original = {"status": {"conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": [{"name": "a"}]}}
    patch = {
        "status": {
            "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "b"}],
        }
    }
    assert merged(original, patch)["status"] == {
        "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "b"}],
    }


def test_tolerations_and_taints_are_replaced_as_a_whole() -> None:
    assert merged(pod(tolerations=[{"key": "a"}]), pod(tolerations=[{"key": "b"}]))["spec"]["tolerations"] == [
        {"key": "b"}
    ]
    node = strategic_merge({"spec": {"taints": [{"key": "a"}]}}, {"spec": {"taints": [{"key": "b"}]}}, "Node")
    assert node["spec"]["taints"] == [{"key": "b"}]


def test_null_deletes_a_field_and_a_new_object_carries_no_directives() -> None:
    patch = pod(nodeName=None, affinity={"$patch": "merge", "nodeAffinity": None, "podAffinity": {"x": 1}})
    assert merged(pod(nodeName="n"), patch)["spec"] == {"affinity": {"podAffinity": {"x": 1}}}


def test_an_element_is_deleted_and_a_list_or_a_map_replaced_on_request() -> None:
    original = pod(volumes=[{"name": "a", "emptyDir": {}}, {"name": "b"}], nodeSelector={"x": "1"})
    assert merged(original, pod(volumes=[{"name": "a", "$patch": "delete"}]))["spec"]["volumes"] == [{"name": "b"}]
    replaced = merged(original, pod(volumes=[{"name": "c"}, {"$patch": "replace"}]))
    assert replaced["spec"]["volumes"] == [{"name": "c"}]
    replaced = merged(original, pod(nodeSelector={"$patch": "replace", "y": "2"}))
    assert replaced["spec"]["nodeSelector"] == {"y": "2"}


def test_retain_keys_drops_the_other_members_of_a_union() -> None:
    patch = pod(volumes=[{"name": "a", "$retainKeys": ["name", "configMap"], "configMap": {"name": "c"}}])
    original = pod(volumes=[{"name": "a", "emptyDir": {}}])
    assert merged(original, patch)["spec"]["volumes"] == [{"name": "a", "configMap": {"name": "c"}}]


def test_finalizers_are_a_set_to_add_to_and_to_delete_from() -> None:
    original = {"metadata": {"finalizers": ["a", "b"]}}
    patch = {"metadata": {"finalizers": ["c", "a"], "$deleteFromPrimitiveList/finalizers": ["b"]}}
    assert merged(original, patch)["metadata"]["finalizers"] == ["c", "a"]
    reordered = {"metadata": {"$setElementOrder/finalizers": ["b", "a"]}}
    assert merged(original, reordered)["metadata"]["finalizers"] == ["b", "a"]


@pytest.mark.parametrize(
    ("present", "patched", "order", "result"),
    [
        pytest.param("ab", "c", "cab", "cab", id="new element first"),
        pytest.param("ab", "", "ba", "ba", id="only the order changes"),
        pytest.param("axb", "", "ba", "xba", id="an element of somebody else stays before its successor"),
        pytest.param("abx", "c", "abc", "abcx", id="an element of somebody else stays behind"),
    ],
)
def test_the_order_of_elements_follows_the_directive(present: str, patched: str, order: str, result: str) -> None:
    patch = pod(containers=[{"name": name} for name in patched])
    patch["spec"]["$setElementOrder/containers"] = [{"name": name} for name in order]
    outcome = merged(pod(containers=[{"name": name} for name in present]), patch)
    assert "".join(item["name"] for item in outcome["spec"]["containers"]) == result


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (pod(containers=[{"image": "x"}]), "merge key 'name'"),
        (pod(containers=["x"]), "merge key 'name'"),
        ({"$patch": "forget"}, "unknown directive"),
    ],
)
def test_a_patch_that_makes_no_sense_is_refused(patch: Any, message: str) -> None:
    with pytest.raises(PatchError, match=message):
        strategic_merge(pod(containers=[]), patch, "Pod")


def test_a_merge_patch_merges_maps_replaces_lists_and_deletes_nulls() -> None:
    original = {"a": {"b": 1, "c": 2}, "l": [1, 2]}
    assert merge_patch(original, {"a": {"b": None, "d": {"e": None}}, "l": [3]}) == {"a": {"c": 2, "d": {}}, "l": [3]}
    assert original == {"a": {"b": 1, "c": 2}, "l": [1, 2]}


def test_json_patch_operations_do_what_rfc_6902_says() -> None:
    original = {"a": {"x/y": 1, "~": 2}, "l": [1, 2, 3]}
    operations = [
        {"op": "test", "path": "/a/x~1y", "value": 1},
        {"op": "add", "path": "/l/1", "value": 9},
        {"op": "add", "path": "/l/-", "value": 4},
        {"op": "remove", "path": "/a/~0"},
        {"op": "replace", "path": "/l/0", "value": {"deep": []}},
        {"op": "copy", "from": "/l/0", "path": "/c"},
        {"op": "add", "path": "/c/deep/-", "value": "only here"},
        {"op": "move", "from": "/a/x~1y", "path": "/m"},
    ]
    assert json_patch(original, operations) == {
        "a": {},
        "l": [{"deep": []}, 9, 2, 3, 4],
        "c": {"deep": ["only here"]},
        "m": 1,
    }
    assert original == {"a": {"x/y": 1, "~": 2}, "l": [1, 2, 3]}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "remove", "path": "/missing"},
        {"op": "replace", "path": "/missing", "value": 1},
        {"op": "add", "path": "/missing/deeper", "value": 1},
        {"op": "add", "path": "/l/5", "value": 1},
        {"op": "remove", "path": "/l/-"},
        {"op": "add", "path": "/a/b", "value": 1},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "/a"},
        {"op": "move", "path": "/a"},
        {"op": "explode", "path": "/a"},
        {"path": "/a"},
        "add",
    ],
)
def test_an_operation_that_cannot_be_done_is_refused(operation: Any) -> None:
    with pytest.raises(PatchError):
        json_patch({"a": 1, "l": [0]}, [operation])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["spec", "containers", "name", "$patch", "$retainKeys", "env"]), inner)
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_json_merge_patches_are_idempotent(original: Any, patch: Any) -> None:
    once = merge_patch(original, patch)
    assert merge_patch(once, patch) == once


@given(JSON)
def test_any_strategic_patch_is_either_applied_or_refused_as_such(patch: Any) -> None:
    if isinstance(patch, dict):
        try:
            strategic_merge(pod(containers=[{"name": "a", "env": [{"name": "X"}]}]), patch, "Pod")
        except PatchError:
            return
