"""Whatever is sent: it is stored or refused, and a refusal is the client's fault, never a crash."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.devcluster.client import APPLY, MERGE, STRATEGIC, config_map, node, pod
from vk_core.devcluster.authentication import Authenticator
from vk_core.devcluster.authority import CertificateAuthority
from vk_core.devcluster.handlers import Call, Handlers
from vk_core.devcluster.registry import Registry
from vk_core.devcluster.requests import parse_path
from vk_core.devcluster.resources import NAMESPACES, SERVICEACCOUNTS
from vk_core.devcluster.serviceaccounts.tokens import ServiceAccountTokens
from vk_core.devcluster.statuses import StatusError
from vk_core.devcluster.store import Store
from vk_core.devcluster.views import View

PEM = CertificateAuthority("x").certificate.decode()
OWNER = {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}
CONTAINER = {
    "name": "c",
    "image": "x",
    "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    "ports": [{"containerPort": 80}],
    "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    "livenessProbe": {"httpGet": {"port": 80}},
    "lifecycle": {"preStop": {"exec": {"command": ["x"]}}},
    "resources": {"limits": {"cpu": 1}, "requests": {"cpu": "1"}},
}
OBJECTS: dict[str, dict[str, Any]] = {
    "/api/v1/namespaces/default/pods": pod(
        "x",
        metadata={"labels": {"a": "b"}, "ownerReferences": [OWNER], "finalizers": ["a/b"], "generateName": "x-"},
        containers=[CONTAINER],
        initContainers=[{"name": "i", "image": "x", "restartPolicy": "Always"}],
        volumes=[{"name": "v", "downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "metadata.uid"}}]}}],
        tolerations=[{"key": "k", "operator": "Exists"}],
        affinity={"nodeAffinity": {}},
    ),
    "/api/v1/nodes": node("x", spec={"taints": [{"key": "k", "effect": "NoSchedule"}]}),
    "/api/v1/namespaces": {"metadata": {"name": "x"}, "spec": {"finalizers": []}, "status": {"phase": "Active"}},
    "/api/v1/namespaces/default/configmaps": config_map("x", a="b"),
    "/api/v1/namespaces/default/secrets": {"metadata": {"name": "x"}, "stringData": {"a": "b"}, "data": {"c": "ZA=="}},
    "/api/v1/namespaces/default/serviceaccounts": {"metadata": {"name": "x"}, "secrets": [{"name": "s"}]},
    "/api/v1/namespaces/default/services": {
        "metadata": {"name": "x"},
        "spec": {"ports": [{"port": 80, "name": "web"}], "selector": {"a": "b"}, "type": "NodePort"},
    },
    "/api/v1/namespaces/default/events": {
        "metadata": {"name": "x"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "source": {"component": "c"},
        "series": {"count": 1},
    },
    "/apis/coordination.k8s.io/v1/namespaces/default/leases": {
        "metadata": {"name": "x"},
        "spec": {"holderIdentity": "h", "renewTime": "2026-01-01T00:00:00.000000Z"},
    },
    "/apis/certificates.k8s.io/v1beta1/clustertrustbundles": {"metadata": {"name": "x"}, "spec": {"trustBundle": PEM}},
    "/api/v1/namespaces/default/bindings": {"metadata": {"name": "x"}, "target": {"name": "n"}},
    "/apis/authorization.k8s.io/v1/subjectaccessreviews": {"spec": {"resourceAttributes": {"verb": "get"}}},
    "/apis/authentication.k8s.io/v1/tokenreviews": {"spec": {"token": "t"}},
    "/api/v1/namespaces/default/serviceaccounts/default/token": {
        "spec": {
            "audiences": ["a"],
            "expirationSeconds": 600,
            "boundObjectRef": {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"},
        }
    },
}
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 1.5, "", "x", "A b", [], [1], [{}], {}, {"a": 1}, {"name": []}, [["x"]]]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All places in a JSON value."""
    found = [path] if path else []
    if isinstance(value, dict):
        for name, inner in value.items():
            found += places(inner, (*path, name))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            found += places(inner, (*path, index))
    return found


def put(value: Any, path: tuple[Any, ...], junk: Any) -> None:
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = junk


def handlers() -> Handlers:
    registry = Registry(Store())
    registry.create(NAMESPACES, "", {"metadata": {"name": "default"}})
    registry.create(SERVICEACCOUNTS, "default", {"metadata": {"name": "default"}})
    tokens = ServiceAccountTokens(registry)
    return Handlers(registry, tokens, Authenticator("t", tokens))


def send(server: Handlers, verb: str, path: str, body: Any, content_type: str = "") -> None:
    """Sends a request that may be refused, and reads back what became of it in every form."""
    target = parse_path(path)
    view = View(target)
    query = {"fieldManager": "me", "fieldValidation": "Strict"} if verb == "patch" else {}
    try:
        server.handle(verb, Call(target, view, query, msgspec.json.encode(body), content_type))
    except StatusError as error:
        assert error.code < 500, error
        return
    collection = target.served
    for style in ("", "Table", "PartialObjectMetadata"):
        if "list" in collection.verbs and target.subresource is None:
            there = parse_path(path if not target.name else path.rpartition("/x")[0])
            server.handle("list", Call(there, View(there, style), {"fieldSelector": "metadata.name=x"}))


@pytest.mark.parametrize("path", OBJECTS)
@given(data=st.data())
def test_any_new_object_is_stored_or_refused(path: str, data: st.DataObject) -> None:
    body = copy.deepcopy(OBJECTS[path])
    put(body, data.draw(st.sampled_from(places(body))), data.draw(JUNK))
    send(handlers(), "create", path, body)


@pytest.mark.parametrize("content_type", [MERGE, STRATEGIC, APPLY])
@pytest.mark.parametrize("path", [path for path in OBJECTS if not path.endswith(("bindings", "reviews", "token"))])
@given(data=st.data())
def test_any_patch_is_applied_or_refused(path: str, content_type: str, data: st.DataObject) -> None:
    server = handlers()
    send(server, "create", path, OBJECTS[path])
    patch = copy.deepcopy(OBJECTS[path])
    put(patch, data.draw(st.sampled_from(places(patch))), data.draw(JUNK))
    subresource = data.draw(st.sampled_from(["", *(sub.name for sub in parse_path(path).served.subresources)]))
    if subresource in {"", "status", "resize", "ephemeralcontainers"}:
        send(server, "patch", f"{path}/x" + (f"/{subresource}" if subresource else ""), patch, content_type)
