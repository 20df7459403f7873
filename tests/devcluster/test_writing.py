"""Creating and changing objects: versions, identities, defaults, and who may change what."""

from __future__ import annotations

import pytest

from tests.devcluster.client import (
    CONFIGMAPS,
    EVENTS,
    JSON,
    JSON_PATCH,
    LEASES,
    MERGE,
    NAMESPACES,
    NODES,
    PODS,
    SECRETS,
    STRATEGIC,
    Client,
    config_map,
    node,
    pod,
)


async def test_a_new_pod_gets_identity_defaults_and_a_pending_status(client: Client) -> None:
    answer = await client.create_pod()
    metadata, spec = answer.metadata, answer.body["spec"]
    assert metadata["uid"]
    assert metadata["creationTimestamp"].endswith("Z")
    assert (metadata["generation"], metadata["namespace"]) == (1, "default")
    assert answer.body["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert {
        field: spec[field]
        for field in ("restartPolicy", "terminationGracePeriodSeconds", "dnsPolicy", "serviceAccountName")
    } == {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "default",
    }
    assert spec["enableServiceLinks"] is True
    assert [toleration["tolerationSeconds"] for toleration in spec["tolerations"]] == [300, 300]
    assert spec["containers"][0]["imagePullPolicy"] == "Always"


async def test_quantities_are_stored_in_canonical_form_and_limits_become_requests(client: Client) -> None:
    resources = {"limits": {"cpu": 1, "memory": "1024Mi"}, "requests": {"cpu": "0.5"}}
    answer = await client.create_pod(containers=[{"name": "c", "image": "x:1", "resources": resources}])
    assert answer.body["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "1", "memory": "1Gi"},
        "requests": {"cpu": "500m", "memory": "1Gi"},
    }
    assert answer.body["status"]["qosClass"] == "Burstable"


async def test_fields_that_nobody_declared_survive(client: Client) -> None:
    await client.post(NODES, {**node(), "somethingNew": {"deep": [1]}})
    await client.patch(f"{NODES}/n", {"metadata": {"labels": {"a": "b"}}})
    assert (await client.get(f"{NODES}/n")).body["somethingNew"] == {"deep": [1]}


async def test_a_name_is_generated_that_is_free(client: Client) -> None:
    body = pod()
    body["metadata"] = {"generateName": "job-"}
    names = {(await client.post(PODS, body)).metadata["name"] for _ in range(5)}
    assert len(names) == 5
    assert all(name.startswith("job-") and len(name) == 9 for name in names)


async def test_every_write_has_a_higher_resource_version_and_one_that_changes_nothing_is_none(client: Client) -> None:
    first = await client.post(CONFIGMAPS, config_map("c", a="1"))
    second = await client.patch(f"{CONFIGMAPS}/c", {"data": {"a": "2"}})
    third = await client.patch(f"{CONFIGMAPS}/c", {"data": {"a": "2"}})
    versions = [int(answer.metadata["resourceVersion"]) for answer in (first, second, third)]
    assert versions[0] < versions[1] == versions[2]


async def test_a_stale_resource_version_is_a_conflict_in_put_and_patch(client: Client) -> None:
    created = await client.post(CONFIGMAPS, config_map("c", a="1"))
    await client.patch(f"{CONFIGMAPS}/c", {"data": {"a": "2"}})
    put = await client.put(f"{CONFIGMAPS}/c", {**created.body, "data": {"a": "3"}})
    version = {"metadata": {"resourceVersion": created.metadata["resourceVersion"]}, "data": {"a": "3"}}
    patch = await client.patch(f"{CONFIGMAPS}/c", version, MERGE)
    assert [(put.code, put.body["reason"]), (patch.code, patch.body["reason"])] == [(409, "Conflict")] * 2
    assert put.body["details"] == {"name": "c", "kind": "configmaps"}


async def test_another_uid_is_a_conflict_in_put_and_invalid_in_patch(client: Client) -> None:
    created = await client.create_pod()
    other = {**created.body, "metadata": {**created.metadata, "uid": "other", "resourceVersion": ""}}
    put = await client.put(f"{PODS}/p", other)
    assert (put.code, "UID in precondition: other" in put.body["message"]) == (409, True)
    patch = await client.patch(f"{PODS}/p/status", {"metadata": {"uid": "other"}, "status": {"phase": "Running"}})
    assert (patch.code, patch.fields) == (422, ["metadata.uid"])
    right = {"metadata": {"uid": created.metadata["uid"]}, "status": {"phase": "Running"}}
    assert (await client.patch(f"{PODS}/p/status", right)).body["status"]["phase"] == "Running"


async def test_the_status_is_written_through_its_subresource_only_and_nothing_else_there(client: Client) -> None:
    await client.create_pod()
    main = await client.patch(f"{PODS}/p", {"status": {"phase": "Running"}})
    assert main.body["status"]["phase"] == "Pending"
    patch = {
        "metadata": {"labels": {"through": "status"}},
        "spec": {"nodeName": "elsewhere"},
        "status": {"phase": "Running", "qosClass": None},
    }
    status = await client.patch(f"{PODS}/p/status", patch)
    assert status.body["status"]["phase"] == "Running"
    assert status.body["status"]["qosClass"] == "BestEffort"
    assert status.metadata["labels"] == {"through": "status"}
    assert "nodeName" not in status.body["spec"]
    assert status.metadata["generation"] == 1


async def test_the_generation_counts_changes_of_the_specification_only(client: Client) -> None:
    await client.create_pod()
    labelled = await client.patch(f"{PODS}/p", {"metadata": {"labels": {"a": "b"}}})
    updated = await client.patch(f"{PODS}/p", {"spec": {"containers": [{"name": "c", "image": "new"}]}})
    assert (labelled.metadata["generation"], updated.metadata["generation"]) == (1, 2)


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"spec": {"nodeName": "n"}}, "spec"),
        ({"spec": {"hostNetwork": True}}, "spec"),
        ({"spec": {"containers": [{"name": "c", "args": ["x"]}]}}, "spec"),
        ({"spec": {"containers": [{"name": "d", "image": "x"}]}}, "spec.containers"),
        (
            {"spec": {"tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}]}},
            "spec.tolerations",
        ),
        ({"spec": {"activeDeadlineSeconds": 200}}, "spec.activeDeadlineSeconds"),
    ],
)
async def test_what_is_immutable_in_a_pod_stays(client: Client, patch: JSON, field: str) -> None:
    await client.create_pod(activeDeadlineSeconds=100)
    answer = await client.patch(f"{PODS}/p", patch)
    assert answer.code == 422
    assert field in answer.fields


async def test_image_deadline_and_more_tolerations_may_change(client: Client) -> None:
    created = await client.create_pod(activeDeadlineSeconds=100)
    tolerations = [*created.body["spec"]["tolerations"], {"key": "k", "operator": "Exists"}]
    spec = {
        "containers": [{"name": "c", "image": "new"}],
        "activeDeadlineSeconds": 50,
        "tolerations": tolerations,
    }
    assert (await client.patch(f"{PODS}/p", {"spec": spec})).code == 200


async def test_all_kinds_of_patches_are_applied(client: Client) -> None:
    await client.create_pod()
    for patch, content_type in (
        ({"metadata": {"labels": {"a": "1", "gone": "x"}}}, STRATEGIC),
        ({"metadata": {"labels": {"b": "2", "gone": None}}}, MERGE),
        ([{"op": "add", "path": "/metadata/labels/c", "value": "3"}], JSON_PATCH),
    ):
        answer = await client.patch(f"{PODS}/p", patch, content_type)
        assert answer.code == 200, answer.body
    assert answer.metadata["labels"] == {"a": "1", "b": "2", "c": "3"}


@pytest.mark.parametrize(
    ("patch", "content_type", "code"),
    [
        ({}, "application/json", 415),
        (b"{broken", STRATEGIC, 400),
        ([], MERGE, 400),
        ({}, JSON_PATCH, 400),
        ([{"op": "test", "path": "/metadata/name", "value": "x"}], JSON_PATCH, 422),
        ({"spec": {"containers": [{"image": "nameless"}]}}, STRATEGIC, 422),
        ({"spec": {"activeDeadlineSeconds": "soon"}}, STRATEGIC, 422),
        ({"metadata": {"name": "another"}}, MERGE, 400),
    ],
)
async def test_a_patch_that_cannot_be_applied_is_refused(
    client: Client, patch: object, content_type: str, code: int
) -> None:
    await client.create_pod()
    before = (await client.get(f"{PODS}/p")).body
    assert (await client.patch(f"{PODS}/p", patch, content_type)).code == code
    assert (await client.get(f"{PODS}/p")).body == before


async def test_a_dry_run_does_everything_but_write(client: Client) -> None:
    assert (await client.post(f"{PODS}?dryRun=All", pod())).code == 201
    assert (await client.post(f"{PODS}?dryRun=All", pod("Not-Valid"))).code == 422
    assert (await client.get(f"{PODS}/p")).code == 404
    await client.create_pod()
    changed = await client.patch(f"{PODS}/p?dryRun=All", {"metadata": {"labels": {"a": "b"}}})
    assert changed.metadata["labels"] == {"a": "b"}
    assert "labels" not in (await client.get(f"{PODS}/p")).metadata
    await client.request("DELETE", f"{PODS}/p?dryRun=All")
    assert (await client.get(f"{PODS}/p")).code == 200


async def test_a_lease_is_created_by_put_and_replaced_only_with_its_version(client: Client) -> None:
    lease = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "a", "leaseDurationSeconds": 40}}
    created = await client.put(f"{LEASES}/l", lease)
    assert created.code == 201
    assert (await client.put(f"{LEASES}/l", lease)).fields == ["metadata.resourceVersion"]
    created.body["spec"]["holderIdentity"] = "b"
    assert (await client.put(f"{LEASES}/l", created.body)).code == 200


async def test_an_event_has_two_views(client: Client) -> None:
    involved = {"kind": "Pod", "name": "p", "namespace": "default"}
    event = {"metadata": {"name": "e"}, "involvedObject": involved, "message": "m", "count": 2}
    assert (await client.post(EVENTS, event)).code == 201
    new = "/apis/events.k8s.io/v1/namespaces/default/events"
    seen = (await client.get(f"{new}/e")).body
    assert (seen["regarding"], seen["note"], seen["deprecatedCount"]) == (involved, "m", 2)
    assert (await client.get(f"{new}?fieldSelector=regarding.name%3Dp")).names == ["e"]
    written = {"metadata": {"name": "f"}, "regarding": involved, "note": "n", "reportingController": "me"}
    assert (await client.post(new, written)).body["apiVersion"] == "events.k8s.io/v1"
    assert (await client.get(f"{EVENTS}/f")).body["message"] == "n"


async def test_text_of_a_secret_is_encoded_and_what_is_immutable_stays(client: Client) -> None:
    secret = {"metadata": {"name": "s"}, "stringData": {"k": "v"}, "immutable": True}
    created = (await client.post(SECRETS, secret)).body
    assert (created["data"], created["type"]) == ({"k": "dg=="}, "Opaque")
    assert "stringData" not in created
    assert (await client.patch(f"{SECRETS}/s", {"data": {"k": "eA=="}})).fields == ["data"]


async def test_a_new_namespace_has_its_service_account(client: Client) -> None:
    await client.post(NAMESPACES, {"metadata": {"name": "fresh"}})
    created = (await client.get(f"{NAMESPACES}/fresh")).body
    assert created["status"] == {"phase": "Active"}
    assert created["metadata"]["labels"] == {"kubernetes.io/metadata.name": "fresh"}
    assert (await client.get(f"{NAMESPACES}/fresh/serviceaccounts")).names == ["default"]
