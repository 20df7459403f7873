"""Probes and hooks of core against containers of a real containerd."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import NamedTuple

import pytest

from vk_core.api.container import (
    ContainerPort,
    ExecAction,
    HTTPGetAction,
    LifecycleHandler,
    Probe,
    TCPSocketAction,
)
from vk_core.api.pod import Pod
from vk_core.engine.deciding.memory import ProbeResults
from vk_core.engine.hooks import HookFailed, run_hook
from vk_core.engine.probing.attempts import Subject, attempt
from vk_core.engine.probing.outcomes import Finding, failed, succeeded
from vk_core.engine.probing.prober import Prober
from vk_core.testing import RecordedEvents, make_container, make_pod
from vk_cri.runtime import CriRuntime

from .conftest import Pods

SERVER = "mkdir /www; echo fine > /www/healthz; exec httpd -f -p 8080 -h /www"
CONTAINER = make_container("main", ports=(ContainerPort(name="web", container_port=8080),))
PATIENCE = 10.0


class Served(NamedTuple):
    """A container with a small HTTP server, and the adapter of its runtime."""

    runtime: CriRuntime
    pod: Pod
    container_id: str
    ip: str

    @property
    def subject(self) -> Subject:
        return Subject(self.container_id, CONTAINER, self.pod, self.ip)

    async def hook(self, handler: LifecycleHandler, *, seconds: float | None = PATIENCE) -> None:
        await run_hook(
            handler,
            runtime=self.runtime,
            events=RecordedEvents(),
            container_id=self.container_id,
            pod=self.pod,
            container=CONTAINER,
            pod_ip=self.ip,
            timeout_seconds=seconds,
        )

    async def output(self, *command: str) -> str:
        return (await self.runtime.run_command(self.container_id, command, PATIENCE)).stdout.decode()


def command(*words: str, seconds: int = 5) -> Probe:
    return Probe(exec=ExecAction(command=words), timeout_seconds=seconds)


@pytest.fixture
async def served(pods: Pods) -> Served:
    uid, _, container_id = await pods.run("sh", "-c", SERVER)
    (sandbox,) = (await pods.runtime.pod_snapshot(uid)).sandboxes
    made = Served(pods.runtime, make_pod("pod", uid=uid, containers=(CONTAINER,)), container_id, sandbox.ips[0])
    get = Probe(http_get=HTTPGetAction(path="/healthz", port="web"))
    async with asyncio.timeout(PATIENCE):
        while not (await attempt(get, made.subject, made.runtime)).verdict:
            await asyncio.sleep(0.02)
    return made


async def test_commands_are_run_in_the_container(served: Served) -> None:
    runtime, subject = served.runtime, served.subject
    assert await attempt(command("cat", "/www/healthz"), subject, runtime) == succeeded("fine\n")
    complaint = "cat: can't open '/nosuch': No such file or directory\n"
    assert await attempt(command("cat", "/nosuch"), subject, runtime) == failed(complaint)
    late = 'command timed out: "sleep 30" timed out after 1s'
    assert await attempt(command("sleep", "30", seconds=1), subject, runtime) == failed(late)
    missing = await attempt(command("nosuch"), subject, runtime)
    assert (missing.finding, missing.is_error) == (Finding.UNKNOWN, True)
    assert missing.text.startswith("rpc error: code = ")
    assert "nosuch" in missing.text
    gone = await attempt(command("true"), subject._replace(container_id="0" * 64), runtime)
    assert gone.is_error


async def test_a_container_is_ready_as_soon_as_it_serves_and_told_when_it_does_no_more(served: Served) -> None:
    told: asyncio.Queue[ProbeResults] = asyncio.Queue()
    events = RecordedEvents()
    prober = Prober(served.runtime, events, changed=lambda *found: told.put_nowait(found[2]))
    get = HTTPGetAction(path="/healthz", port="web")
    container = make_container(
        "main",
        ports=CONTAINER.ports,
        readiness_probe=Probe(http_get=get, period_seconds=1, failure_threshold=1),
        liveness_probe=Probe(tcp_socket=TCPSocketAction(port="web"), period_seconds=1),
    )
    work = asyncio.create_task(prober.run())
    prober.follow(served.pod, container, served.container_id, pod_ip=served.ip, started_at=dt.datetime.now(dt.UTC))
    async with asyncio.timeout(PATIENCE):
        assert (await told.get()).readiness
        await served.output("rm", "/www/healthz")
        while (found := await told.get()).readiness:
            pass
    assert found == ProbeResults(liveness=True, readiness=False)
    assert events.told[-1].message == "Readiness probe failed: HTTP probe failed with statuscode: 404"
    await prober.close()
    await work


async def test_hooks_are_run_in_the_container_and_against_its_servers(served: Served) -> None:
    await served.hook(LifecycleHandler(exec=ExecAction(command=("sh", "-c", "echo hooked > /www/hook"))))
    assert await served.output("cat", "/www/hook") == "hooked\n"
    await served.hook(LifecycleHandler(http_get=HTTPGetAction(path="/whatever", port="web")))
    await served.hook(LifecycleHandler(exec=ExecAction(command=("true",))), seconds=None)
    with pytest.raises(HookFailed, match=r"command 'sh -c echo oh >&2; exit 4' exited with 4: oh"):
        await served.hook(LifecycleHandler(exec=ExecAction(command=("sh", "-c", "echo oh >&2; exit 4"))))


async def test_a_hook_that_is_given_up_leaves_no_process_behind(served: Served) -> None:
    with pytest.raises(TimeoutError):
        await served.hook(LifecycleHandler(exec=ExecAction(command=("sleep", "4242"))), seconds=1)
    async with asyncio.timeout(PATIENCE):
        while "4242" in await served.output("ps"):
            await asyncio.sleep(0.05)
