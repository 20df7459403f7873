"""Asks the cluster whose token it is (TokenReview) and who may do what (SubjectAccessReview), as kubelet caches it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
from collections.abc import AsyncIterator

import msgspec

from vk_core.api.auth import (
    ResourceAttributes,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
    TokenReview,
    TokenReviewSpec,
    UserInfo,
)
from vk_core.kube.client import KubeClient
from vk_core.kube.errors import ApiUnavailable
from vk_core.kube.resources import SUBJECT_ACCESS_REVIEWS, TOKEN_REVIEWS
from vk_core.kubelet.auth.cache import AnswerCache

TOKEN_LIFE = dt.timedelta(minutes=2)
"""`authentication.webhook.cacheTTL` of kubelet."""

ALLOWED_LIFE = dt.timedelta(minutes=5)
"""`authorization.webhook.cacheAuthorizedTTL` of kubelet."""

DENIED_LIFE = dt.timedelta(seconds=30)
"""`authorization.webhook.cacheUnauthorizedTTL` of kubelet."""

REVIEW_SECONDS = 10.0
"""How long the API server may take for one answer."""

MOST_REVIEWS = 32
"""Reviews asked for at once; a storm of bad tokens must not keep the node from its own requests."""


class TokenReviewer:
    """Whose token is it?"""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._cache: AnswerCache[UserInfo | None] = AnswerCache(lambda _: TOKEN_LIFE)
        self._slots = asyncio.Semaphore(MOST_REVIEWS)

    async def user(self, token: str) -> UserInfo | None:
        """The user of a token; None when it is not a good one.

        Raises:
            ApiError: the API server does not say.
        """
        # The key is a hash, so that no token stays in memory for longer than its request.
        return await self._cache.get(hashlib.sha256(token.encode()).digest(), lambda: self._review(token))

    async def _review(self, token: str) -> UserInfo | None:
        review = TokenReview(spec=TokenReviewSpec(token=token))
        async with self._slots, _in_time("token"):
            status = (await self._client.create(TOKEN_REVIEWS, review)).status
        return status.user if status.authenticated else None


class AccessReviewer:
    """May this user do that to the node?"""

    def __init__(self, client: KubeClient, node_name: str) -> None:
        self._client = client
        self._node_name = node_name
        self._cache: AnswerCache[bool] = AnswerCache(lambda allowed: ALLOWED_LIFE if allowed else DENIED_LIFE)
        self._slots = asyncio.Semaphore(MOST_REVIEWS)

    async def allowed(self, user: UserInfo, verb: str, subresource: str) -> bool:
        """Whether a user may do something to a subresource of the node.

        Raises:
            ApiError: the API server does not say.
        """
        spec = SubjectAccessReviewSpec(
            user=user.username,
            uid=user.uid,
            groups=user.groups,
            extra=user.extra,
            resource_attributes=ResourceAttributes(
                verb=verb, version="v1", resource="nodes", subresource=subresource, name=self._node_name
            ),
        )
        key = hashlib.sha256(msgspec.json.encode(spec, order="deterministic")).digest()
        return await self._cache.get(key, lambda: self._review(spec))

    async def _review(self, spec: SubjectAccessReviewSpec) -> bool:
        async with self._slots, _in_time("access"):
            status = (await self._client.create(SUBJECT_ACCESS_REVIEWS, SubjectAccessReview(spec=spec))).status
        return status.allowed and not status.denied


@contextlib.asynccontextmanager
async def _in_time(what: str) -> AsyncIterator[None]:
    """A review that takes too long is one that the API server did not answer."""
    try:
        async with asyncio.timeout(REVIEW_SECONDS):
            yield
    except TimeoutError:
        raise ApiUnavailable(f"no answer to a {what} review within {REVIEW_SECONDS:g} s", code=0) from None
