"""Cluster trust bundles for projected volumes (KEP-3257): by name, or all of a signer whose labels match.

The resource is young: it is asked for in its newest version first, and a server that has none of them has no bundles.
"""

from __future__ import annotations

import asyncio
import binascii
import contextlib
import functools
import logging
import re
import ssl
from collections.abc import Callable, Collection, Iterable

from vk_core.api.certificates import ClusterTrustBundle
from vk_core.api.selectors import label_selector
from vk_core.kube.client import KubeClient
from vk_core.kube.errors import ApiError, ApiUnavailable, ObjectNotFound
from vk_core.kube.informer import Informer
from vk_core.kube.resources import Resource
from vk_core.materials.sources.following import Followed, Following
from vk_core.materials.volumes.specs import BundleSpec

VERSIONS = tuple(
    Resource(
        "certificates.k8s.io",
        "clustertrustbundles",
        "ClusterTrustBundle",
        ClusterTrustBundle,
        namespaced=False,
        version=version,
    )
    for version in ("v1", "v1beta1")
)

NOT_SERVED_SECONDS = 60.0
"""How often to look whether a server that has no trust bundles has some by now."""

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----")

log = logging.getLogger("virtual_kubelet.materials")

_Item = Followed[BundleSpec, str | None]


class BundleStore:
    """Follows trust bundles while pods refer to them.

    Args:
        client: the API server.
        changed: told on the event loop, whenever something is different, what and the UIDs of the pods concerned.
    """

    def __init__(self, client: KubeClient, *, changed: Callable[[BundleSpec, frozenset[str]], None]) -> None:
        self._client = client
        self._changed = changed
        self._bundles: Following[BundleSpec, str | None] = Following(
            self._follow, initial=lambda _: None, label=lambda _: VERSIONS[0].plural
        )

    @property
    def watches(self) -> int:
        """How many watches there are now."""
        return self._bundles.watches

    def hold(self, uid: str, specs: Collection[BundleSpec]) -> None:
        """Have a pod refer to exactly these from now on."""
        self._bundles.hold(uid, specs)

    def release(self, uid: str) -> None:
        """Forget a pod, and at once what nobody else refers to."""
        self._bundles.release(uid)

    async def ready(self, specs: Collection[BundleSpec]) -> None:
        """Wait until each was read, or it is clear that this is not possible now."""
        await self._bundles.ready(specs)

    def lookup(self, spec: BundleSpec) -> str | None:
        """The certificates as PEM, each once, in the order of the bundles' names; None when no bundle matches."""
        item = self._bundles.get(spec)
        return item.state if item is not None else None

    async def run(self) -> None:
        """Follow bundles until cancelled."""
        await self._bundles.run()

    async def _follow(self, item: _Item) -> None:
        while True:
            for resource in VERSIONS:
                with contextlib.suppress(ObjectNotFound):  # the server does not have this version, or no longer
                    await self._informer(item, resource).run()
            if not item.settled:
                self._put(item, ())
                item.settle()
            await asyncio.sleep(NOT_SERVED_SECONDS)

    def _informer(
        self, item: _Item, resource: Resource[ClusterTrustBundle]
    ) -> Informer[ClusterTrustBundle, ClusterTrustBundle]:
        spec = item.key

        def seen(_: ClusterTrustBundle | None, __: ClusterTrustBundle | None) -> None:
            if item.settled:
                self._put(item, informer.objects.values())

        def listed() -> None:
            self._put(item, informer.objects.values())
            item.settle()

        informer: Informer[ClusterTrustBundle, ClusterTrustBundle] = Informer(
            self._client,
            resource,
            seen,
            field_selector=f"metadata.name={spec.name}" if spec.name else f"spec.signerName={spec.signer_name}",
            listed=listed,
            failed=functools.partial(self._failed, item),
        )
        return informer

    def _put(self, item: _Item, bundles: Iterable[ClusterTrustBundle]) -> None:
        old, item.state = item.state, certificates(item.key, bundles)
        if old != item.state and item.holders:
            self._changed(item.key, frozenset(item.holders))

    def _failed(self, item: _Item, error: ApiError) -> None:
        if isinstance(error, ObjectNotFound):
            raise error
        log.debug("cluster trust bundles: %s", error)
        if item.patient():
            return
        if not item.settled and not isinstance(error, ApiUnavailable):
            log.warning("%s; trying again until it works", error)
        item.settle()


def certificates(spec: BundleSpec, bundles: Iterable[ClusterTrustBundle]) -> str | None:
    """The certificates of the bundles that a volume asks for: each once, without comments; None if no bundle matches.

    A signer without a label selector matches nothing, as the API documents it.
    """
    chosen = sorted((bundle for bundle in bundles if _matches(spec, bundle)), key=lambda bundle: bundle.metadata.name)
    if not chosen:
        return None
    return "".join(dict.fromkeys(text for bundle in chosen for text in _normal(bundle)))


def _matches(spec: BundleSpec, bundle: ClusterTrustBundle) -> bool:
    if spec.name:
        return bundle.metadata.name == spec.name
    selector = spec.label_selector
    if selector is None or bundle.spec.signer_name != spec.signer_name:
        return False
    return label_selector(selector.match_labels, selector.match_expressions).matches(bundle.metadata.labels)


def _normal(bundle: ClusterTrustBundle) -> Iterable[str]:
    for found in _CERTIFICATE.finditer(bundle.spec.trust_bundle):
        try:
            yield ssl.DER_cert_to_PEM_cert(binascii.a2b_base64(found[1]))
        except binascii.Error as error:
            log.warning("a certificate of the cluster trust bundle %s is left out: %s", bundle.metadata.name, error)
