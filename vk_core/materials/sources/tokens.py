"""Tokens of service accounts for pods: asked for when a provider wants one, kept, and renewed before they run out.

A token is bound to its pod (TokenRequest, KEP-1205), so the API server ends it when the pod is deleted; nothing has to
be taken back here.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from vk_core.aio.backoff import Backoff
from vk_core.aio.keyedqueue import KeyedQueue
from vk_core.api.auth import BoundObjectReference, TokenRequest, TokenRequestSpec
from vk_core.api.pod import Pod
from vk_core.kube.client import KubeClient
from vk_core.kube.errors import AccessForbidden, ApiError, ApiUnavailable, ObjectConflict, ObjectNotFound
from vk_core.kube.informer import RECONNECT
from vk_core.kube.resources import SERVICE_ACCOUNT_TOKENS
from vk_core.materials.sources.following import PATIENCE_SECONDS
from vk_core.materials.volumes.specs import TokenSpec
from vk_core.telemetry.metrics import SERVICE_ACCOUNT_TOKENS as KEPT_TOKENS

LIFE_SHARE = 0.8
"""A token is renewed when this much of its life is over, as the API documents it for projected tokens."""
MOST_AGE_SECONDS = 24 * 3600.0
"""Or when it is as old as this, however long it would be good."""
JITTER_SECONDS = 10.0
"""Up to this much earlier, so that pods that came together do not ask together."""

RETRY = Backoff(first_seconds=1.0, limit_seconds=60.0)
RENEWALS_AT_ONCE = 4

log = logging.getLogger("virtual_kubelet.materials")


class _Wanted(NamedTuple):
    """A token for a pod."""

    uid: str
    namespace: str
    pod: str
    account: str
    spec: TokenSpec


@dataclass(slots=True, repr=False)
class _Token:
    """A token that was given, and when it ends on the loop's clock; not shown, not even as the result of a task."""

    text: str
    ends_at: float
    failures: int = 0


def renewal_seconds(life_seconds: float, life_share: float = LIFE_SHARE) -> float:
    """How many seconds after it was given a token is to be renewed."""
    latest = min(life_seconds * life_share, MOST_AGE_SECONDS)
    return max(latest - random.random() * min(JITTER_SECONDS, latest / 10), 1.0)


class TokenStore:
    """Asks for tokens and keeps them as long as their pods are here.

    How long a token is good is counted from when it was asked for, on the loop's clock: the node's wall clock need not
    agree with the API server's.

    Args:
        client: the API server.
        renewed: told on the event loop the UID of a pod that has a new token in place of an old one.
        life_share: how much of a token's life passes before it is renewed.
    """

    def __init__(self, client: KubeClient, *, renewed: Callable[[str], None], life_share: float = LIFE_SHARE) -> None:
        self._client = client
        self._renewed = renewed
        self._life_share = life_share
        self._wanted: dict[str, tuple[_Wanted, ...]] = {}
        self._tokens: dict[_Wanted, _Token] = {}
        self._requests: dict[_Wanted, asyncio.Task[_Token]] = {}
        self._renewals: KeyedQueue[_Wanted] = KeyedQueue("tokens", self._renew, workers=RENEWALS_AT_ONCE, show=_what)

    async def token(self, pod: Pod, spec: TokenSpec) -> str:
        """A token of the pod's service account, the same one until it is renewed; those who ask together share it.

        Raises:
            ApiError: there is none yet, or it has run out, and the API server gives none.
        """
        metadata = pod.metadata
        account = pod.spec.service_account_name or "default"
        wanted = _Wanted(metadata.uid, metadata.namespace, metadata.name, account, spec)
        kept = self._tokens.get(wanted)
        if kept is not None and kept.ends_at > _now():
            return kept.text
        of_pod = self._wanted.get(wanted.uid, ())
        if wanted not in of_pod:
            self._wanted[wanted.uid] = (*of_pod, wanted)
        return (await self._fetch(wanted)).text

    def release(self, uid: str) -> None:
        """Forget the tokens of a pod."""
        for wanted in self._wanted.pop(uid, ()):
            self._tokens.pop(wanted, None)
            self._renewals.forget(wanted)
        KEPT_TOKENS.set(len(self._tokens))

    async def run(self) -> None:
        """Renew tokens until cancelled."""
        try:
            await self._renewals.run()
        finally:
            requests = list(self._requests.values())
            for request in requests:
                request.cancel()
            await asyncio.gather(*requests, return_exceptions=True)

    async def _fetch(self, wanted: _Wanted) -> _Token:
        request = self._requests.get(wanted)
        if request is None:
            request = asyncio.create_task(self._request(wanted), name=f"token-{wanted.namespace}/{wanted.pod}")
            self._requests[wanted] = request
            request.add_done_callback(lambda _: self._requests.pop(wanted, None))
        try:
            # Whoever asks may give up; the others, and the next one, still want the answer.
            return await asyncio.shield(request)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if request.cancelled() and task is not None and not task.cancelling():
                raise ApiUnavailable(f"{_what(wanted)}: the node is shutting down", code=0) from None
            raise

    async def _request(self, wanted: _Wanted) -> _Token:
        asked_at = _now()
        answer = await self._create(wanted)
        text = answer.status.token
        if not text:
            raise ApiUnavailable(f"{_what(wanted)}: the answer of the API server has none", code=0)
        life_seconds = float(answer.spec.expiration_seconds or wanted.spec.expiration_seconds)
        token = _Token(text, asked_at + life_seconds)
        if wanted not in self._wanted.get(wanted.uid, ()):
            return token  # the pod is gone meanwhile
        is_new = wanted not in self._tokens
        self._tokens[wanted] = token
        KEPT_TOKENS.set(len(self._tokens))
        self._renewals.add_after(wanted, renewal_seconds(life_seconds, self._life_share))
        if not is_new:
            self._renewed(wanted.uid)
        return token

    async def _create(self, wanted: _Wanted) -> TokenRequest:
        spec = TokenRequestSpec(
            audiences=(wanted.spec.audience,) if wanted.spec.audience else (),
            expiration_seconds=wanted.spec.expiration_seconds,
            bound_object_ref=BoundObjectReference(kind="Pod", api_version="v1", name=wanted.pod, uid=wanted.uid),
        )
        patient_until = _now() + PATIENCE_SECONDS
        refusals = 0
        while True:
            try:
                return await self._client.create(
                    SERVICE_ACCOUNT_TOKENS,
                    TokenRequest(spec=spec),
                    namespace=wanted.namespace,
                    name=wanted.account,
                    subresource="token",
                )
            except AccessForbidden:  # as for objects: the API server learns of the pod a little later than the node
                refusals += 1
                if _now() >= patient_until:
                    raise
                await asyncio.sleep(RECONNECT.delay_seconds(refusals))

    async def _renew(self, wanted: _Wanted) -> float | None:
        kept = self._tokens.get(wanted)
        if kept is None:
            return None
        try:
            await self._fetch(wanted)
        except ApiError as error:
            return self._failed(wanted, kept, error)
        return None

    def _failed(self, wanted: _Wanted, kept: _Token, error: ApiError) -> float | None:
        """How long to wait before the next try; the old token is good for a while."""
        has_ended = _now() >= kept.ends_at
        if has_ended and isinstance(error, ObjectNotFound | ObjectConflict):
            # The pod or its account is gone for good; whoever still asks for a token begins anew.
            self._tokens.pop(wanted, None)
            KEPT_TOKENS.set(len(self._tokens))
            return None
        kept.failures += 1
        # Of an API server that is away others tell.
        level = logging.WARNING if kept.failures == 1 and not isinstance(error, ApiUnavailable) else logging.DEBUG
        log.log(level, "%s cannot be renewed: %s; trying again until it works", _what(wanted), error)
        return RETRY.delay_seconds(kept.failures)


def _what(wanted: _Wanted) -> str:
    return f"token of serviceaccount {wanted.account} for pod {wanted.namespace}/{wanted.pod}"


def _now() -> float:
    return asyncio.get_running_loop().time()
