"""A certificate that the node makes for itself, so that it can serve at once, whatever the cluster does."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable

from vk_core.errors import UsageError
from vk_core.kubelet.certificates.keypair import KeyPair, Subject
from vk_core.kubelet.certificates.store import PairFile

RENEW_AT = 0.8
"""Share of its life after which another one is made."""

LOOK_SECONDS = 10.0
"""How often the node's addresses are looked at."""

log = logging.getLogger("virtual_kubelet.kubelet")


class SelfSigned:
    """Keeps a self-signed certificate for whatever addresses the node has.

    Args:
        subject: the node as it is at the moment.
        file: where it is kept, so that clients that remember it know it again.
        must_keep: whether a file that cannot be written is an error (somebody named the folder) or only a pity.
    """

    def __init__(self, subject: Callable[[], Subject], file: PairFile, *, must_keep: bool) -> None:
        self._subject = subject
        self._file = file
        self._must_keep = must_keep

    async def pair(self) -> KeyPair:
        """The one that is kept if it will do, else a new one.

        Raises:
            UsageError: the folder that was named cannot be used.
        """
        subject = self._subject()
        try:
            kept = await asyncio.to_thread(self._file.load)
            if kept is not None and good(kept, subject):
                return kept
            pair = subject.self_signed()
            await asyncio.to_thread(self._file.save, pair)
        except OSError as error:
            if self._must_keep:
                raise UsageError(
                    f"--cert-dir: {self._file.path.parent}: expected a folder to keep certificates in: "
                    f"{error.strerror or error}"
                ) from error
            log.warning("cannot keep the certificate in %s: %s", self._file.path, error.strerror or error)
            return subject.self_signed()
        return pair

    async def follow(self, use: Callable[[KeyPair], None], pair: KeyPair) -> None:
        """Make another one when the addresses change or it gets old, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not good(pair, self._subject()):
                try:
                    pair = await self.pair()
                except UsageError as error:
                    log.warning("%s; the certificate is kept in memory only", error)
                    pair = self._subject().self_signed()
                use(pair)
                log.info("made another self-signed certificate, new connections use it")


def good(pair: KeyPair, subject: Subject, now: dt.datetime | None = None) -> bool:
    """Whether a certificate is for this subject and not old yet."""
    now = now or dt.datetime.now(dt.UTC)
    return pair.suits(subject) and pair.not_before <= now < pair.at(RENEW_AT)
