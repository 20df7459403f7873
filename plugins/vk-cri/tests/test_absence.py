"""Runtimes that are not there, too old, or different: what people are told, and what is done in place of events."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import grpc.aio
import pytest

from tests.support.components import need_root
from vk_core.engine import identity
from vk_core.errors import InvalidInput, Unavailable
from vk_cri.api import runtime_pb2 as pb
from vk_cri.runtime import CriRuntime
from vk_cri.settings import CriSettings

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Handlers: TypeAlias = dict[str, Handler]


def runtime_at(path: Path) -> CriRuntime:
    return CriRuntime(CriSettings(runtime_endpoint=f"unix://{path}"))


async def problem_of(path: Path, kind: type[Exception] = Unavailable) -> str:
    runtime = runtime_at(path)
    with pytest.raises(kind) as raised:
        await runtime.state()
    await runtime.close()
    assert "\n" not in str(raised.value)
    return str(raised.value)


async def test_a_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert f"there is no {tmp_path / 'x.sock'}" in await problem_of(tmp_path / "x.sock")


async def test_a_file_that_is_no_socket_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert f"{tmp_path / 'file'} is no socket" in await problem_of(tmp_path / "file")


async def test_a_socket_where_nobody_listens_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    assert f"nobody listens on {path}" in await problem_of(path)


def test_a_socket_that_is_forbidden_is_named(tmp_path: Path) -> None:
    """In a process of its own, for the user is changed."""
    need_root()
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        path.chmod(0o600)
        for folder in (tmp_path, *tmp_path.parents):
            if folder.stat().st_uid == os.getuid() and folder.is_relative_to("/tmp"):
                folder.chmod(folder.stat().st_mode | 0o005)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            from vk_cri.endpoint import diagnosis

            os.setuid(65534)
            os.write(writing, diagnosis(f"unix://{path}").encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writing)
        assert os.read(reading, 1000).decode().startswith(f"no permission to use {path}: run as root")
        os.close(reading)


class FakeRuntime:
    """A server of some calls at a socket."""

    def __init__(self, path: Path, service: str, handlers: Handlers) -> None:
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        self._server.add_insecure_port(f"unix:{path}")

    async def __aenter__(self) -> None:
        await self._server.start()

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(0)


def answering(answer: Callable[[bytes], bytes]) -> Handler:
    async def handle(request: bytes, _: object) -> bytes:
        return answer(request)

    return grpc.unary_unary_rpc_method_handler(handle)


async def test_a_runtime_that_only_knows_v1alpha2_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"

    async def refuse(_: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "unknown service runtime.v1.RuntimeService")

    handlers: Handlers = {name: grpc.unary_unary_rpc_method_handler(refuse) for name in ("Version", "Status")}
    async with FakeRuntime(path, "runtime.v1.RuntimeService", handlers):
        assert "does not speak CRI v1: it takes containerd 1.6" in await problem_of(path, InvalidInput)


async def test_events_of_a_runtime_that_has_them_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"

    async def events(_: bytes, __: object) -> AsyncIterator[bytes]:
        for uid in ("one", "two"):
            metadata = pb.PodSandboxMetadata(uid=uid)
            yield pb.ContainerEventResponse(
                pod_sandbox_status=pb.PodSandboxStatus(metadata=metadata)
            ).SerializeToString()
        await asyncio.Event().wait()

    handlers: Handlers = {"GetContainerEvents": grpc.unary_stream_rpc_method_handler(events)}
    async with FakeRuntime(path, "runtime.v1.RuntimeService", handlers):
        runtime = runtime_at(path)
        told = runtime.events()
        assert told is not None
        assert [await anext(told), await anext(told)] == ["one", "two"]
        await runtime.close()


async def test_pods_of_others_are_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    ours = {identity.POD_UID: "1", identity.OWNER: "us"}
    theirs = {identity.POD_UID: "2"}
    sandboxes = pb.ListPodSandboxResponse(
        items=[pb.PodSandbox(id="a", labels=ours), pb.PodSandbox(id="b", labels=theirs)]
    )
    containers = pb.ListContainersResponse(
        containers=[pb.Container(id="c", labels=ours), pb.Container(id="d", labels=theirs)]
    )
    handlers: Handlers = {
        "ListPodSandbox": answering(lambda _: sandboxes.SerializeToString()),
        "ListContainers": answering(lambda _: containers.SerializeToString()),
    }
    async with FakeRuntime(path, "runtime.v1.RuntimeService", handlers):
        runtime = runtime_at(path)
        snapshot = await runtime.snapshot()
        assert [one.id for one in snapshot.sandboxes] == ["a"]
        assert [one.id for one in snapshot.containers] == ["c"]
        await runtime.close()
