"""The few words that a container of the mock understands: commands that no process runs."""

from __future__ import annotations

import asyncio
import re
import stat
from collections.abc import Awaitable, Callable, Sequence

from vk_core.errors import MaterialMissing
from vk_core.provider import ByteWriter, ContainerIO
from vk_core.provider.settings_types import parse_duration
from vk_mock.inside import Entry, Inside

_NOT_FOUND = 127
_WRONG_USE = 2
_LARGEST_EXIT_CODE = 255
_TROUBLES: dict[type[OSError], str] = {
    FileNotFoundError: "No such file or directory",
    IsADirectoryError: "Is a directory",
}


class Console:
    """What a command is given.

    Attributes:
        arguments: the words behind the command's own.
        inside: the container's variables and files.
    """

    def __init__(self, arguments: Sequence[str], inside: Inside, io: ContainerIO) -> None:
        self.arguments = arguments
        self.inside = inside
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


async def run(command: Sequence[str], inside: Inside, io: ContainerIO) -> int:
    """Do what a command says; gives its exit code."""
    name, *arguments = command
    word = _WORDS.get(name.rpartition("/")[2])
    console = Console(arguments, inside, io)
    if word is None:
        await console.complain(f"mock: {name}: command not found; there are {', '.join(_WORDS)}")
        return _NOT_FOUND
    try:
        return await word(console)
    except MaterialMissing as error:
        await console.complain(f"mock: {name}: {error}")
        return 1


async def _echo(console: Console) -> int:
    await console.write(f"{' '.join(console.arguments)}\n".encode())
    return 0


async def _cat(console: Console) -> int:
    code = 0
    for path in console.arguments:
        try:
            await console.write(await console.inside.read(path))
        except OSError as error:
            code = await _complain_about(console, f"cat: {path}", error)
    if not console.arguments:
        while data := await console.read():
            await console.write(data)
    return code


async def _env(console: Console) -> int:
    variables = await console.inside.variables()
    lines = "".join(f"{name}={value}\n" for name, value in variables.items())
    await console.write(lines.encode(errors="surrogateescape"))  # values that came from bytes
    return 0


async def _ls(console: Console) -> int:
    is_long = "-l" in console.arguments
    paths = [one for one in console.arguments if one != "-l"] or ["."]
    code = 0
    for path in paths:
        try:
            entries = await console.inside.entries(path)
        except OSError as error:
            code = await _complain_about(console, f"ls: {path}", error)
        else:
            await console.write("".join(_line(entry) if is_long else f"{entry.name}\n" for entry in entries).encode())
    return code


def _line(entry: Entry) -> str:
    kind = stat.S_IFDIR if entry.size is None else stat.S_IFREG
    mode, owner, group = stat.filemode(kind | entry.mode), _user(entry.owner), _user(entry.group)
    return f"{mode} 1 {owner:8} {group:8} {entry.size or 0:9} {entry.name}\n"


def _user(number: int) -> str:
    return str(number) if number else "root"


async def _complain_about(console: Console, what: str, error: OSError) -> int:
    await console.complain(f"{what}: {_TROUBLES[type(error)]}")
    return 1


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
    "ls": _ls,
    "sleep": _sleep,
    "true": _true,
}
