"""Every namespace has the service account `default` and the certificate of the API server, whatever is done to them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.devcluster.client import MERGE, NAMESPACES, Client, config_map

HOME = f"{NAMESPACES}/home"
CERTIFICATE = f"{HOME}/configmaps/kube-root-ca.crt"


def found(client: Client, plural: str, name: str) -> Any:
    """An object in the namespace, or None."""
    objects = client.cluster.objects(plural, "home")
    return next((object for object in objects if object["metadata"]["name"] == name), None)


async def test_a_new_namespace_has_both_at_once(client: Client) -> None:
    await client.post(NAMESPACES, {"metadata": {"name": "home"}})
    assert found(client, "configmaps", "kube-root-ca.crt")["data"] == {"ca.crt": client.cluster.certificate_authority}
    assert found(client, "serviceaccounts", "default")


async def test_what_is_deleted_comes_back_and_what_is_changed_is_restored(client: Client) -> None:
    await client.post(NAMESPACES, {"metadata": {"name": "home"}})
    data = {"ca.crt": client.cluster.certificate_authority}
    changed = await client.patch(CERTIFICATE, {"data": {"ca.crt": "x", "more": ""}, "binaryData": {"a": "dg=="}}, MERGE)
    assert changed.body["data"] == {"ca.crt": "x", "more": ""}
    await client.until(lambda: found(client, "configmaps", "kube-root-ca.crt")["data"] == data)
    assert "binaryData" not in found(client, "configmaps", "kube-root-ca.crt")
    account = found(client, "serviceaccounts", "default")["metadata"]["uid"]
    for path in (CERTIFICATE, f"{HOME}/serviceaccounts/default"):
        assert (await client.delete(path)).code == 200
    await client.until(lambda: found(client, "configmaps", "kube-root-ca.crt") is not None)
    await client.until(lambda: found(client, "serviceaccounts", "default") is not None)
    assert found(client, "serviceaccounts", "default")["metadata"]["uid"] != account


async def test_a_namespace_that_is_deleted_stays_empty(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    await client.post(NAMESPACES, {"metadata": {"name": "home"}})
    await client.post(f"{HOME}/configmaps", config_map("held", metadata={"finalizers": ["a/b"]}))
    await client.delete(HOME)
    await client.until(lambda: len(client.cluster.objects("configmaps", "home")) == 1)
    await client.patch(f"{HOME}/configmaps/held", {"metadata": {"finalizers": None}}, MERGE)
    await client.gone("namespaces", "home")
    assert not client.cluster.objects("configmaps", "home")
    assert not client.cluster.objects("serviceaccounts", "home")
    assert not caplog.records
