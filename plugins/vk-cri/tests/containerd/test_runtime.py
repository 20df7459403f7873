"""Sandboxes, containers and images of a real containerd."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from scripts.containerd.containerd import Containerd
from vk_core.engine.runtime import ContainerPhase, RuntimeContainer, SandboxPhase
from vk_core.engine.specs import (
    ContainerMount,
    ContainerResources,
    ContainerSecurity,
    Namespaces,
    PortMapping,
    SecurityProfile,
)
from vk_core.errors import InvalidInput, NotFound, Unavailable
from vk_cri.runtime import CriRuntime
from vk_cri.settings import CriSettings

from .conftest import Pods

PATIENCE = 10.0


async def container_of(pods: Pods, uid: str) -> RuntimeContainer:
    (container,) = (await pods.runtime.pod_snapshot(uid)).containers
    return container


async def ended(pods: Pods, uid: str) -> RuntimeContainer:
    """The only container of a pod, when it has ended."""
    async with asyncio.timeout(PATIENCE):
        while (container := await container_of(pods, uid)).phase is not ContainerPhase.EXITED:
            await asyncio.sleep(0.02)
    return container


async def output(pods: Pods, container_id: str, *command: str) -> str:
    done = await pods.runtime.run_command(container_id, command, 10)
    return done.stdout.decode()


async def test_the_runtime_says_how_it_is(pods: Pods) -> None:
    state = await pods.runtime.state()
    assert (state.name, state.ready, state.network_ready, state.problem) == ("containerd", True, True, "")


async def test_a_sandbox_is_made_once_and_leaves_nothing(pods: Pods) -> None:
    config = pods.sandbox(attempt=3, annotations={"note": "kept"})
    sandbox_id = await pods.run_sandbox(config)
    assert await pods.runtime.run_sandbox(config) == sandbox_id

    (sandbox,) = (await pods.runtime.pod_snapshot(config.uid)).sandboxes
    assert (sandbox.phase, sandbox.attempt, sandbox.annotations["note"]) == (SandboxPhase.READY, 3, "kept")
    assert sandbox.labels == config.labels
    assert len(sandbox.ips) == 1
    assert sandbox_id in {one.id for one in (await pods.runtime.snapshot()).sandboxes}

    for _ in range(2):
        await pods.runtime.stop_sandbox(sandbox_id)
    (sandbox,) = (await pods.runtime.pod_snapshot(config.uid)).sandboxes
    assert sandbox.phase is SandboxPhase.NOT_READY
    for _ in range(2):
        await pods.runtime.remove_sandbox(sandbox_id)
    assert not (await pods.runtime.pod_snapshot(config.uid)).sandboxes
    assert not config.log_directory.exists()


async def test_a_container_is_made_started_and_stopped_once(pods: Pods) -> None:
    config = pods.sandbox()
    sandbox_id = await pods.run_sandbox(config)
    container = pods.container(config, "sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done")
    container_id = await pods.runtime.create_container(sandbox_id, container, config)
    assert await pods.runtime.create_container(sandbox_id, container, config) == container_id
    made = await container_of(pods, config.uid)
    assert (made.phase, made.started_at, made.exit_code) == (ContainerPhase.CREATED, None, None)

    for _ in range(2):
        await pods.runtime.start_container(container_id)
    assert (await container_of(pods, config.uid)).phase is ContainerPhase.RUNNING
    assert await output(pods, container_id, "sh", "-c", "hostname; id -u") == "pod\n0\n"

    async with asyncio.timeout(PATIENCE):
        while not (config.log_directory / "main" / "0.log").read_bytes():
            await asyncio.sleep(0.02)
    for _ in range(2):
        await pods.runtime.stop_container(container_id, 5)
    stopped = await container_of(pods, config.uid)
    assert (stopped.phase, stopped.exit_code, stopped.reason) == (ContainerPhase.EXITED, 7, "Error")
    assert stopped.started_at is not None
    assert stopped.finished_at is not None
    assert stopped.created_at < stopped.started_at < stopped.finished_at
    assert stopped.image_id.startswith("docker.io/library/busybox@sha256:")

    for _ in range(2):
        await pods.runtime.remove_container(container_id)
    assert not list(config.log_directory.rglob("*"))


async def test_a_container_that_ignores_the_signal_is_ended_after_its_grace_period(pods: Pods) -> None:
    uid, _, container_id = await pods.run("sh", "-c", "trap '' TERM; while :; do sleep 1; done")
    started = asyncio.get_running_loop().time()
    await pods.runtime.stop_container(container_id, 1)
    assert asyncio.get_running_loop().time() - started >= 1
    assert (await container_of(pods, uid)).exit_code == 137


async def test_a_program_that_is_not_there_is_named(pods: Pods) -> None:
    config = pods.sandbox()
    sandbox_id = await pods.run_sandbox(config)
    container_id = await pods.runtime.create_container(sandbox_id, pods.container(config, "/nowhere"), config)
    with pytest.raises(InvalidInput, match="/nowhere: no such file or directory"):
        await pods.runtime.start_container(container_id)
    assert (await ended(pods, config.uid)).reason == "StartError"


async def test_running_out_of_memory_is_told(pods: Pods) -> None:
    limits = ContainerResources(memory_limit_bytes=16 << 20)
    uid, _, _ = await pods.run("sh", "-c", "tail /dev/zero", resources=limits)
    killed = await ended(pods, uid)
    assert (killed.reason, killed.exit_code) == ("OOMKilled", 137)


async def test_a_container_sees_what_it_was_given(pods: Pods, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("from the host")
    tmp_path.chmod(0o755)
    given: dict[str, Any] = {
        "environment": {"ONE": "1", "EMPTY": "", "WORDS": "a b\nc"},
        "mounts": (ContainerMount(container_path="/volume", host_path=tmp_path, read_only=True),),
        "working_dir": "/var",
        "args": ("sleep", "1000"),
        "security": ContainerSecurity(
            run_as_user=1234,
            run_as_group=5678,
            supplemental_groups=(42,),
            read_only_root=True,
            no_new_privileges=True,
            drop_capabilities=("ALL",),
            masked_paths=("/proc/version",),
            readonly_paths=(),
            seccomp=SecurityProfile(type="RuntimeDefault"),
        ),
    }
    _, _, container_id = await pods.run(**given)
    assert await output(pods, container_id, "sh", "-c", 'echo "$ONE|$EMPTY|$WORDS"; pwd; id -u; id -g; id -G') == (
        "1||a b\nc\n/var\n1234\n5678\n5678 42\n"
    )
    assert await output(pods, container_id, "cat", "/volume/there") == "from the host"
    status = await output(pods, container_id, "grep", "-E", "^(CapBnd|NoNewPrivs|Seccomp):", "/proc/1/status")
    assert status.split() == ["CapBnd:", "0" * 16, "NoNewPrivs:", "1", "Seccomp:", "2"]
    assert await output(pods, container_id, "cat", "/proc/version") == ""
    for place in ("/file", "/volume/file"):
        assert (await pods.runtime.run_command(container_id, ["touch", place], 5)).exit_code == 1


async def test_resources_can_be_changed_while_a_container_runs(pods: Pods) -> None:
    first = ContainerResources(cpu_shares=512, cpu_quota_microseconds=20_000, memory_limit_bytes=64 << 20)
    _, _, container_id = await pods.run("sleep", "1000", resources=first)
    show = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max"
    assert int(await output(pods, container_id, "sh", "-c", show)) == 64 << 20
    await pods.runtime.update_container(container_id, dataclasses.replace(first, memory_limit_bytes=80 << 20))
    assert int(await output(pods, container_id, "sh", "-c", show)) == 80 << 20


async def test_the_host_network_has_no_address_of_its_own(pods: Pods) -> None:
    shared = Namespaces(network="NODE")
    config = pods.sandbox(namespaces=shared, hostname="")
    uid, _, container_id = await pods.run(
        "sleep", "1000", sandbox=config, security=ContainerSecurity(namespaces=shared)
    )
    (sandbox,) = (await pods.runtime.pod_snapshot(uid)).sandboxes
    assert sandbox.ips == ()
    assert (
        await output(pods, container_id, "readlink", "/proc/self/ns/net") == f"{Path('/proc/self/ns/net').readlink()}\n"
    )


async def test_a_port_of_the_host_leads_into_the_pod(pods: Pods) -> None:
    port = PortMapping(protocol="TCP", container_port=8080, host_port=28471, host_ip="127.0.0.1")
    await pods.run("httpd", "-f", "-p", "8080", "-h", "/etc", sandbox=pods.sandbox(port_mappings=(port,)))
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", 28471)
                break
            except OSError:
                await asyncio.sleep(0.05)
        writer.write(b"GET /nsswitch.conf HTTP/1.0\r\n\r\n")
        assert (await reader.read()).endswith(b"hosts: files dns\n")
        writer.close()


async def test_commands_end_with_their_code_or_in_time(pods: Pods) -> None:
    _, _, container_id = await pods.run("sleep", "1000")
    done = await pods.runtime.run_command(container_id, ["sh", "-c", "echo out; echo err >&2; exit 3"], 5)
    assert (done.exit_code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    many = await pods.runtime.run_command(container_id, ["sh", "-c", "yes | head -c 100000"], 5)
    assert len(many.stdout) == 16 * 1024
    with pytest.raises(TimeoutError):
        await pods.runtime.run_command(container_id, ["sleep", "7531"], 1)
    assert "7531" not in await output(pods, container_id, "ps")
    with pytest.raises(NotFound):
        await pods.runtime.run_command("0" * 64, ["true"], 1)


async def test_images_say_whom_they_run_as(pods: Pods) -> None:
    for name, user_id, user_name in (("by-name", None, "web"), ("by-number", 1234, "")):
        reference = f"registry.example/test/{name}:1"
        image_id = await pods.runtime.pull(reference, None, pods.sandbox())
        image = await pods.runtime.image(reference)
        assert image is not None
        assert (image.id, image.user_id, image.user_name) == (image_id, user_id, user_name)
        assert image_id in {one.id for one in await pods.runtime.images()}
        assert image.size_bytes > 1000
    for _ in range(2):
        await pods.runtime.remove_image(image_id)
    assert await pods.runtime.image(reference) is None


async def test_an_image_that_is_not_there_is_told_in_the_words_of_the_registry(pods: Pods) -> None:
    with pytest.raises(
        NotFound, match=r'^rpc error: code = NotFound desc = failed to pull .*"registry.example/none:1"'
    ):
        await pods.runtime.pull("registry.example/none:1", None, pods.sandbox())
    assert await pods.runtime.image("registry.example/none:1") is None


async def test_changes_are_told(pods: Pods) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    events = pods.runtime.events()
    assert events is not None

    async def listen() -> None:
        async for uid in events:
            told.put_nowait(uid)

    listening = asyncio.create_task(listen())
    uid, _, _ = await pods.run("sleep", "0.5")
    async with asyncio.timeout(PATIENCE):
        while (await container_of(pods, uid)).phase is not ContainerPhase.EXITED:
            assert await told.get() == uid
    listening.cancel()
    await asyncio.wait({listening})


async def test_usage_is_known(pods: Pods) -> None:
    _, _, container_id = await pods.run("sh", "-c", "while :; do :; done")
    async with asyncio.timeout(PATIENCE):
        while True:
            found = {usage.container_id: usage for usage in await pods.runtime.usage()}.get(container_id)
            if found is not None and found.cpu_nanoseconds and found.memory_working_set_bytes:
                break
            await asyncio.sleep(0.1)


async def test_pods_outlive_their_runtime_and_its_absence_is_told(
    containerd: Containerd, pods: Pods, settings: CriSettings
) -> None:
    uid, _, container_id = await pods.run("sleep", "1000")
    events = pods.runtime.events()
    assert events is not None
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.to_thread(containerd.process.kill)
    try:
        with pytest.raises(Unavailable, match=f"nobody listens on {containerd.layout.socket}"):
            await pods.runtime.snapshot()
        with pytest.raises(Unavailable):
            await waiting
    finally:
        await asyncio.to_thread(containerd.start_process)
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                assert await output(pods, container_id, "echo", "there") == "there\n"
                break
            except Unavailable:
                await asyncio.sleep(0.1)
    fresh = CriRuntime(settings)
    assert (await fresh.pod_snapshot(uid)).containers == (await pods.runtime.pod_snapshot(uid)).containers
    await fresh.close()
