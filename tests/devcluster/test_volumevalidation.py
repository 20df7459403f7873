"""Volumes and their mounts are refused in the words of a real API server, which leaves parts of some paths out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.devcluster.client import JSON, PODS, Client, pod

MODE = "must be a number between 0 and 0777 (octal), both inclusive"
FIELDS = '"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"'
BYTES = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei"
NAME = {"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}
CLASHING = {"name": "a", "items": [{"key": "a", "path": "a"}]}


def volume(**source: Any) -> JSON:
    return pod(volumes=[{"name": "v", **source}])


def projected(*sources: JSON) -> JSON:
    return volume(projected={"sources": [*sources]})


def downward(**file: Any) -> JSON:
    return volume(downwardAPI={"items": [{"path": "a", **file}]})


def field(path: str) -> JSON:
    return downward(fieldRef={"fieldPath": path})


def resource(**reference: Any) -> JSON:
    return downward(resourceFieldRef={"containerName": "c", **reference})


def bundle(**source: Any) -> JSON:
    return projected({"clusterTrustBundle": {"path": "p", **source}})


def mounting(**mount: Any) -> JSON:
    mounts = [{"name": "v", "mountPath": "/v", **mount}]
    return pod(containers=[{"name": "c", "image": "x", "volumeMounts": mounts}], volumes=[{"name": "v"}])


def twice(body: JSON) -> JSON:
    body["spec"]["containers"][0]["volumeMounts"] *= 2
    return body


def privileged(body: JSON) -> JSON:
    body["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    return body


REFUSED = [
    (pod(volumes=[{"name": "v"}, {"name": "v"}]), 'spec.volumes[1].name: Duplicate value: "v"'),
    (pod(volumes=[{"emptyDir": {}}]), "spec.volumes[0].name: Required value"),
    (
        volume(emptyDir={}, configMap={"name": "x"}),
        "spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type",
    ),
    (volume(configMap={}), "spec.volumes[0].configMap.name: Required value"),
    (volume(secret={}), "spec.volumes[0].secret.secretName: Required value"),
    (
        volume(configMap={"name": "x", "defaultMode": 512}),
        f"spec.volumes[0].configMap.defaultMode: Invalid value: 512: {MODE}",
    ),
    (
        volume(secret={"secretName": "x", "defaultMode": -1}),
        f"spec.volumes[0].secret.defaultMode: Invalid value: -1: {MODE}",
    ),
    (
        volume(secret={"secretName": "x", "items": [{"key": "a", "path": "a", "mode": 4096}]}),
        f"spec.volumes[0].secret.items[0].mode: Invalid value: 4096: {MODE}",
    ),
    (
        volume(configMap={"name": "x", "items": [{"path": "a"}]}),
        "spec.volumes[0].configMap.items[0].key: Required value",
    ),
    *(
        (
            volume(configMap={"name": "x", "items": [{"key": "a", "path": path}]}),
            f"spec.volumes[0].configMap.items[0].path: {problem}",
        )
        for path, problem in (
            ("", "Required value"),
            ("/a", 'Invalid value: "/a": must be a relative path'),
            ("a/../b", "Invalid value: \"a/../b\": must not contain '..'"),
            ("..x", "Invalid value: \"..x\": must not start with '..'"),
        )
    ),
    (field("status.podIP"), f'fieldRef.fieldPath: Unsupported value: "status.podIP": supported values: {FIELDS}'),
    (
        field("metadata.x"),
        'fieldRef.fieldPath: Invalid value: "metadata.x": error converting fieldPath: '
        "field label not supported: metadata.x",
    ),
    (field(""), "spec.volumes[0].downwardAPI.fieldRef.fieldPath: Required value"),
    (field("metadata.labels['a b']"), 'spec.volumes[0].downwardAPI.fieldRef: Invalid value: "a b": name part must'),
    (downward(), "spec.volumes[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required"),
    (
        downward(fieldRef=NAME["fieldRef"], resourceFieldRef={"containerName": "c", "resource": "limits.cpu"}),
        'Invalid value: "resource": fieldRef and resourceFieldRef can not be specified simultaneously',
    ),
    (
        volume(downwardAPI={"items": [{**NAME, "path": "../a"}]}),
        "spec.volumes[0].downwardAPI.path: Invalid value: \"../a\": must not contain '..'",
    ),
    (resource(containerName="", resource="limits.cpu"), "resourceFieldRef.containerName: Required value"),
    (
        resource(resource="limits.x"),
        'resourceFieldRef.resource: Unsupported value: "limits.x": supported values: "limits.cpu"',
    ),
    (
        resource(resource="limits.cpu", divisor="3"),
        'divisor: Invalid value: "limits.cpu": only divisor\'s values 1m and 1 are supported with the cpu resource',
    ),
    (
        resource(resource="limits.ephemeral-storage", divisor=3),
        f"only divisor's values {BYTES} are supported with the local ephemeral storage resource",
    ),
    (
        projected({"configMap": {"name": "a"}, "secret": {"name": "a"}}),
        "spec.volumes[0].projected.sources[0]: Forbidden: may not specify more than 1 volume type per source",
    ),
    (projected({"secret": {}}), "spec.volumes[0].projected.sources[0].secret.name: Required value"),
    (
        projected({"configMap": CLASHING}, {"secret": CLASHING}),
        'spec.volumes[0].projected: Invalid value: "a": conflicting duplicate paths',
    ),
    (
        projected({"configMap": CLASHING}, {"downwardAPI": {"items": [NAME]}}),
        'spec.volumes[0].projected: Invalid value: "a": conflicting duplicate paths',
    ),
    (
        projected({"serviceAccountToken": {"path": "t", "expirationSeconds": 599}}),
        "sources[0].serviceAccountToken.expirationSeconds: Invalid value: 599: "
        "may not specify a duration less than 10 minutes",
    ),
    (projected({"serviceAccountToken": {}}), "spec.volumes[0].projected.path: Required value"),
    (
        projected({"serviceAccountToken": {"path": "../a"}}),
        "spec.volumes[0].projected.path: Invalid value: \"../a\": must not contain '..'",
    ),
    (bundle(), "sources[0].clusterTrustBundle: Required value: either name or signerName must be specified"),
    (bundle(name="a", signerName="a/b"), "only one of name and signerName may be used"),
    (
        bundle(name="a", labelSelector={}),
        "clusterTrustBundle.labelSelector: Invalid value: {}: labelSelector must be unset if name is specified",
    ),
    (bundle(name="A_"), 'clusterTrustBundle.name: Invalid value: "A_": not a valid clustertrustbundlename'),
    (bundle(signerName="x"), "must be a fully qualified domain and path of the form 'example.com/signer-name'"),
    (bundle(name="a", path="../p"), "clusterTrustBundle.path: Invalid value: \"../p\": must not contain '..'"),
    (volume(emptyDir={"sizeLimit": "-1"}), "emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource"),
    (volume(hostPath={}), "spec.volumes[0].hostPath.path: Required value"),
    (volume(hostPath={"path": "/a/../b"}), "hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"),
    (
        volume(hostPath={"path": "/a", "type": "X"}),
        'hostPath.type: Unsupported value: "X": supported values: "", "Block',
    ),
    (volume(image={}), "spec.volumes[0].image.reference: Required value"),
    (
        volume(nfs={"server": "a", "path": "b"}),
        'spec.volumes[0].nfs.path: Invalid value: "b": must be an absolute path',
    ),
    (volume(persistentVolumeClaim={}), "spec.volumes[0].persistentVolumeClaim.claimName: Required value"),
    (volume(csi={}), "spec.volumes[0].csi.driver: Required value"),
    (mounting(name="w"), 'spec.containers[0].volumeMounts[0].name: Not found: "w"'),
    (mounting(mountPath=""), "spec.containers[0].volumeMounts[0].mountPath: Required value"),
    (twice(mounting()), 'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/v": must be unique'),
    (mounting(subPath="/a"), 'volumeMounts.subPath: Invalid value: "/a": must be a relative path'),
    (mounting(subPath="a/../b"), "volumeMounts.subPath: Invalid value: \"a/../b\": must not contain '..'"),
    (mounting(subPathExpr="../a"), "volumeMounts.subPathExpr: Invalid value: \"../a\": must not contain '..'"),
    (
        mounting(subPath="a", subPathExpr="b"),
        'volumeMounts[0].subPathExpr: Invalid value: "b": subPathExpr and subPath are mutually exclusive',
    ),
    (
        mounting(mountPropagation="X"),
        'Unsupported value: "X": supported values: "Bidirectional", "HostToContainer", "None"',
    ),
    (
        mounting(mountPropagation="Bidirectional"),
        "Forbidden: Bidirectional mount propagation is available only to privileged containers",
    ),
    (mounting(recursiveReadOnly="X"), 'Unsupported value: "X": supported values: "Disabled", "Enabled", "IfPossible"'),
    (
        mounting(recursiveReadOnly="Enabled"),
        "recursiveReadOnly: Forbidden: may only be specified when readOnly is true",
    ),
    (
        mounting(recursiveReadOnly="Enabled", readOnly=True, mountPropagation="HostToContainer"),
        "recursiveReadOnly: Forbidden: may only be specified when mountPropagation is None or not specified",
    ),
]


@pytest.mark.parametrize(("body", "message"), REFUSED, ids=[message for _, message in REFUSED])
async def test_a_volume_that_cannot_be_is_refused(client: Client, body: JSON, message: str) -> None:
    answer = await client.post(PODS, body)
    assert (answer.code, len(answer.fields)) == (422, 1), answer.body["message"]
    assert message in answer.body["message"]


@pytest.mark.parametrize(
    "body",
    [
        volume(configMap={"name": "A b", "items": [{"key": "a b", "path": "a"}, {"key": "c", "path": "a"}]}),
        field("metadata.annotations['A/b']"),
        resource(resource="limits.hugepages-2Mi", divisor="1Mi"),
        projected(),
        projected({}),
        projected({"secret": {"name": "a", "items": [{"key": "a", "path": "a"}, {"key": "b", "path": "a"}]}}),
        projected(
            {"configMap": {"name": "a", "items": [{"key": "a", "path": "t"}]}}, {"serviceAccountToken": {"path": "t"}}
        ),
        bundle(name="example.com:web:a"),
        bundle(signerName="example.com/web", labelSelector={}),
        volume(hostPath={"path": "a"}),
        volume(azureFile={}),
        mounting(mountPath="v/x"),
        privileged(mounting(mountPropagation="Bidirectional")),
        mounting(subPathExpr="$(A)", recursiveReadOnly="IfPossible", readOnly=True, mountPropagation="None"),
    ],
)
async def test_what_an_api_server_lets_through_is_let_through(client: Client, body: JSON) -> None:
    answer = await client.post(PODS, body)
    assert answer.code == 201, answer.body["message"]


async def test_a_faulty_volume_cannot_be_mounted_either(client: Client) -> None:
    body = mounting()
    body["spec"]["volumes"] = [{"name": "v", "secret": {}}]
    assert (await client.post(PODS, body)).fields == [
        "spec.volumes[0].secret.secretName",
        "spec.containers[0].volumeMounts[0].name",
    ]


async def test_quantities_and_policies_of_volumes_are_filled_in(client: Client) -> None:
    body = pod(
        volumes=[
            {"name": "e", "emptyDir": {"sizeLimit": "1024Mi"}},
            {"name": "i", "image": {"reference": "x:1"}},
            {
                "name": "d",
                "downwardAPI": resource(resource="limits.memory", divisor=1)["spec"]["volumes"][0]["downwardAPI"],
            },
        ]
    )
    volumes = (await client.post(PODS, body)).body["spec"]["volumes"]
    assert volumes[0]["emptyDir"]["sizeLimit"] == "1Gi"
    assert volumes[1]["image"]["pullPolicy"] == "IfNotPresent"
    assert volumes[2]["downwardAPI"]["items"][0]["resourceFieldRef"]["divisor"] == "1"
    answer = await client.post(PODS, pod("q", volumes=[{"name": "e", "emptyDir": {"sizeLimit": "much"}}]))
    assert answer.code == 400
