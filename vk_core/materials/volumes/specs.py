"""What a projected volume needs beside config maps and secrets: tokens and trust bundles, told apart by value.

Whoever fetches them uses these as keys, so that two projections that ask for the same share it.
"""

from __future__ import annotations

from typing import NamedTuple

from vk_core.api.meta import LabelSelector
from vk_core.api.volumes import ClusterTrustBundleProjection, ServiceAccountTokenProjection, Volume

DEFAULT_EXPIRATION_SECONDS = 3600
"""How long a token is asked for if the projection does not say; the API server's default too."""


class TokenSpec(NamedTuple):
    """A token of the pod's service account; an empty audience stands for the API server's own."""

    audience: str
    expiration_seconds: int


class BundleSpec(NamedTuple):
    """Certificates of the cluster trust bundle with this name, or of all of a signer whose labels match.

    No label selector matches nothing, an empty one everything, as the API documents it.
    """

    name: str
    signer_name: str
    label_selector: LabelSelector | None

    def __hash__(self) -> int:
        """Leaves the selector out: its labels are a `dict`, and signers with many selectors are rare."""
        return hash((self.name, self.signer_name))


def token_spec(projection: ServiceAccountTokenProjection) -> TokenSpec:
    """The token that a projection asks for."""
    return TokenSpec(projection.audience, projection.expiration_seconds or DEFAULT_EXPIRATION_SECONDS)


def bundle_spec(projection: ClusterTrustBundleProjection) -> BundleSpec:
    """The certificates that a projection asks for; the name wins, as the API allows only one of both."""
    if projection.name:
        return BundleSpec(projection.name, "", None)
    return BundleSpec("", projection.signer_name or "", projection.label_selector)


def tokens_of(volume: Volume) -> tuple[TokenSpec, ...]:
    """The service account tokens that a volume contains, each once."""
    if volume.projected is None:
        return ()
    found = (source.service_account_token for source in volume.projected.sources)
    return tuple(dict.fromkeys(token_spec(projection) for projection in found if projection is not None))


def bundles_of(volume: Volume) -> tuple[BundleSpec, ...]:
    """The cluster trust bundles that a volume contains, each once; what names neither bundle nor signer is left out."""
    if volume.projected is None:
        return ()
    found = (source.cluster_trust_bundle for source in volume.projected.sources)
    specs = (bundle_spec(projection) for projection in found if projection is not None)
    return tuple(dict.fromkeys(spec for spec in specs if spec.name or spec.signer_name))
