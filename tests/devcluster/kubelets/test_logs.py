"""Logs: what the kubelet is asked for, how its answer streams, and what becomes of its refusals."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.devcluster.client import NODES, PODS, Client, pod
from tests.devcluster.kubelets.fakekubelet import DEADLINE_SECONDS, Exchange, FakeKubelet

LOG = f"{PODS}/p/log"


async def says_hello(exchange: Exchange) -> None:
    await exchange.answer("200 OK", b"hello\n")


async def text_of(client: Client, path: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {client.cluster.token}"}
    async with client.session.get(client.cluster.url + path, headers=headers) as response:
        return response.status, await response.text()


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", ""),
        ("?container=c", ""),
        ("?follow=true&previous=false&timestamps=1", "?follow=true&timestamps=true"),
        ("?previous=true&tailLines=0&limitBytes=7", "?limitBytes=7&previous=true&tailLines=0"),
        ("?sinceSeconds=3", "?sinceSeconds=3"),
        ("?sinceTime=2030-01-02T03:04:05.678%2B01:00", "?sinceTime=2030-01-02T02%3A04%3A05Z"),
        ("?insecureSkipTLSVerifyBackend=true&unknown=1", ""),
    ],
)
async def test_the_kubelet_is_asked_for_what_is_set_and_nothing_else(
    client: Client, kubelet: FakeKubelet, query: str, asked: str
) -> None:
    kubelet.script = says_hello
    assert await text_of(client, LOG + query) == (200, "hello\n")
    assert kubelet.asked == f"/containerLogs/default/p/c{asked}"


async def test_the_kubelet_sees_the_api_servers_certificate_and_not_the_users_token(
    client: Client, kubelet: FakeKubelet
) -> None:
    kubelet.script = says_hello
    await text_of(client, LOG)
    assert kubelet.requests[0].subject == {
        "commonName": "kube-apiserver-kubelet-client",
        "organizationName": "system:masters",
    }
    assert "Authorization" not in kubelet.requests[0].headers


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("none/log", 404, 'pods "none" not found'),
        ("p/log?container=x", 400, "container x is not valid for pod p"),
        (
            "many/log",
            400,
            "a container name must be specified for pod many, choose one of: [a b] or one of the init containers: [i]",
        ),
        ("p/log?tailLines=x", 400, "tailLines: expected a whole number, got 'x'"),
        ("p/log?sinceTime=yesterday", 400, "sinceTime: expected a time such as 2030-01-02T03:04:05Z, got 'yesterday'"),
        (
            "p/log?tailLines=-1",
            422,
            'PodLogOptions "p" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
        ),
        (
            "p/log?limitBytes=0&sinceSeconds=0",
            422,
            'PodLogOptions "p" is invalid: [limitBytes: Invalid value: 0: must be greater than 0, '
            "sinceSeconds: Invalid value: 0: must be greater than 0]",
        ),
        (
            "p/log?sinceSeconds=1&sinceTime=2030-01-02T03:04:05Z",
            422,
            'PodLogOptions "p" is invalid: : Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
        ),
    ],
)
async def test_what_makes_no_sense_is_refused_before_the_kubelet_hears_of_it(
    client: Client, kubelet: FakeKubelet, path: str, code: int, message: str
) -> None:
    answer = await client.get(f"{PODS}/{path}")
    assert (answer.code, answer.body["message"]) == (code, message)
    assert not kubelet.requests


async def test_init_containers_have_logs_too(client: Client, kubelet: FakeKubelet) -> None:
    kubelet.script = says_hello
    assert await text_of(client, f"{PODS}/many/log?container=i") == (200, "hello\n")
    assert kubelet.asked == "/containerLogs/default/many/i"


@pytest.mark.parametrize(
    ("status", "code", "reason", "message"),
    [
        ("400 Bad Request", 400, "BadRequest", "oh dear"),
        ("403 Forbidden", 403, "Forbidden", "oh dear ( pods/log p)"),
        ("404 Not Found", 404, "NotFound", "the server could not find the requested resource ( pods/log p)"),
        ("418 Teapot", 418, "Unknown", "the server responded with the status code 418 but did not return more "
         "information ( pods/log p)"),
        ("500 Internal Server Error", 500, "InternalError", "Internal error occurred: oh dear"),
        ("501 Not Implemented", 501, "InternalError", 'an error on the server ("oh dear") has prevented the request '
         "from succeeding ( pods/log p)"),
        ("302 Found", 302, "Unknown", "the server responded with the status code 302 but did not return more "
         "information ( pods/log p)"),
    ],
)  # fmt: skip
async def test_a_refusal_reaches_the_user_in_the_api_servers_words(
    client: Client, kubelet: FakeKubelet, status: str, code: int, reason: str, message: str
) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.answer(status, b"oh dear", "Location: https://elsewhere.invalid/")

    kubelet.script = refuse
    answer = await client.get(LOG)
    assert (answer.code, answer.body["reason"], answer.body["message"]) == (code, reason, message)


async def test_lines_come_when_they_are_written_and_a_client_that_leaves_ends_the_kubelets_work(
    client: Client, kubelet: FakeKubelet
) -> None:
    async def follow(exchange: Exchange) -> None:
        await exchange.begin_chunks()
        await exchange.chunk(b"one\n")
        await exchange.reader.read()

    kubelet.script = follow
    headers = {"Authorization": f"Bearer {client.cluster.token}"}
    async with asyncio.timeout(DEADLINE_SECONDS):
        async with client.session.get(f"{client.cluster.url}{LOG}?follow=true", headers=headers) as response:
            assert response.content_type == "text/plain"
            assert await response.content.readline() == b"one\n"
            response.close()
        await kubelet.connection_ends()


async def test_a_log_that_breaks_off_does_not_look_complete(client: Client, kubelet: FakeKubelet) -> None:
    async def break_off(exchange: Exchange) -> None:
        await exchange.begin_chunks()
        await exchange.chunk(b"one\n")

    kubelet.script = break_off
    with pytest.raises(aiohttp.ClientError):
        await text_of(client, LOG)


async def test_a_pod_without_a_node_has_an_empty_log(client: Client) -> None:
    await client.post(PODS, pod("waiting"))
    assert await text_of(client, f"{PODS}/waiting/log") == (204, "")


async def test_a_node_that_is_not_there_or_has_no_address_or_does_not_answer_is_named(
    client: Client, kubelet: FakeKubelet, unused_port: int
) -> None:
    await client.create_pod("lost", nodeName="gone")
    answer = await client.get(f"{PODS}/lost/log")
    assert (answer.code, answer.body["message"]) == (404, 'nodes "gone" not found')
    endpoint = {"daemonEndpoints": {"kubeletEndpoint": {"Port": unused_port}}}
    await client.patch(f"{NODES}/n/status", {"status": endpoint})
    url = f"https://127.0.0.1:{unused_port}"
    answer = await client.get(LOG)
    assert answer.code == 500
    assert answer.body["message"] == (
        f'Get "{url}/containerLogs/default/p/c": dial tcp 127.0.0.1:{unused_port}: connect: connection refused'
    )
    assert (await client.get(f"{NODES}/n/proxy/healthz")).body["message"] == (
        f"error trying to reach service: dial tcp 127.0.0.1:{unused_port}: connect: connection refused"
    )
    answer = await client.post(f"{PODS}/p/exec?stdout=1", None)
    assert answer.body["message"] == "Upgrade request required"
    upgrade = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
    answer = await client.request("POST", f"{PODS}/p/exec?stdout=1", headers=upgrade)
    assert answer.body["message"] == (
        f"error dialing backend: dial tcp 127.0.0.1:{unused_port}: connect: connection refused"
    )
    await client.patch(f"{NODES}/n/status", {"status": {"addresses": None}})
    assert "no preferred addresses found" in (await client.get(LOG)).body["message"]
