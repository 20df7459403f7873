"""New pods get what comes with their service account, as the admission plug-in of a real API server gives it."""

from __future__ import annotations

import re

from tests.devcluster.client import JSON, PODS, Client, pod

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
PLACE = "/var/run/secrets/kubernetes.io/serviceaccount"


async def created(client: Client, body: JSON) -> JSON:
    answer = await client.post(PODS, body)
    assert answer.code == 201, answer.body
    return dict(answer.body["spec"])


def mounts(spec: JSON) -> dict[str, list[JSON]]:
    """The mounts of all containers by name."""
    containers = [*spec.get("initContainers", ()), *spec["containers"]]
    return {container["name"]: container.get("volumeMounts", []) for container in containers}


def mounting(path: str, *names: str) -> JSON:
    """A pod whose containers mount something of their own."""
    own = {"name": "own", "mountPath": path}
    containers = [{"name": name, "image": "x", "volumeMounts": [own]} for name in names]
    return pod(containers=containers, volumes=[{"name": "own"}])


async def test_every_container_gets_a_volume_with_token_certificate_and_namespace(client: Client) -> None:
    spec = await created(client, pod(initContainers=[{"name": "i", "image": "x"}]))
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
    (volume,) = spec["volumes"]
    assert re.fullmatch("kube-api-access-[a-z0-9]{5}", volume["name"])
    assert volume["projected"] == {
        "defaultMode": 420,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {
                "downwardAPI": {
                    "items": [
                        {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
                    ]
                }
            },
        ],
    }
    mount = {"name": volume["name"], "readOnly": True, "mountPath": PLACE}
    assert mounts(spec) == {"i": [mount], "c": [mount]}


async def test_a_container_that_mounts_something_there_keeps_it(client: Client) -> None:
    body = mounting(PLACE, "c")
    body["spec"]["containers"].append({"name": "d", "image": "x"})
    spec = await created(client, body)
    assert [mount["name"] for mount in mounts(spec)["c"]] == ["own"]
    assert mounts(spec)["d"][0]["name"] == spec["volumes"][1]["name"]


async def test_there_is_no_volume_when_nobody_would_mount_it(client: Client) -> None:
    spec = await created(client, mounting(PLACE, "c", "d"))
    assert [volume["name"] for volume in spec["volumes"]] == ["own"]


async def test_a_volume_of_that_name_is_used_as_it_is(client: Client) -> None:
    spec = await created(client, pod(volumes=[{"name": "kube-api-access-abcde", "emptyDir": {}}]))
    assert spec["volumes"] == [{"name": "kube-api-access-abcde", "emptyDir": {}}]
    assert mounts(spec)["c"][0]["name"] == "kube-api-access-abcde"


async def test_pod_and_service_account_can_do_without_and_the_pod_has_the_last_word(client: Client) -> None:
    assert "volumes" not in await created(client, pod("a", automountServiceAccountToken=False))
    await client.post(ACCOUNTS, {"metadata": {"name": "plain"}, "automountServiceAccountToken": False})
    assert "volumes" not in await created(client, pod("b", serviceAccountName="plain"))
    spec = await created(client, pod("c", serviceAccountName="plain", automountServiceAccountToken=True))
    assert len(spec["volumes"]) == 1


async def test_a_pod_without_pull_secrets_gets_those_of_its_account(client: Client) -> None:
    secrets = [{"name": "r"}, {"name": "s"}]
    await client.post(ACCOUNTS, {"metadata": {"name": "puller"}, "imagePullSecrets": secrets})
    assert (await created(client, pod("a", serviceAccountName="puller")))["imagePullSecrets"] == secrets
    own = pod("b", serviceAccountName="puller", imagePullSecrets=[{"name": "mine"}])
    assert (await created(client, own))["imagePullSecrets"] == [{"name": "mine"}]


async def test_a_pod_of_an_account_that_is_not_there_is_refused(client: Client) -> None:
    answer = await client.post(PODS, pod(serviceAccountName="none"))
    why = 'error looking up service account default/none: serviceaccount "none" not found'
    assert (answer.code, answer.body["message"]) == (403, f'pods "p" is forbidden: {why}')


async def test_a_mirror_pod_gets_nothing(client: Client) -> None:
    mirror = {"annotations": {"kubernetes.io/config.mirror": "x"}}
    spec = await created(client, pod(metadata=mirror, nodeName="n", serviceAccountName="none"))
    assert "volumes" not in spec
