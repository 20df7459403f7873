"""What port forwarding refuses before it upgrades anything."""

from __future__ import annotations

import aiohttp
import pytest
from msgspec.structs import replace

from tests.support.forwarding import forwarding
from tests.support.kubelet import running_pod
from tests.support.pods import pod_with, running, status_of
from tests.support.providers import TinyProvider
from tests.support.spdy_client import Refused, spdy_client, upgrade_headers
from vk_core.api.podstatus import PodStatus
from vk_core.provider import Provider


async def refused(url: str, path: str = "", protocols: tuple[str, ...] = ("portforward.k8s.io",)) -> Refused:
    """The answer to an upgrade request that must fail."""
    with pytest.raises(Refused) as caught:
        async with spdy_client(url + path, protocols=protocols):
            pass
    return caught.value


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        pytest.param("-gone", 404, "pod does not exist", id="no such pod"),
        pytest.param("/another-uid", 404, "pod does not exist", id="another pod of this name"),
    ],
)
async def test_a_pod_that_is_not_there_is_404(path: str, status: int, text: str) -> None:
    async with forwarding() as url:
        answer = await refused(url, path)
    assert (answer.status, answer.body.strip()) == (status, text)


async def test_the_uid_of_the_pod_is_accepted() -> None:
    pod = running_pod()
    protocols = ("portforward.k8s.io",)
    async with forwarding(pods=(pod,)) as url, spdy_client(f"{url}/{pod.metadata.uid}", protocols=protocols) as spdy:
        await spdy.ping(1)


async def test_a_provider_that_forwards_no_ports_is_501() -> None:
    provider: Provider = TinyProvider()
    async with forwarding(provider) as url:
        answer = await refused(url)
    assert (answer.status, answer.body.strip()) == (
        501,
        "the provider scripted of node virtual cannot forward ports",
    )


@pytest.mark.parametrize(("phase", "told"), [("", "Pending"), ("Pending", "Pending"), ("Failed", "Failed")])
async def test_a_pod_that_does_not_run_is_400(phase: str, told: str) -> None:
    pod = pod_with("main", name="web")
    async with forwarding(
        pods=(type(pod)(metadata=pod.metadata, spec=pod.spec, status=status_of(phase=phase)),)
    ) as url:
        answer = await refused(url)
    assert answer.status == 400
    assert f'pod "web" is not running, its phase is {told}' in answer.body


async def test_ports_of_a_pod_whose_sidecar_runs_are_forwarded_before_the_pod_runs() -> None:
    status = PodStatus(phase="Pending", init_container_statuses=(running("sidecar"),))
    pod = replace(pod_with("main", name="web"), status=status)
    async with forwarding(pods=(pod,)) as url, spdy_client(url, protocols=("portforward.k8s.io",)) as spdy:
        await spdy.ping(1)


async def test_a_protocol_that_is_not_known_is_403() -> None:
    async with forwarding() as url:
        answer = await refused(url, protocols=("portforward2.k8s.io",))
    assert answer.status == 403
    assert ("x-accepted-stream-protocol-versions", "portforward.k8s.io") in answer.headers


async def test_a_request_without_an_upgrade_is_400() -> None:
    async with forwarding() as url:
        with pytest.raises(Refused) as caught:
            async with spdy_client(url, protocols=(), headers=upgrade_headers(("portforward.k8s.io",))[3:]):
                pass
    assert caught.value.status == 400
    assert "expected the headers Connection: Upgrade and Upgrade: SPDY/3.1" in caught.value.body


@pytest.mark.parametrize(
    ("query", "protocols", "status"),
    [
        pytest.param("", ("v4.channel.k8s.io",), 400, id="no port"),
        pytest.param("?port=", ("v4.channel.k8s.io",), 400, id="empty port"),
        pytest.param("?port=80,x", ("v4.channel.k8s.io",), 400, id="no number"),
        pytest.param("?port=" + ",".join(["80"] * 41), (), 400, id="too many"),
        pytest.param("?port=80", ("v5.channel.k8s.io",), 403, id="a protocol for commands"),
    ],
)
async def test_a_websocket_that_cannot_be_served_is_refused(
    query: str, protocols: tuple[str, ...], status: int
) -> None:
    async with forwarding() as url, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(url + query, protocols=protocols)
    assert caught.value.status == status
