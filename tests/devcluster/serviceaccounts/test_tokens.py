"""Tokens of service accounts are made and recognised as by a real API server, and end with what they are for."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.devcluster.client import JSON, NODES, PODS, SECRETS, Answer, Client, config_map, node
from vk_core.devcluster import DevCluster
from vk_core.devcluster.registry import Registry
from vk_core.devcluster.resources import NAMESPACES, SERVICEACCOUNTS
from vk_core.devcluster.resources import PODS as POD_RESOURCE
from vk_core.devcluster.serviceaccounts.jwt import InvalidTokenError
from vk_core.devcluster.serviceaccounts.tokens import ServiceAccountTokens
from vk_core.devcluster.store import Store

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
TOKEN = f"{ACCOUNTS}/default/token"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
API = "https://kubernetes.default.svc"
USER = "system:serviceaccount:default:default"
NOON = 1_800_000_000


@pytest.fixture
async def node_name(client: Client) -> str:
    """A node that pods are bound to by hand."""
    await client.post(NODES, node("n", pods="0"))
    return "n"


def bound(pod: Answer, **more: Any) -> JSON:
    """What asks for a token that is bound to a pod."""
    reference = {"kind": "Pod", "apiVersion": "v1", "name": pod.metadata["name"], "uid": pod.metadata["uid"]}
    return {"spec": {"boundObjectRef": reference, **more}}


def claims(answer: Answer) -> JSON:
    """What the token says that came back."""
    assert answer.code == 201, answer.body
    payload = answer.body["status"]["token"].split(".")[1]
    return dict(msgspec.json.decode(decoded(payload)))


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def test_a_token_says_whose_it_is_for_which_pod_and_until_when(client: Client, node_name: str) -> None:
    pod = await client.create_pod(nodeName=node_name)
    account = await client.get(f"{ACCOUNTS}/default")
    there = await client.get(f"{NODES}/{node_name}")
    answer = await client.post(TOKEN, bound(pod, expirationSeconds=600))
    said = claims(answer)
    assert said.pop("exp") - said["iat"] == 600
    assert said.pop("iat") == said.pop("nbf")
    assert len(said.pop("jti")) == 36
    assert said == {
        "iss": API,
        "aud": [API],
        "sub": USER,
        "kubernetes.io": {
            "namespace": "default",
            "serviceaccount": {"name": "default", "uid": account.metadata["uid"]},
            "pod": {"name": "p", "uid": pod.metadata["uid"]},
            "node": {"name": "n", "uid": there.metadata["uid"]},
        },
    }
    assert answer.body["spec"]["audiences"] == [API]
    assert answer.body["status"]["expirationTimestamp"].endswith("Z")


async def test_a_token_lasts_an_hour_and_is_for_whom_it_was_asked_for(client: Client) -> None:
    said = claims(await client.post(TOKEN, {"spec": {"audiences": ["a", "b"]}}))
    assert (said["exp"] - said["iat"], said["aud"]) == (3600, ["a", "b"])
    assert set(said["kubernetes.io"]) == {"namespace", "serviceaccount"}


async def test_anybody_can_verify_a_token_by_the_published_key(client: Client) -> None:
    answer = await client.post(TOKEN, {})
    header, payload, signature = answer.body["status"]["token"].split(".")
    (key,) = (await client.get("/openid/v1/jwks")).body["keys"]
    x, y = (int.from_bytes(decoded(key[name])) for name in "xy")
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    raw = decoded(signature)
    pair = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public.verify(pair, f"{header}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
    assert msgspec.json.decode(decoded(header)) == {"alg": "ES256", "kid": key["kid"]}
    assert (await client.get("/.well-known/openid-configuration")).body["issuer"] == API


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            {"spec": {"expirationSeconds": 599}},
            422,
            'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: '
            "may not specify a duration less than 10 minutes",
        ),
        (
            {"spec": {"expirationSeconds": (1 << 32) + 1}},
            422,
            'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 4294967297: '
            "may not specify a duration larger than 2^32 seconds",
        ),
        (
            {"metadata": {"name": "other"}},
            422,
            'TokenRequest.authentication.k8s.io "default" is invalid: metadata.name: Invalid value: "other": '
            "must match the service account name if specified",
        ),
        (
            {"metadata": {"namespace": "other"}},
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        ({"spec": {"boundObjectRef": {"kind": "Pod", "name": "none"}}}, 404, 'pods "none" not found'),
        (
            {"spec": {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": "x"}}},
            409,
            'Operation cannot be fulfilled on Pod "p": the UID in the bound object reference (x) does not match the '
            "UID in record. The object might have been deleted and then recreated",
        ),
        ({"spec": {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1"}}}, 400, "Name parameter required."),
        (
            {"spec": {"boundObjectRef": {"kind": "ConfigMap", "apiVersion": "v1", "name": "c"}}},
            400,
            "cannot bind token to object of type /v1, Kind=ConfigMap",
        ),
        (
            {"spec": {"boundObjectRef": {"kind": "Pod", "apiVersion": "apps/v1", "name": "p"}}},
            400,
            "cannot bind token to object of type apps/v1, Kind=Pod",
        ),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(client: Client, body: JSON, code: int, message: str) -> None:
    await client.create_pod()
    answer = await client.post(TOKEN, body)
    assert (answer.code, answer.body["message"]) == (code, message)


async def test_there_is_no_token_for_an_account_that_is_not_there_or_not_that_of_the_pod(client: Client) -> None:
    assert (await client.post(f"{ACCOUNTS}/none/token", {})).body["message"] == 'serviceaccounts "none" not found'
    nowhere = await client.post("/api/v1/namespaces/none/serviceaccounts/default/token", {})
    assert nowhere.body["message"] == 'namespaces "none" not found'
    await client.post(ACCOUNTS, {"metadata": {"name": "other"}})
    answer = await client.post(f"{ACCOUNTS}/other/token", bound(await client.create_pod()))
    why = 'cannot bind token for serviceaccount "other" to pod running with different serviceaccount name.'
    assert (answer.code, answer.body["message"]) == (400, why)


async def test_who_comes_with_a_token_is_its_service_account(
    client: Client, cluster: DevCluster, node_name: str
) -> None:
    pod = await client.create_pod(nodeName=node_name)
    answer = await client.post(TOKEN, bound(pod))
    async with Client(cluster, answer.body["status"]["token"]) as holder:
        user = (await holder.post(WHO, {})).body["status"]["userInfo"]
        assert (await holder.post("/api/v1/namespaces/default/configmaps", config_map("c"))).code == 201
    assert user == {
        "username": USER,
        "uid": claims(answer)["kubernetes.io"]["serviceaccount"]["uid"],
        "groups": ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"],
        "extra": {
            "authentication.kubernetes.io/credential-id": [f"JTI={claims(answer)['jti']}"],
            "authentication.kubernetes.io/node-name": ["n"],
            "authentication.kubernetes.io/node-uid": [claims(answer)["kubernetes.io"]["node"]["uid"]],
            "authentication.kubernetes.io/pod-name": ["p"],
            "authentication.kubernetes.io/pod-uid": [pod.metadata["uid"]],
        },
    }
    review = await client.post(REVIEWS, {"spec": {"token": answer.body["status"]["token"]}})
    assert review.body["status"] == {"authenticated": True, "user": user, "audiences": [API]}


async def test_a_token_ends_with_its_pod_even_if_another_of_that_name_follows(
    client: Client, cluster: DevCluster
) -> None:
    pod = await client.create_pod()
    answer = await client.post(TOKEN, bound(pod))
    async with Client(cluster, answer.body["status"]["token"]) as holder:
        assert (await holder.get(PODS)).code == 200
        await client.delete(f"{PODS}/p", gracePeriodSeconds=0)
        refused = await holder.get(PODS)
        assert (refused.code, refused.body["message"]) == (401, "Unauthorized")
        other = await client.create_pod()
        assert (await holder.get(PODS)).code == 401
    review = await client.post(REVIEWS, {"spec": {"token": answer.body["status"]["token"]}})
    why = f"pod UID ({other.metadata['uid']}) does not match claim ({pod.metadata['uid']})"
    assert review.body["status"]["error"] == f"[invalid bearer token, {why}]"


async def test_a_token_ends_with_its_service_account(client: Client, cluster: DevCluster) -> None:
    await client.post(ACCOUNTS, {"metadata": {"name": "other"}})
    answer = await client.post(f"{ACCOUNTS}/other/token", {})
    async with Client(cluster, answer.body["status"]["token"]) as holder:
        assert (await holder.get(PODS)).code == 200
        await client.delete(f"{ACCOUNTS}/other")
        assert (await holder.get(PODS)).code == 401
        await client.post(ACCOUNTS, {"metadata": {"name": "other"}})
        assert (await holder.get(PODS)).code == 401


@pytest.mark.parametrize(("kind", "path"), [("Node", NODES), ("Secret", SECRETS)])
async def test_a_token_can_be_bound_to_a_node_or_a_secret(
    client: Client, cluster: DevCluster, kind: str, path: str
) -> None:
    assert (await client.post(path, {"metadata": {"name": "n"}})).code == 201
    reference = {"kind": kind, "apiVersion": "v1", "name": "n"}
    answer = await client.post(TOKEN, {"spec": {"boundObjectRef": reference}})
    assert claims(answer)["kubernetes.io"][kind.lower()]["name"] == "n"
    async with Client(cluster, answer.body["status"]["token"]) as holder:
        assert (await holder.get(PODS)).code == 200
        await client.delete(f"{path}/n")
        assert (await holder.get(PODS)).code == 401


async def test_a_token_of_a_pod_outlives_the_node_it_names(client: Client, cluster: DevCluster, node_name: str) -> None:
    answer = await client.post(TOKEN, bound(await client.create_pod(nodeName=node_name)))
    async with Client(cluster, answer.body["status"]["token"]) as holder:
        await client.delete(f"{NODES}/{node_name}")
        assert (await holder.get(PODS)).code == 200


async def test_a_token_for_somebody_else_is_no_credential_here(client: Client, cluster: DevCluster) -> None:
    token = (await client.post(TOKEN, {"spec": {"audiences": ["x"]}})).body["status"]["token"]
    async with Client(cluster, token) as holder:
        assert (await holder.get(PODS)).code == 401
    here = (await client.post(REVIEWS, {"spec": {"token": token}})).body["status"]
    assert (
        here["error"] == f'[invalid bearer token, token audiences ["x"] is invalid for the target audiences ["{API}"]]'
    )
    own = {"spec": {"token": cluster.token, "audiences": ["x"]}}
    assert (await client.post(REVIEWS, own)).body["status"]["authenticated"] is False
    there = (await client.post(REVIEWS, {"spec": {"token": token, "audiences": ["y", "x"]}})).body["status"]
    assert (there["authenticated"], there["audiences"]) == (True, ["x"])


async def test_a_token_that_was_not_made_here_is_nobodys(client: Client, cluster: DevCluster) -> None:
    token = (await client.post(TOKEN, {})).body["status"]["token"]
    header, payload, signature = token.split(".")
    plain = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    other = decoded(payload).replace(b"default", b"admin12")
    forged = base64.urlsafe_b64encode(other).decode().rstrip("=")
    for bad in (
        "",
        "x",
        "a.b.c",
        "ä.ö.ü",
        token[:-4],
        f"{header}.{forged}.{signature}",
        f"{plain}.{payload}.",
        f"{header}.{payload}.{'A' * 86}",
        f"{base64.urlsafe_b64encode(b'[]').decode()}.{payload}.{signature}",
    ):
        async with Client(cluster, bad) as holder:
            assert (await holder.get(PODS)).code == 401
    basic = await client.request("GET", PODS, headers={"Authorization": f"Basic {token}"})
    assert basic.code == 401
    review = await client.post(REVIEWS, {"spec": {"token": f"{header}.{forged}.{signature}"}})
    assert review.body["status"] == {"authenticated": False, "user": {}, "error": "invalid bearer token"}
    assert (await client.post(REVIEWS, {"spec": {}})).code == 400


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.seconds = float(NOON)

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> ServiceAccountTokens:
    registry = Registry(Store())
    registry.create(NAMESPACES, "", {"metadata": {"name": "default"}})
    registry.create(SERVICEACCOUNTS, "default", {"metadata": {"name": "default"}})
    return ServiceAccountTokens(registry, clock=clock)


def test_a_token_expires(tokens: ServiceAccountTokens, clock: Clock) -> None:
    answer = tokens.request(("default", "default"), {"spec": {"expirationSeconds": 600}})
    assert answer["status"]["expirationTimestamp"] == "2027-01-15T08:10:00Z"
    clock.seconds += 599
    assert tokens.identify(answer["status"]["token"]).user["username"] == USER
    clock.seconds += 1
    with pytest.raises(InvalidTokenError, match="has expired"):
        tokens.identify(answer["status"]["token"])


def test_a_token_of_a_pod_that_stops_holds_for_its_grace_and_a_minute(
    tokens: ServiceAccountTokens, clock: Clock
) -> None:
    reference = {"kind": "Pod", "apiVersion": "v1", "name": "p"}
    tokens._registry.store.put(
        POD_RESOURCE,
        ("default", "p"),
        {
            "metadata": {"name": "p", "uid": "u", "deletionTimestamp": "2027-01-15T08:00:30Z"},
            "spec": {"serviceAccountName": "default"},
        },
    )
    token = tokens.request(("default", "default"), {"spec": {"boundObjectRef": reference}})["status"]["token"]
    clock.seconds = NOON + 90
    assert tokens.identify(token).user["extra"]["authentication.kubernetes.io/pod-name"] == ["p"]
    clock.seconds = NOON + 91
    with pytest.raises(InvalidTokenError, match="invalidated"):
        tokens.identify(token)
