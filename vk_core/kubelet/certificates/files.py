"""Certificates that others put into files: read at the start, and again whenever they change.

At the start a bad file is an error of whoever gave it; later it is a warning, and what was good goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from vk_core.errors import UsageError
from vk_core.kubelet.certificates.keypair import BadKeyPairError, KeyPair, parse_authorities
from vk_core.kubelet.certificates.tls import Authorities

Loaded = TypeVar("Loaded")

LOOK_SECONDS = 1.0
"""How often files are looked at; they are small, and a look is their whole content (symbolic links may be swapped)."""

log = logging.getLogger("virtual_kubelet.kubelet")


class GivenPair:
    """`--tls-cert-file` and `--tls-private-key-file`.

    Args:
        certificate: PEM file of the certificate, with those between it and its authority behind it.
        key: PEM file of its private key.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self._seen: tuple[bytes, ...] = ()

    def load(self) -> KeyPair:
        """Read both now.

        Raises:
            UsageError: names flag, file and what was expected.
        """
        certificate = _read(self._certificate, "--tls-cert-file")
        key = _read(self._key, "--tls-private-key-file")
        self._seen = certificate, key
        try:
            return KeyPair.parse(certificate, key)
        except BadKeyPairError as error:
            flag, path = ("--tls-cert-file", self._certificate)
            if error.about_key:
                flag, path = ("--tls-private-key-file", self._key)
            raise UsageError(f"{flag}: {path}: {error}") from error

    async def follow(self, use: Callable[[KeyPair], None]) -> None:
        """Hand over what the files say whenever that changes, until cancelled."""
        await _follow(self.load, lambda: self._seen, use, "the certificate")


class AuthorityFile:
    """`--client-ca-file`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[bytes, ...] = ()

    def load(self) -> Authorities:
        """Read it now.

        Raises:
            UsageError: names flag, file and what was expected.
        """
        pem = _read(self._path, "--client-ca-file")
        self._seen = (pem,)
        try:
            return Authorities(parse_authorities(pem))
        except ValueError as error:
            raise UsageError(f"--client-ca-file: {self._path}: {error}") from error

    async def follow(self, use: Callable[[Authorities], None]) -> None:
        """Hand over what the file says whenever that changes, until cancelled."""
        await _follow(self.load, lambda: self._seen, use, "the client CA")


async def _follow(
    load: Callable[[], Loaded], seen: Callable[[], tuple[bytes, ...]], use: Callable[[Loaded], None], what: str
) -> None:
    last, complaint = seen(), ""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            loaded = await asyncio.to_thread(load)
        except UsageError as error:
            if str(error) != complaint:
                log.warning("%s; %s stays as it was", error, what)
            last, complaint = (), str(error)
            continue
        if seen() != last:
            use(loaded)
            log.info("%s was read again, new connections use it", what)
        last, complaint = seen(), ""


def _read(path: Path, flag: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{flag}: {path}: expected a file that can be read: {error.strerror or error}") from error
