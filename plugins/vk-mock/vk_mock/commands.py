"""The few words that a container of the mock understands: commands that no process runs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.provider import ByteWriter, ContainerIO
from vk_core.provider.settings_types import parse_duration

_NOT_FOUND = 127
_WRONG_USE = 2
_LARGEST_EXIT_CODE = 255


class Console:
    """What a command is given.

    Attributes:
        arguments: the words behind the command's own.
        environment: the container's variables.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], io: ContainerIO) -> None:
        self.arguments = arguments
        self.environment = environment
        self._io = io

    async def read(self) -> bytes:
        """The next piece of the input; `b""` at its end."""
        return await self._io.stdin.read() if self._io.stdin else b""

    async def write(self, data: bytes) -> None:
        """Write to the standard output."""
        await self._write(self._io.stdout, data)

    async def complain(self, text: str) -> None:
        """Write a line to the standard error."""
        await self._write(self._io.stdout if self._io.tty else self._io.stderr, f"{text}\n".encode())

    async def _write(self, writer: ByteWriter | None, data: bytes) -> None:
        if writer and data:
            await writer.write(data.replace(b"\n", b"\r\n") if self._io.tty else data)


def environment_of(container: Container, pod: Pod) -> dict[str, str]:
    """The variables that are written out in the pod."""
    return {"HOSTNAME": pod.metadata.name} | {one.name: one.value for one in container.env if not one.value_from}


async def run(command: Sequence[str], environment: Mapping[str, str], io: ContainerIO) -> int:
    """Do what a command says; gives its exit code."""
    name, *arguments = command
    word = _WORDS.get(name.rpartition("/")[2])
    console = Console(arguments, environment, io)
    if word is None:
        await console.complain(f"mock: {name}: command not found; there are {', '.join(_WORDS)}")
        return _NOT_FOUND
    return await word(console)


async def _echo(console: Console) -> int:
    await console.write(f"{' '.join(console.arguments)}\n".encode())
    return 0


async def _cat(console: Console) -> int:
    if console.arguments:
        await console.complain(f"cat: {console.arguments[0]}: No such file or directory")
        return 1
    while data := await console.read():
        await console.write(data)
    return 0


async def _env(console: Console) -> int:
    await console.write("".join(f"{name}={value}\n" for name, value in console.environment.items()).encode())
    return 0


async def _sleep(console: Console) -> int:
    try:
        (text,) = console.arguments
        span = parse_duration(float(text) if re.fullmatch(r"[0-9]*\.[0-9]+", text, re.ASCII) else text)
    except ValueError:
        await console.complain("sleep: expected one duration such as 10, 1.5s or 2m")
        return _WRONG_USE
    await asyncio.sleep(span.total_seconds())
    return 0


async def _exit(console: Console) -> int:
    text = "".join(console.arguments) or "0"
    if not (text.isascii() and text.isdigit() and int(text) <= _LARGEST_EXIT_CODE):
        await console.complain(f"exit: expected a number from 0 to {_LARGEST_EXIT_CODE}")
        return _WRONG_USE
    return int(text)


async def _true(_console: Console) -> int:
    return 0


async def _false(_console: Console) -> int:
    return 1


_WORDS: dict[str, Callable[[Console], Awaitable[int]]] = {
    "cat": _cat,
    "echo": _echo,
    "env": _env,
    "exit": _exit,
    "false": _false,
    "sleep": _sleep,
    "true": _true,
}
