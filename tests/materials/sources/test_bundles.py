"""Trust bundles come by name or by signer, in whatever version the server has, and certificates come once."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cluster import FakeCluster
from vk_core.api.certificates import ClusterTrustBundle, ClusterTrustBundleSpec
from vk_core.api.meta import LabelSelector, ObjectMeta
from vk_core.kube.request import Request
from vk_core.kube.transport import Response
from vk_core.materials.sources.bundles import BundleStore, certificates
from vk_core.materials.volumes.specs import BundleSpec
from vk_core.testing import virtual_time

BY_NAME = BundleSpec("roots", "", None)
BY_SIGNER = BundleSpec("", "example.com/ca", LabelSelector(match_labels={"tier": "live"}))


def pem(content: bytes) -> str:
    return ssl.DER_cert_to_PEM_cert(content)


ONE, TWO, THREE = pem(b"one"), pem(b"two" * 50), pem(b"three")


class Versions(FakeCluster):
    """A server that has the resource in some versions only."""

    def __init__(self, *served: str) -> None:
        super().__init__()
        self.served = served
        self.answered: list[str] = []

    async def send(self, request: Request) -> Response:
        group, version = request.target.split("/")[2:4]
        if group == "certificates.k8s.io" and version not in self.served and not self.down:
            return Response(404, b"404 page not found", None)
        self.answered.append(version)
        return await super().send(request)

    def bundle(self, name: str, text: str, signer: str = "", **labels: str) -> None:
        spec = {"signerName": signer, "trustBundle": text}
        self.put("clustertrustbundles", "", name, {"metadata": {"labels": labels}, "spec": spec})


class Told:
    def __init__(self, cluster: FakeCluster) -> None:
        self.changes: list[tuple[BundleSpec, set[str]]] = []
        self.store = BundleStore(cluster.client, changed=lambda spec, uids: self.changes.append((spec, set(uids))))

    async def look(self, spec: BundleSpec) -> str | None:
        await self.store.ready([spec])
        return self.store.lookup(spec)


@contextlib.asynccontextmanager
async def running(cluster: FakeCluster) -> AsyncIterator[Told]:
    told = Told(cluster)
    task = asyncio.create_task(told.store.run())
    await asyncio.sleep(0)
    try:
        yield told
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert told.store.watches == 0


@pytest.mark.parametrize("served", [("v1",), ("v1beta1",), ("v1", "v1beta1")], ids=str)
def test_a_bundle_is_found_by_name_in_the_version_that_is_served(served: tuple[str, ...]) -> None:
    @virtual_time
    async def run() -> None:
        cluster = Versions(*served)
        cluster.bundle("roots", ONE)
        async with running(cluster) as told:
            told.store.hold("pod", [BY_NAME])
            assert await told.look(BY_NAME) == ONE
            await asyncio.sleep(1)
            assert cluster.requests["watch", "clustertrustbundles"] == 1
            assert cluster.answered == [min(served, key=len)], "the newest that there is"

    run()


@virtual_time
async def test_bundles_of_a_signer_are_chosen_by_labels_and_followed() -> None:
    cluster = Versions("v1beta1")
    cluster.bundle("example.com:ca:b", TWO + ONE, "example.com/ca", tier="live")
    cluster.bundle("example.com:ca:a", ONE, "example.com/ca", tier="live")
    cluster.bundle("example.com:ca:test", THREE, "example.com/ca", tier="test")
    cluster.bundle("other:ca:x", THREE, "other/ca", tier="live")
    async with running(cluster) as told:
        told.store.hold("pod", [BY_SIGNER])
        assert await told.look(BY_SIGNER) == ONE + TWO, "each once, in the order of the names"
        assert told.changes == [(BY_SIGNER, {"pod"})]
        await asyncio.sleep(1)
        cluster.edit("clustertrustbundles", "", "example.com:ca:a", {"metadata": {"annotations": {"a": "b"}}})
        cluster.delete("clustertrustbundles", "", "example.com:ca:b")
        await asyncio.sleep(1)
        assert await told.look(BY_SIGNER) == ONE
        cluster.delete("clustertrustbundles", "", "example.com:ca:a")
        await asyncio.sleep(1)
        assert await told.look(BY_SIGNER) is None
        assert len(told.changes) == 3, "annotations make no difference"


@virtual_time
async def test_a_server_that_knows_no_trust_bundles_has_none_until_it_does() -> None:
    cluster = Versions()
    async with running(cluster) as told:
        told.store.hold("pod", [BY_NAME])
        async with asyncio.timeout(1):
            assert await told.look(BY_NAME) is None
        cluster.served = ("v1",)
        cluster.bundle("roots", ONE)
        await asyncio.sleep(61)
        assert await told.look(BY_NAME) == ONE


@virtual_time
async def test_a_server_that_is_upgraded_to_another_version_is_followed_on() -> None:
    cluster = Versions("v1beta1")
    cluster.bundle("roots", ONE)
    async with running(cluster) as told:
        told.store.hold("pod", [BY_NAME])
        await told.look(BY_NAME)
        await asyncio.sleep(1)
        cluster.down = True
        cluster.disconnect_watches()
        await asyncio.sleep(60)
        cluster.edit("clustertrustbundles", "", "roots", {"spec": {"trustBundle": TWO}})
        cluster.compact()
        cluster.down, cluster.served = False, ("v1",)
        await asyncio.sleep(90)
        assert await told.look(BY_NAME) == TWO


@virtual_time
async def test_many_pods_share_a_watch_which_ends_with_the_last() -> None:
    cluster = Versions("v1")
    async with running(cluster) as told:
        for number in range(100):
            told.store.hold(f"pod-{number}", [BY_NAME])
        assert await told.look(BY_NAME) is None
        assert told.store.watches == 1
        for number in range(100):
            told.store.release(f"pod-{number}")
        assert told.store.watches == 0
        assert told.store.lookup(BY_NAME) is None


@virtual_time
async def test_a_server_that_does_not_answer_holds_nobody_up_for_long() -> None:
    cluster = Versions("v1")
    cluster.bundle("roots", ONE)
    cluster.down = True
    async with running(cluster) as told:
        told.store.hold("pod", [BY_NAME])
        async with asyncio.timeout(1):
            assert await told.look(BY_NAME) is None
        cluster.down = False
        await asyncio.sleep(20)
        assert await told.look(BY_NAME) == ONE
        assert told.changes == [(BY_NAME, {"pod"})]


def bundle(name: str, text: str) -> ClusterTrustBundle:
    return ClusterTrustBundle(metadata=ObjectMeta(name=name), spec=ClusterTrustBundleSpec(trust_bundle=text))


def test_comments_headers_and_other_blocks_are_left_out() -> None:
    other = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
    text = f"# about\n{ONE}stuff between\r\n{other}{TWO.replace(chr(10), chr(13) + chr(10))}{ONE}"
    assert certificates(BY_NAME, [bundle("roots", text), bundle("others", THREE)]) == ONE + TWO


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        pytest.param(None, None, id="none matches nothing"),
        pytest.param(LabelSelector(), ONE, id="an empty one everything"),
        pytest.param(LabelSelector(match_labels={"a": "b"}), None, id="another label"),
    ],
)
def test_a_signer_is_combined_with_a_label_selector(selector: LabelSelector | None, found: str | None) -> None:
    others = bundle("others", THREE)
    spec = ClusterTrustBundleSpec(signer_name="example.com/ca", trust_bundle=ONE)
    made = ClusterTrustBundle(metadata=ObjectMeta(name="x"), spec=spec)
    assert certificates(BundleSpec("", "example.com/ca", selector), [made, others]) == found


@given(st.lists(st.binary(min_size=1), min_size=1), st.text(alphabet=st.characters(exclude_characters="-")))
def test_whatever_is_between_them_each_certificate_comes_once_and_whole(contents: list[bytes], between: str) -> None:
    text = between + between.join(map(pem, contents)) + between
    assert certificates(BY_NAME, [bundle("roots", text)]) == "".join(map(pem, dict.fromkeys(contents)))


@given(st.text(alphabet="-BEGINCRTFAD \n=Zz", max_size=200))
def test_no_text_is_too_strange(text: str) -> None:
    certificates(BY_NAME, [bundle("roots", f"{ONE[:27]}{text}{ONE[-26:]}")])


def test_a_broken_certificate_is_left_out_and_named(caplog: pytest.LogCaptureFixture) -> None:
    broken = ONE.replace(base64.b64encode(b"one").decode(), "b")
    assert certificates(BY_NAME, [bundle("roots", broken + TWO)]) == TWO
    assert "cluster trust bundle roots" in caplog.text
