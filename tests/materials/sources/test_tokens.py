"""Tokens are bound to their pod, asked for once, renewed in time, and forgotten with the pod."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import msgspec
import pytest

from tests.support.cluster import JSON, FakeCluster
from vk_core.api.pod import Pod
from vk_core.kube.errors import AccessForbidden, ApiError, ApiUnavailable
from vk_core.materials.sources.tokens import TokenStore, renewal_seconds
from vk_core.materials.volumes.specs import TokenSpec
from vk_core.testing import make_pod, run_in_virtual_time, virtual_time

CREATE = ("create", "serviceaccounts/token")
HOUR = TokenSpec("", 3600)


class Issuer:
    """A store with a server that gives out numbered tokens."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.cluster.reviews["serviceaccounts/token"] = self._issue
        self.renewed: list[str] = []
        self.store = TokenStore(self.cluster.client, renewed=self.renewed.append)
        self.issued = 0

    def _issue(self, _: JSON) -> JSON:
        self.issued += 1
        return {"token": f"secret-{self.issued}", "expirationTimestamp": "2026-01-01T00:00:00Z"}


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    task = asyncio.create_task(issuer.store.run())
    try:
        yield issuer
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def pod(name: str = "web") -> Pod:
    made = make_pod(name)
    spec = msgspec.structs.replace(made.spec, service_account_name="robot")
    return msgspec.structs.replace(made, spec=spec, metadata=msgspec.structs.replace(made.metadata, uid=f"uid-{name}"))


@virtual_time
async def test_a_token_is_asked_for_by_audience_and_life_and_is_bound_to_the_pod() -> None:
    async with running() as issuer:
        assert await issuer.store.token(pod(), TokenSpec("vault", 600)) == "secret-1"
        assert issuer.cluster.log == [
            (
                *CREATE,
                {
                    "apiVersion": "authentication.k8s.io/v1",
                    "kind": "TokenRequest",
                    "spec": {
                        "audiences": ["vault"],
                        "expirationSeconds": 600,
                        "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "web", "uid": "uid-web"},
                    },
                },
            )
        ]
        await issuer.store.token(pod(), HOUR)
        assert "audiences" not in issuer.cluster.log[1][2]["spec"], "the API server's own is the default"


@virtual_time
async def test_those_who_ask_together_share_a_request_and_later_ones_its_token() -> None:
    async with running() as issuer:
        given = await asyncio.gather(*(issuer.store.token(pod(), HOUR) for _ in range(10)))
        assert {*given, await issuer.store.token(pod(), HOUR)} == {"secret-1"}
        assert await issuer.store.token(pod(), TokenSpec("other", 3600)) == "secret-2"
        assert await issuer.store.token(pod("db"), HOUR) == "secret-3"


@virtual_time
async def test_who_gives_up_waiting_does_not_take_the_answer_from_the_others() -> None:
    async with running() as issuer:
        issuer.cluster.slow[CREATE] = 5.0
        first = asyncio.create_task(issuer.store.token(pod(), HOUR))
        second = asyncio.create_task(issuer.store.token(pod(), HOUR))
        await asyncio.sleep(1)
        first.cancel()
        assert await second == "secret-1"
        assert issuer.issued == 1


@virtual_time
async def test_a_token_is_renewed_when_four_fifths_of_its_life_are_over() -> None:
    async with running() as issuer:
        assert await issuer.store.token(pod(), TokenSpec("", 600)) == "secret-1"
        await asyncio.sleep(0.8 * 600 - 11)
        assert issuer.issued == 1
        assert await issuer.store.token(pod(), TokenSpec("", 600)) == "secret-1"
        await asyncio.sleep(12)
        assert (issuer.issued, issuer.renewed) == (2, ["uid-web"])
        assert await issuer.store.token(pod(), TokenSpec("", 600)) == "secret-2"
        await asyncio.sleep(480)
        assert (issuer.issued, len(issuer.renewed)) == (3, 2)


@pytest.mark.parametrize(
    ("life", "least", "most"),
    [
        pytest.param(600, 470, 480, id="shortest"),
        pytest.param(3607, 2875.6, 2885.6, id="default"),
        pytest.param(30 * 3600, 86390, 86400, id="a day is over before"),
        pytest.param(365 * 86400, 86390, 86400, id="a year"),
        pytest.param(5, 3.6, 4, id="much shorter than the jitter"),
        pytest.param(0, 1, 1, id="none at all"),
    ],
)
def test_a_token_is_renewed_at_four_fifths_of_its_life_or_after_a_day(life: float, least: float, most: float) -> None:
    found = [renewal_seconds(life) for _ in range(200)]
    assert least <= min(found) <= max(found) <= most
    assert life < 5 or min(found) < max(found), "not all at the same moment"


@virtual_time
async def test_the_old_token_stays_while_it_cannot_be_renewed_and_is_none_when_it_has_run_out() -> None:
    async with running() as issuer:
        assert await issuer.store.token(pod(), HOUR) == "secret-1"
        issuer.cluster.down = True
        await asyncio.sleep(3500)
        assert await issuer.store.token(pod(), HOUR) == "secret-1"
        await asyncio.sleep(200)
        with pytest.raises(ApiUnavailable):
            await issuer.store.token(pod(), HOUR)
        issuer.cluster.down = False
        await asyncio.sleep(61)
        assert issuer.renewed == ["uid-web"]
        assert await issuer.store.token(pod(), HOUR) == "secret-2"
        await asyncio.sleep(3000)
        assert issuer.issued == 3, "from then on as ever"


@virtual_time
async def test_no_token_is_renewed_for_a_pod_that_is_gone() -> None:
    async with running() as issuer:
        await issuer.store.token(pod(), HOUR)
        await issuer.store.token(pod("db"), HOUR)
        issuer.store.release("uid-web")
        issuer.store.release("uid-unknown")
        assert len(issuer.store._renewals._timers) == 1
        await asyncio.sleep(3600)
        assert (issuer.issued, issuer.renewed) == (3, ["uid-db"])
        assert len(issuer.store._tokens) == 1


@virtual_time
async def test_a_pod_may_go_while_its_token_is_asked_for_or_renewed() -> None:
    async with running() as issuer:
        issuer.cluster.slow[CREATE] = 5.0
        asking = asyncio.create_task(issuer.store.token(pod(), HOUR))
        renewing = asyncio.create_task(issuer.store.token(pod("db"), TokenSpec("", 600)))
        await asyncio.sleep(1)
        issuer.store.release("uid-web")
        assert await asking == "secret-1"
        await renewing
        await issuer.cluster.until(lambda: issuer.store._requests, within=500)
        issuer.store.release("uid-db")
        await asyncio.sleep(3600)
        assert (issuer.issued, issuer.renewed, issuer.store._tokens) == (3, [], {})


@virtual_time
async def test_a_pod_may_go_while_its_token_waits_to_be_renewed_behind_others() -> None:
    async with running() as issuer:
        names = [f"pod-{number}" for number in range(20)]
        for name in names:
            await issuer.store.token(pod(name), TokenSpec("", 600))
        issuer.cluster.slow[CREATE] = 50.0
        await asyncio.sleep(481)
        for name in names:
            issuer.store.release(f"uid-{name}")
        await asyncio.sleep(600)
        assert issuer.issued < 20 + 10, "the renewals that were under way, and no others"
        assert (issuer.store._tokens, issuer.renewed) == ({}, [])


@virtual_time
async def test_a_refusal_right_after_the_pod_was_bound_is_waited_out() -> None:
    async with running() as issuer:
        issuer.cluster.fail(*CREATE, code=403, reason="Forbidden", times=2)
        async with asyncio.timeout(0.7):
            assert await issuer.store.token(pod(), HOUR) == "secret-1"
        issuer.cluster.fail(*CREATE, code=403, reason="Forbidden", times=100)
        async with asyncio.timeout(2):
            with pytest.raises(AccessForbidden, match=r'"serviceaccounts/token"\], "verbs": \["create"\]'):
                await issuer.store.token(pod("db"), HOUR)


@virtual_time
async def test_a_token_of_a_pod_that_the_server_no_longer_knows_is_forgotten_once_it_has_run_out() -> None:
    async with running() as issuer:
        await issuer.store.token(pod(), HOUR)
        issuer.cluster.fail(*CREATE, code=404, reason="NotFound", times=1000)
        await asyncio.sleep(7200)
        assert not issuer.store._tokens
        asked = issuer.cluster.requests[CREATE]
        await asyncio.sleep(7200)
        assert issuer.cluster.requests[CREATE] == asked


@virtual_time
async def test_who_waits_for_a_token_gets_an_error_when_everything_ends() -> None:
    async with running() as issuer:
        issuer.cluster.slow[CREATE] = 60.0
        waiting = asyncio.create_task(issuer.store.token(pod(), HOUR))
        await asyncio.sleep(1)
    with pytest.raises(ApiUnavailable, match="shutting down"):
        await waiting


@virtual_time
async def test_an_answer_without_a_token_is_an_error() -> None:
    async with running() as issuer:
        issuer.cluster.reviews["serviceaccounts/token"] = lambda _: {}
        with pytest.raises(ApiError, match="token of serviceaccount robot for pod default/web"):
            await issuer.store.token(pod(), HOUR)


def test_a_renewal_that_is_refused_is_one_line_in_the_log_and_no_token_is_in_any(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = run_in_virtual_time(_refused())
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "for pod default/web cannot be renewed" in warnings[0]
    assert "secret-" not in caplog.text + shown


async def _refused() -> str:
    async with running() as issuer:
        asking = asyncio.create_task(issuer.store.token(pod(), HOUR))
        await asyncio.sleep(0)
        requests = list(issuer.store._requests.values())
        await asking
        assert "finished" in repr(requests)
        issuer.cluster.fail(*CREATE, code=403, reason="Forbidden", times=10)
        await asyncio.sleep(3600)
        assert issuer.renewed == ["uid-web"]
        return repr(vars(issuer.store)) + repr(requests) + repr(asyncio.all_tasks())
