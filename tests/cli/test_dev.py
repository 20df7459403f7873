"""`dev` as its user meets it: a process that says what to do, shows pods, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from vk_core.__main__ import main
from vk_core.kube.resources import PODS
from vk_core.runtime.connection import connect
from vk_core.runtime.options import NodeOptions

DEADLINE_SECONDS = 30.0
PASTE = "    export KUBECONFIG="


@asynccontextmanager
async def dev(*flags: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs the command; whatever is left of it at the end is killed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vk_core", "dev", *flags), stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def line_with(process: asyncio.subprocess.Process, text: str) -> str:
    """Waits for a line of the command's output."""
    assert process.stdout is not None
    async for line in process.stdout:
        if text in line.decode():
            return line.decode().rstrip("\n")
    pytest.fail(f"the command ended without {text!r}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_pod_runs_is_shown_and_is_gone_with_the_cluster(tmp_path: Path, number: signal.Signals) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    async with dev("--kubeconfig-out", str(kubeconfig), "--nodename", "mock-1") as process:
        assert await line_with(process, PASTE) == f"{PASTE}{kubeconfig}"
        assert kubeconfig.stat().st_mode & 0o777 == 0o600
        async with connect(NodeOptions(provider="mock", kubeconfig=kubeconfig)) as (client, _):
            containers = [{"name": "hello", "image": "nginx"}]
            body = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "hello"},
                "spec": {"containers": containers},
            }
            await client.create(PODS, body, namespace="default")
        assert await line_with(process, "Running") == "default/hello Running"
        process.send_signal(number)
        assert await process.wait() == 0
    assert not kubeconfig.exists()


async def test_without_a_file_to_write_the_kubeconfig_is_temporary() -> None:
    started = time.monotonic()
    async with dev() as process:
        kubeconfig = Path((await line_with(process, PASTE)).removeprefix(PASTE))
        assert time.monotonic() - started < 10
        assert kubeconfig.exists()  # noqa: ASYNC240 - nothing else runs on this loop
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    assert not kubeconfig.parent.exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("there", "a file that is not there yet", id="a file that is there"),
        pytest.param("no/folder", "a file in a folder that is there", id="no folder"),
    ],
)
def test_a_file_of_the_users_is_never_overwritten(
    tmp_path: Path, name: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there").write_text("precious")
    assert main(["dev", "--kubeconfig-out", str(tmp_path / name)]) == 2
    assert f"--kubeconfig-out: expected {expected}" in capsys.readouterr().err
    assert (tmp_path / "there").read_text() == "precious"
