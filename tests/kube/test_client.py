"""The client asks by verb, waits where the server asks to wait, and understands what can be understood."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec
import pytest

from tests.support.cluster import FakeCluster
from vk_core.api.auth import TokenRequest, TokenRequestSpec
from vk_core.kube.client import MOST_WAITS, KubeClient
from vk_core.kube.errors import ApiError, ApiUnavailable, ObjectConflict, TooManyRequests
from vk_core.kube.request import Request
from vk_core.kube.resources import NODES, PODS, SERVICE_ACCOUNT_TOKENS
from vk_core.kube.transport import Response, Stream
from vk_core.testing import make_pod, virtual_time


class Scripted:
    """A transport that gives prepared answers."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.sent: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.sent.append(request)
        return Response(200, self.answers.pop(0), None)

    def stream(self, request: Request, *, silence_seconds: float) -> contextlib.AbstractAsyncContextManager[Stream]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


async def names(client: KubeClient) -> list[str]:
    return [pod.metadata.name async for _, items in client.pages(PODS) for pod in items]


@virtual_time
async def test_a_list_comes_in_pages() -> None:
    cluster = FakeCluster()
    cluster.page = 2
    for number in range(5):
        cluster.add_pod(make_pod(f"web-{number}"))
    assert await names(cluster.client) == [f"web-{number}" for number in range(5)]
    assert cluster.requests["list", "pods"] == 3


@virtual_time
async def test_a_request_that_is_put_off_is_sent_again_when_the_server_says() -> None:
    loop = asyncio.get_running_loop()
    cluster = FakeCluster()
    cluster.put("nodes", "", "n", {})
    cluster.fail("get", "nodes", code=429, reason="TooManyRequests", times=2, retry_after_seconds=5)
    assert (await cluster.client.get(NODES, "n")).metadata.name == "n"
    assert 10.0 <= loop.time() < 10.1


@virtual_time
async def test_a_request_that_is_put_off_again_and_again_fails_in_the_end() -> None:
    cluster = FakeCluster()
    cluster.fail("get", "nodes", code=429, reason="TooManyRequests", times=1000)
    with pytest.raises(TooManyRequests):
        await cluster.client.get(NODES, "n")
    assert cluster.requests["get", "nodes"] == MOST_WAITS + 1


@virtual_time
async def test_what_fails_for_another_reason_is_not_repeated() -> None:
    cluster = FakeCluster()
    cluster.fail("get", "nodes", code=503, reason="ServiceUnavailable", times=1)
    with pytest.raises(ApiUnavailable):
        await cluster.client.get(NODES, "n")
    assert cluster.requests["get", "nodes"] == 1


@virtual_time
async def test_a_patch_and_a_deletion_reach_only_the_very_object() -> None:
    cluster = FakeCluster()
    cluster.add_pod(make_pod("web"))
    client = cluster.client
    with pytest.raises(ObjectConflict):
        await client.patch(PODS, "web", {"metadata": {"uid": "another"}}, namespace="default", subresource="status")
    with pytest.raises(ObjectConflict):
        await client.delete(PODS, "web", namespace="default", uid="another", grace_period_seconds=0)
    assert cluster.pod("web") is not None


@virtual_time
async def test_a_token_is_created_at_a_service_account() -> None:
    cluster = FakeCluster()
    cluster.reviews["serviceaccounts/token"] = lambda _: {"token": "t"}
    request = TokenRequest(spec=TokenRequestSpec(expiration_seconds=600))
    made = await cluster.client.create(
        SERVICE_ACCOUNT_TOKENS, request, namespace="ns", name="robot", subresource="token"
    )
    assert made.status.token == "t"
    _, _, body = cluster.log[-1]
    assert (body["apiVersion"], body["kind"]) == ("authentication.k8s.io/v1", "TokenRequest")


@virtual_time
async def test_an_object_is_created_with_its_kind() -> None:
    cluster = FakeCluster()
    await cluster.client.create(NODES, {"metadata": {"name": "n"}})
    _, _, body = cluster.log[-1]
    assert (body["apiVersion"], body["kind"]) == ("v1", "Node")


@virtual_time
async def test_one_object_that_does_not_fit_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    odd: list[Any] = [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}, "spec": 7}, {"metadata": {"name": "c"}}]
    client = KubeClient(Scripted(msgspec.json.encode({"metadata": {"resourceVersion": "5"}, "items": odd})))
    assert await names(client) == ["a", "c"]
    assert "it is left out" in caplog.text


@pytest.mark.parametrize(
    "answer", [b"<html>", b"[]", b'{"metadata": 7}', b'{"metadata": {"resourceVersion": "\xff"}}', b""]
)
@virtual_time
async def test_an_answer_that_makes_no_sense_is_an_expected_error(answer: bytes) -> None:
    for call in (
        lambda client: client.get(NODES, "n"),
        lambda client: client.patch(NODES, "n", {}),
        lambda client: client.create(NODES, {}),
        names,
    ):
        with pytest.raises(ApiError, match="cannot understand the answer"):
            await call(KubeClient(Scripted(answer)))
