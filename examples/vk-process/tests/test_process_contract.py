"""The process provider keeps the provider contract."""

from __future__ import annotations

import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vk_core.api.pod import Pod
from vk_core.testing import ProviderContract, ProviderFactory, make_container, make_context, make_pod
from vk_process.provider import ProcessProvider
from vk_process.settings import ProcessSettings

ECHO = """
import socketserver, sys

class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)

socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"""


class TestProcess(ProviderContract):
    @pytest.fixture
    def make_provider(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProviderFactory:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        return lambda: ProcessProvider(make_context(ProcessSettings()))

    @pytest.fixture(autouse=True)
    def ports(self) -> Iterator[None]:
        with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as closed:
            self.free_port, type(self).closed_port = free.getsockname()[1], closed.getsockname()[1]
        yield

    def echoing_pod(self) -> tuple[Pod, int]:
        container = make_container(command=(sys.executable, "-c", ECHO, str(self.free_port)))
        return make_pod("echo", containers=(container,)), self.free_port

    def read_command(self, path: str) -> tuple[str, ...]:
        return ("sh", "-c", f"cat $CONTAINER_ROOT{path}")

    def impossible_pod(self) -> Pod:
        return make_pod(containers=(make_container(command=()),))
