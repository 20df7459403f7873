"""Variables, DNS and host names of pods are refused in the words of a real API server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.devcluster.client import JSON, PODS, Client, pod

VARIABLE = "a valid environment variable name must consist only of printable ASCII characters other than '='"
FIELDS = (
    '"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", '
    '"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"'
)
SEVERAL = 'Invalid value: "": may not have more than one field specified at a time'
FIELD = {"fieldRef": {"fieldPath": "metadata.name"}}


def variables(*env: JSON, **container: Any) -> JSON:
    volumes = [{"name": "e"}, {"name": "m", "configMap": {"name": "x"}}]
    return pod(containers=[{"name": "c", "image": "x", "env": [*env], **container}], volumes=volumes)


def source(**value_from: Any) -> JSON:
    return variables({"name": "A", "valueFrom": value_from})


def field(path: str, **more: str) -> JSON:
    return source(fieldRef={"fieldPath": path, **more})


def file_key(**reference: str) -> JSON:
    return source(fileKeyRef={"volumeName": "e", "path": "a", "key": "K", **reference})


REFUSED = [
    (variables({"value": "x"}), "spec.containers[0].env[0].name: Required value"),
    (variables({"name": "A=B"}), f'spec.containers[0].env[0].name: Invalid value: "A=B": {VARIABLE}'),
    (variables({"name": "Aä"}), f'Invalid value: "Aä": {VARIABLE}'),
    (variables({"name": "A\n"}), f'Invalid value: "A\\n": {VARIABLE}'),
    (
        variables({"name": "A", "value": "x", "valueFrom": FIELD}),
        'env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    ),
    (
        source(),
        'valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, '
        "`secretKeyRef` or `fileKeyRef`",
    ),
    (source(**FIELD, configMapKeyRef={"name": "a", "key": "b"}), f"spec.containers[0].env[0].valueFrom: {SEVERAL}"),
    (
        field("metadata.labels"),
        f'valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: {FIELDS}',
    ),
    (field("status.phase"), 'fieldPath: Unsupported value: "status.phase"'),
    (
        field("metadata.labels[a]"),
        'fieldPath: Invalid value: "metadata.labels[a]": error converting fieldPath: field label not supported: ',
    ),
    (field("spec.nodeName['a']"), 'fieldPath: Invalid value: "spec.nodeName": does not support subscript'),
    (field("metadata.labels['']"), 'env[0].valueFrom.fieldRef: Invalid value: "": name part must consist of'),
    (
        field("metadata.name", apiVersion="v2"),
        'Invalid value: "metadata.name": error converting fieldPath: unsupported pod version: v2',
    ),
    (source(resourceFieldRef={}), "env[0].valueFrom.resourceFieldRef.resource: Required value"),
    (
        source(resourceFieldRef={"resource": "limits.cpu", "divisor": "3"}),
        'Invalid value: "limits.cpu": only divisor\'s values 1m and 1 are supported with the cpu resource',
    ),
    (source(configMapKeyRef={"name": "a"}), "env[0].valueFrom.configMapKeyRef.key: Required value"),
    (source(secretKeyRef={"key": "a"}), 'env[0].valueFrom.secretKeyRef.name: Invalid value: "": a lowercase RFC 1123'),
    (
        source(secretKeyRef={"name": "a", "key": "a b"}),
        'env[0].valueFrom.secretKeyRef.key: Invalid value: "a b": a valid config key must consist of',
    ),
    (file_key(volumeName="m"), 'Invalid value: "m": referenced volume must be of type emptyDir'),
    (file_key(volumeName="x"), 'env[0].valueFrom.fileKeyRef.volumeName: Not found: "x"'),
    (file_key(path=""), "env[0].valueFrom.fileKeyRef.path: Required value"),
    (file_key(path="../a"), "env[0].valueFrom.fileKeyRef.path: Invalid value: \"../a\": must not contain '..'"),
    (file_key(key=""), "env[0].valueFrom.fileKeyRef.key: Required value"),
    (
        variables(envFrom=[{}]),
        'spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
    ),
    (
        variables(envFrom=[{"configMapRef": {"name": "a"}, "secretRef": {"name": "a"}}]),
        f"spec.containers[0].envFrom: {SEVERAL}",
    ),
    (variables(envFrom=[{"secretRef": {}}]), "spec.containers[0].envFrom[0].secretRef.name: Required value"),
    (
        variables(envFrom=[{"configMapRef": {"name": "A_"}}]),
        'spec.containers[0].envFrom[0].configMapRef.name: Invalid value: "A_": a lowercase RFC 1123 subdomain',
    ),
    (
        variables(envFrom=[{"prefix": "a=", "secretRef": {"name": "a"}}]),
        f'spec.containers[0].envFrom[0].prefix: Invalid value: "a=": {VARIABLE}',
    ),
    (
        variables(terminationMessagePolicy="X"),
        'terminationMessagePolicy: Unsupported value: "X": supported values: "File", "FallbackToLogsOnError"',
    ),
    (pod(dnsPolicy="None"), "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"),
    (
        pod(dnsPolicy="None", dnsConfig={}),
        "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None",
    ),
    (
        pod(dnsConfig={"nameservers": ["1.1.1.1"] * 4}),
        'Invalid value: ["1.1.1.1","1.1.1.1","1.1.1.1","1.1.1.1"]: must not have more than 3 nameservers',
    ),
    (
        pod(dnsConfig={"nameservers": ["a"]}),
        'spec.dnsConfig.nameservers[0]: Invalid value: "a": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::f',
    ),
    (pod(dnsConfig={"searches": ["a"] * 33}), "must not have more than 32 search paths"),
    (
        pod(dnsConfig={"searches": [f"{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}"] * 9}),
        "must not have more than 2048 characters (including spaces) in the search list",
    ),
    (pod(dnsConfig={"searches": ["A b"]}), 'spec.dnsConfig.searches[0]: Invalid value: "A b": a lowercase RFC 1123'),
    (pod(dnsConfig={"options": [{"value": "1"}]}), "spec.dnsConfig.options[0]: Required value: must not be empty"),
    (pod(hostAliases=[{"ip": "a"}]), 'spec.hostAliases[0].ip: Invalid value: "a": must be a valid IP address'),
    (
        pod(hostAliases=[{"ip": "::1", "hostnames": ["a", "A_"]}]),
        'spec.hostAliases[0].hostnames[1]: Invalid value: "A_": a lowercase RFC 1123 subdomain',
    ),
    (pod(hostname="a.b"), 'spec.hostname: Invalid value: "a.b": must not contain dots'),
    (pod(subdomain="A_"), 'spec.subdomain: Invalid value: "A_": a lowercase RFC 1123 label'),
    (pod(hostnameOverride="A_"), 'spec.hostnameOverride: Invalid value: "A_": a lowercase RFC 1123 subdomain'),
    (
        pod(securityContext={"fsGroup": -1}),
        "spec.securityContext.fsGroup: Invalid value: -1: must be between 0 and 2147483647, inclusive",
    ),
]


@pytest.mark.parametrize(("body", "message"), REFUSED, ids=[message for _, message in REFUSED])
async def test_what_makes_no_sense_is_refused(client: Client, body: JSON, message: str) -> None:
    answer = await client.post(PODS, body)
    assert (answer.code, len(answer.fields)) == (422, 1), answer.body["message"]
    assert message in answer.body["message"]


@pytest.mark.parametrize(
    "body",
    [
        variables({"name": "1A"}, {"name": "A B"}, {"name": "a.b-c"}, {"name": "../x", "value": "="}),
        variables(*({"name": f"A{i}", "valueFrom": {"fieldRef": {"fieldPath": path}}} for i, path in enumerate((
            "metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels['a']",
            "metadata.annotations['a/B']", "spec.nodeName", "spec.serviceAccountName", "status.hostIP",
            "status.hostIPs", "status.podIP", "status.podIPs",
        )))),
        source(resourceFieldRef={"containerName": "other", "resource": "requests.memory", "divisor": "1Mi"}),
        file_key(path="/a", key="a b"),
        variables(envFrom=[{"prefix": "1 a", "configMapRef": {"name": "a"}}]),
        pod(dnsConfig={"nameservers": ["::1"], "searches": [".", "_tcp.a_b.example."], "options": [{"name": "ndots"}]}),
        pod(hostAliases=[{"ip": "1.2.3.4", "hostnames": ["a.b"]}]),
    ],
)  # fmt: skip
async def test_what_an_api_server_lets_through_is_let_through(client: Client, body: JSON) -> None:
    answer = await client.post(PODS, body)
    assert answer.code == 201, answer.body["message"]
