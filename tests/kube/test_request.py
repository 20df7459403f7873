"""Requests are built as plain data."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import pytest

from vk_core.kube.request import METADATA_ONLY, PATCH_TYPES, build, delete_options, list_query, watch_query
from vk_core.kube.resources import LEASES, NODES, PODS, Resource


@pytest.mark.parametrize(
    ("verb", "resource", "place", "method", "target"),
    [
        pytest.param("list", PODS, {}, "GET", "/api/v1/pods", id="all namespaces"),
        pytest.param("list", PODS, {"namespace": "a"}, "GET", "/api/v1/namespaces/a/pods", id="one namespace"),
        pytest.param(
            "patch",
            PODS,
            {"namespace": "a", "name": "web", "subresource": "status"},
            "PATCH",
            "/api/v1/namespaces/a/pods/web/status",
            id="subresource",
        ),
        pytest.param("get", NODES, {"name": "n"}, "GET", "/api/v1/nodes/n", id="cluster-wide"),
        pytest.param("create", NODES, {"namespace": "x"}, "POST", "/api/v1/nodes", id="nodes have no namespace"),
        pytest.param(
            "delete",
            LEASES,
            {"namespace": "kube-node-lease", "name": "n"},
            "DELETE",
            "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n",
            id="named group",
        ),
    ],
)
def test_verbs_and_places(verb: str, resource: Resource[Any], place: dict[str, Any], method: str, target: str) -> None:
    request = build(verb, resource, **place)
    assert (request.method, request.target) == (method, target)


def test_a_request_says_what_it_is_and_which_rule_allows_it() -> None:
    request = build(
        "patch", PODS, namespace="a", name="web", subresource="status", body={"status": {"phase": "Failed"}}
    )
    assert request.what == "patch pods/status a/web"
    assert json.loads(request.grant) == {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["patch"]}
    assert json.loads(request.body or b"") == {"status": {"phase": "Failed"}}
    assert build("list", NODES).what == "list nodes"


def test_queries_are_encoded_and_empty_ones_left_out() -> None:
    query = list_query(field_selector="spec.nodeName=n,metadata.name!=x", limit=500, more="a+b/c=")
    target = build("list", PODS, query=query).target
    assert dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query)) == {
        "fieldSelector": "spec.nodeName=n,metadata.name!=x",
        "limit": "500",
        "continue": "a+b/c=",
    }
    assert "labelSelector" not in target


def test_a_watch_asks_for_bookmarks_and_continues_behind_a_version() -> None:
    assert watch_query(resource_version="42", timeout_seconds=300, field_selector="a=b") == {
        "watch": "1",
        "allowWatchBookmarks": "true",
        "resourceVersion": "42",
        "timeoutSeconds": "300",
        "fieldSelector": "a=b",
    }


def test_a_deletion_names_the_very_object_and_its_grace_period_of_zero_is_sent() -> None:
    assert delete_options(grace_period_seconds=0, uid="u") == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": 0,
        "preconditions": {"uid": "u"},
    }
    assert set(delete_options()) == {"apiVersion", "kind"}


def test_patch_types_and_the_short_answer_are_those_of_the_api() -> None:
    assert PATCH_TYPES["strategic"] == "application/strategic-merge-patch+json"
    assert METADATA_ONLY.split(",")[0] == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
