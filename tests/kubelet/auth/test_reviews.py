"""Reviews are asked for once, kept as long as kubelet keeps them, and never with the token itself."""

from __future__ import annotations

import asyncio
import gc
from functools import partial
from typing import Any

import pytest

from tests.support.cluster import FakeCluster
from vk_core.api.auth import UserInfo
from vk_core.kube.errors import ApiError, ApiUnavailable
from vk_core.kubelet.auth import cache
from vk_core.kubelet.auth.cache import AnswerCache
from vk_core.kubelet.auth.reviews import ALLOWED_LIFE, DENIED_LIFE, TOKEN_LIFE, AccessReviewer, TokenReviewer
from vk_core.testing import virtual_time

ACCESS = ("create", "subjectaccessreviews")
ALICE = UserInfo(username="alice", uid="7", groups=("team",), extra={"scope": ("a", "b")})


def token_review(body: dict[str, Any]) -> dict[str, Any]:
    if body["spec"]["token"] != "good":
        return {"authenticated": False, "error": "unknown"}
    return {"authenticated": True, "user": {"username": "alice", "groups": ["team"], "extra": {"scope": ["a"]}}}


def access_review(body: dict[str, Any]) -> dict[str, Any]:
    return {"allowed": body["spec"]["resourceAttributes"]["verb"] == "get"}


@pytest.fixture
def cluster() -> FakeCluster:
    found = FakeCluster()
    found.reviews |= {"tokenreviews": token_review, "subjectaccessreviews": access_review}
    return found


def test_the_user_of_a_token_is_asked_for_once_in_two_minutes(cluster: FakeCluster) -> None:
    @virtual_time
    async def scenario() -> None:
        tokens = TokenReviewer(cluster.client)
        alice = UserInfo(username="alice", groups=("team",), extra={"scope": ("a",)})
        for answer in ("good", alice), ("bad", None):
            token, user = answer
            before = cluster.requests["create", "tokenreviews"]
            assert await tokens.user(str(token)) == user
            await asyncio.sleep(TOKEN_LIFE.total_seconds() - 1)
            assert await tokens.user(str(token)) == user
            assert cluster.requests["create", "tokenreviews"] == before + 1
            await asyncio.sleep(2)
            assert await tokens.user(str(token)) == user
            assert cluster.requests["create", "tokenreviews"] == before + 2

    scenario()


def test_a_right_holds_for_five_minutes_and_its_refusal_for_half_of_one(cluster: FakeCluster) -> None:
    @virtual_time
    async def scenario() -> None:
        access = AccessReviewer(cluster.client, "virtual")
        for verb, allowed, life in (("get", True, ALLOWED_LIFE), ("create", False, DENIED_LIFE)):
            before = cluster.requests[ACCESS]
            assert await access.allowed(ALICE, verb, "proxy") is allowed
            await asyncio.sleep(life.total_seconds() - 1)
            assert await access.allowed(ALICE, verb, "proxy") is allowed
            assert cluster.requests[ACCESS] == before + 1
            await asyncio.sleep(2)
            await access.allowed(ALICE, verb, "proxy")
            assert cluster.requests[ACCESS] == before + 2

    scenario()


def test_everything_that_decides_is_asked_and_kept_apart(cluster: FakeCluster) -> None:
    @virtual_time
    async def scenario() -> None:
        access = AccessReviewer(cluster.client, "virtual")
        await access.allowed(ALICE, "get", "pods")
        body = cluster.log[-1][2]
        assert body["spec"] == {
            "user": "alice",
            "uid": "7",
            "groups": ["team"],
            "extra": {"scope": ["a", "b"]},
            "resourceAttributes": {
                "verb": "get",
                "version": "v1",
                "resource": "nodes",
                "subresource": "pods",
                "name": "virtual",
            },
        }
        others = [
            (UserInfo(username="bob", uid="7", groups=("team",), extra={"scope": ("a", "b")}), "get", "pods"),
            (UserInfo(username="alice", uid="7", extra={"scope": ("a", "b")}), "get", "pods"),
            (UserInfo(username="alice", uid="7", groups=("team",)), "get", "pods"),
            (ALICE, "create", "pods"),
            (ALICE, "get", "proxy"),
        ]
        for other in others:
            await access.allowed(*other)
        assert cluster.requests[ACCESS] == 1 + len(others)

    scenario()


def test_a_crowd_with_the_same_question_asks_it_once(cluster: FakeCluster) -> None:
    @virtual_time
    async def scenario() -> None:
        tokens = TokenReviewer(cluster.client)
        crowd = [asyncio.create_task(tokens.user("good")) for _ in range(100)]
        await asyncio.sleep(0)
        crowd[0].cancel()  # the one who asked goes away; the others still get their answer
        found = await asyncio.gather(*crowd[1:])
        assert {user.username for user in found if user} == {"alice"}
        assert cluster.requests["create", "tokenreviews"] == 1

    scenario()


def test_trouble_is_not_kept_and_an_answer_that_takes_too_long_is_trouble(cluster: FakeCluster) -> None:
    @virtual_time
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        tokens = TokenReviewer(cluster.client)
        cluster.fail("create", "tokenreviews")
        with pytest.raises(ApiUnavailable):
            await tokens.user("good")
        assert await tokens.user("good") is not None
        cluster.slow["create", "tokenreviews"] = 60.0
        began = loop.time()
        with pytest.raises(ApiError, match="no answer to a token review within 10 s"):
            await tokens.user("other")
        assert loop.time() - began < 11

    scenario()


def test_no_token_is_kept(cluster: FakeCluster) -> None:
    @virtual_time
    async def scenario() -> None:
        tokens = TokenReviewer(cluster.client)
        secret = "eyJ-" + "x" * 40
        await tokens.user(secret)
        cluster.log.clear()
        await asyncio.sleep(0)
        gc.collect()
        kept = tokens._cache._kept
        assert len(kept) == 1
        assert secret.encode() not in repr(kept).encode()

    scenario()


def test_what_is_kept_is_bounded_and_the_least_used_goes_first() -> None:
    @virtual_time
    async def scenario() -> None:
        asked: list[bytes] = []
        answers: AnswerCache[bytes] = AnswerCache(lambda _: TOKEN_LIFE, most=3)

        async def ask(key: bytes) -> bytes:
            asked.append(key)
            return key

        async def get(*keys: bytes) -> None:
            for key in keys:
                await answers.get(key, partial(ask, key))

        await get(b"a", b"b", b"c", b"a", b"d")
        assert len(answers) == 3
        await get(b"a", b"c", b"d")
        assert asked == [b"a", b"b", b"c", b"d"]
        assert cache.MOST_ENTRIES < 10_000

    scenario()
