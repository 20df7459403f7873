"""TCP probes: whether something listens, in kubelet's words if not."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from tests.engine.probing.servers import FINE, RawServer, nobody
from vk_core.api.container import ContainerPort, Probe, TCPSocketAction
from vk_core.engine.probing.attempts import Subject, attempt
from vk_core.engine.probing.dialing import probe_tcp
from vk_core.engine.probing.outcomes import Finding, Outcome, failed, succeeded
from vk_core.engine.probing.words import connect_problem
from vk_core.testing import make_container, make_pod


async def test_a_port_on_which_somebody_listens_is_fine() -> None:
    async with RawServer([FINE]).serving() as server:
        assert await probe_tcp("127.0.0.1", server.port, 1) == succeeded()


async def test_a_port_on_which_nobody_listens_is_not() -> None:
    with nobody() as port:
        expected = failed(f"dial tcp 127.0.0.1:{port}: connect: connection refused")
        assert await probe_tcp("127.0.0.1", port, 1) == expected


async def test_a_server_that_takes_no_connection_has_failed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_args: object, **_kwargs: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
    assert await probe_tcp("10.0.0.5", 80, 1) == failed("dial tcp 10.0.0.5:80: i/o timeout")


async def test_a_pod_without_an_address_is_not_looked_for_on_the_node() -> None:
    assert await probe_tcp("", 80, 1) == failed("dial tcp: the pod has no address")


async def test_the_port_may_have_a_name_and_the_host_may_be_another_one() -> None:
    async with RawServer([FINE]).serving() as server:
        container = make_container(ports=(ContainerPort(name="web", container_port=server.port),))
        subject = Subject("id", container, make_pod(), "192.0.2.1")
        runtime = None
        probe = Probe(tcp_socket=TCPSocketAction(port="web", host="127.0.0.1"))
        assert await attempt(probe, subject, runtime) == succeeded()  # type: ignore[arg-type]
        unknown = await attempt(Probe(tcp_socket=TCPSocketAction(port="db")), subject, runtime)  # type: ignore[arg-type]
        assert unknown == Outcome(Finding.UNKNOWN, 'strconv.Atoi: parsing "db": invalid syntax', is_error=True)
        nothing = await attempt(Probe(), subject, runtime)  # type: ignore[arg-type]
        assert nothing.is_error
        assert nothing.text.startswith("missing probe handler for web_default(")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(OSError(errno.EHOSTUNREACH, "x"), "dial tcp [fd00::1]:80: connect: no route to host", id="route"),
        pytest.param(
            OSError(errno.ENETUNREACH, ""), "dial tcp [fd00::1]:80: connect: network is unreachable", id="net"
        ),
        pytest.param(socket.gaierror(-2, "?"), "dial tcp: lookup fd00::1: no such host", id="name"),
    ],
)
def test_errors_of_the_system_are_told_as_go_does(error: OSError, words: str) -> None:
    assert connect_problem(error, "fd00::1", 80) == words
