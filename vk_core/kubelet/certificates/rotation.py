"""Has the cluster sign a certificate, keeps it, and has it signed again before it runs out (CertificateSigningRequest).

The signers and what they demand: https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests.
Who approves is up to the cluster; a request may wait for that for long.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import datetime as dt
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization

from vk_core.aio.backoff import Backoff
from vk_core.api.certificates import CertificateSigningRequest
from vk_core.errors import UsageError, VirtualKubeletError
from vk_core.kube.client import KubeClient
from vk_core.kube.errors import ApiUnavailable
from vk_core.kube.resources import CERTIFICATE_SIGNING_REQUESTS
from vk_core.kubelet.certificates.keypair import BadKeyPairError, KeyPair, Subject, new_key
from vk_core.kubelet.certificates.store import PairFile

RENEW_BETWEEN = (0.7, 0.9)
"""Shares of a certificate's life between which it is renewed, at random so that many nodes do not come together."""

PENDING_SECONDS = 15 * 60.0
"""A request that nobody has approved by then is made anew."""

SAY_PENDING_SECONDS = 30.0
LOOK_SECONDS = 10.0
ASK_AGAIN = Backoff(first_seconds=1.0, limit_seconds=10.0)
"""Between two looks at a request."""

RETRY = Backoff(first_seconds=5.0, limit_seconds=10 * 60.0)
"""Behind a request that failed."""

log = logging.getLogger("virtual_kubelet.certificates")


@dataclass(frozen=True)
class Signer:
    """Who signs, and for what.

    Attributes:
        name: `spec.signerName`.
        usages: `spec.usages`, just what the signer allows for ECDSA keys.
        what: how to call the certificate.
    """

    name: str
    usages: tuple[str, ...]
    what: str


SERVING = Signer("kubernetes.io/kubelet-serving", ("digital signature", "server auth"), "the serving certificate")
CLIENT = Signer(
    "kubernetes.io/kube-apiserver-client-kubelet", ("digital signature", "client auth"), "the node's client certificate"
)


class NotSignedError(VirtualKubeletError):
    """A request was denied, failed, or nobody approved it in time."""


class Rotation:
    """One certificate of the node, signed by the cluster.

    Args:
        client: who asks; a function, because the client certificate it shows may be the one that is renewed.
        signer: who signs.
        subject: the node as it is at the moment.
        file: where key and certificate are kept between two runs.
        use: told about every new certificate.
        must_keep: whether a certificate that cannot be kept is of no use.
    """

    def __init__(
        self,
        client: Callable[[], KubeClient],
        signer: Signer,
        subject: Callable[[], Subject],
        file: PairFile,
        use: Callable[[KeyPair], None],
        *,
        must_keep: bool = False,
    ) -> None:
        self._must_keep = must_keep
        self._client = client
        self._signer = signer
        self._subject = subject
        self._file = file
        self._use = use
        self._pair: KeyPair | None = None
        self._renew_at = dt.datetime.max.replace(tzinfo=dt.UTC)
        self._said_pending = False

    async def start(self) -> bool:
        """Use what is kept, if it will still do; returns whether it did."""
        try:
            kept = await asyncio.to_thread(self._file.load)
        except OSError as error:
            log.warning("cannot read %s: %s", self._file.path, error.strerror or error)
            return False
        now = dt.datetime.now(dt.UTC)
        if kept is None or not kept.suits(self._subject()) or not kept.not_before <= now < kept.not_after:
            return False
        self._take(kept, kept.not_before)
        return True

    async def follow(self) -> None:
        """Have a certificate signed when there is none, it is old, or the addresses changed, until cancelled."""
        while True:
            if self._due():
                await self.first()
            else:
                await asyncio.sleep(min(LOOK_SECONDS, self._seconds_left()))

    async def first(self) -> None:
        """Have a certificate signed now, trying until it works.

        Raises:
            UsageError: it cannot be kept although it has to be.
        """
        failures = 0
        while True:
            try:
                await self.renew()
            except UsageError:
                raise
            except VirtualKubeletError as error:
                failures += 1
                delay = RETRY.delay_seconds(failures)
                log.warning("%s was not signed: %s; next try in %.0f s", self._signer.what, error, delay)
                await asyncio.sleep(delay)
            else:
                return

    async def renew(self) -> None:
        """Have a certificate signed now, keep it and use it.

        Raises:
            UsageError: it cannot be kept although it has to be.
            ApiError: the API server refused the request.
            NotSignedError: it was denied, or not approved in time.
        """
        pair = await self._signed()
        try:
            await asyncio.to_thread(self._file.save, pair)
        except OSError as error:
            text = (
                f"{self._file.path.parent}: expected a folder to keep {self._signer.what} in: {error.strerror or error}"
            )
            if self._must_keep:
                raise UsageError(f"--cert-dir: {text}") from error
            log.warning("%s", text)
        self._take(pair, dt.datetime.now(dt.UTC))
        log.info("%s was signed, it is good until %s", self._signer.what, f"{pair.not_after:%Y-%m-%d %H:%M:%S} UTC")

    def _take(self, pair: KeyPair, since: dt.datetime) -> None:
        # Signers date certificates back by some minutes, which may be most of the life of a short one.
        self._pair = pair
        self._renew_at = since + (pair.not_after - since) * random.uniform(*RENEW_BETWEEN)
        self._use(pair)

    def _due(self) -> bool:
        return self._pair is None or self._seconds_left() <= 0 or not self._pair.suits(self._subject())

    def _seconds_left(self) -> float:
        return (self._renew_at - dt.datetime.now(dt.UTC)).total_seconds()

    async def _signed(self) -> KeyPair:
        key = new_key()
        request = self._subject().signing_request(key)
        body = {
            "metadata": {"generateName": "csr-"},
            "spec": {
                "request": base64.b64encode(request).decode(),
                "signerName": self._signer.name,
                "usages": self._signer.usages,
            },
        }
        made = await self._client().create(CERTIFICATE_SIGNING_REQUESTS, body)
        certificate = await self._wait(made.metadata.name)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        try:
            return KeyPair.parse(base64.b64decode(certificate, validate=True), pem)
        except (BadKeyPairError, binascii.Error) as error:
            raise NotSignedError(f"CertificateSigningRequest {made.metadata.name}: {error}") from error

    async def _wait(self, name: str) -> str:
        loop = asyncio.get_running_loop()
        began, looks = loop.time(), 0
        while loop.time() - began < PENDING_SECONDS:
            looks += 1
            await asyncio.sleep(ASK_AGAIN.delay_seconds(looks))
            try:
                found = await self._client().get(CERTIFICATE_SIGNING_REQUESTS, name)
            except ApiUnavailable:
                continue
            if found.status.certificate:
                self._said_pending = False
                return found.status.certificate
            _check(found, name)
            if loop.time() - began >= SAY_PENDING_SECONDS and not self._said_pending:
                self._said_pending = True
                log.warning(
                    "%s waits for approval: kubectl certificate approve %s (signer %s)",
                    self._signer.what,
                    name,
                    self._signer.name,
                )
        raise NotSignedError(
            f"nobody approved CertificateSigningRequest {name} within {PENDING_SECONDS / 60:g} minutes"
        )


def _check(found: CertificateSigningRequest, name: str) -> None:
    for condition in found.status.conditions:
        if condition.type in {"Denied", "Failed"} and condition.status != "False":
            why = condition.message or condition.reason or "no reason was given"
            raise NotSignedError(f"CertificateSigningRequest {name} is {condition.type}: {why}")
