"""Certificate signing requests and trust bundles (certificates.k8s.io)."""

from __future__ import annotations

from vk_core.api.meta import ObjectMeta, Time
from vk_core.api.struct import Struct


class CertificateSigningRequestSpec(Struct):
    """The request: PEM in base64, who shall sign and for what use."""

    request: str = ""
    signer_name: str = ""
    expiration_seconds: int | None = None
    usages: tuple[str, ...] = ()


class CertificateSigningRequestCondition(Struct):
    """`Approved`, `Denied` or `Failed`."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_update_time: Time | None = None


class CertificateSigningRequestStatus(Struct):
    """The answer; `certificate` is PEM in base64 once signed."""

    conditions: tuple[CertificateSigningRequestCondition, ...] = ()
    certificate: str = ""


class CertificateSigningRequest(Struct):
    """A request for a certificate."""

    metadata: ObjectMeta = ObjectMeta()
    spec: CertificateSigningRequestSpec = CertificateSigningRequestSpec()
    status: CertificateSigningRequestStatus = CertificateSigningRequestStatus()


class ClusterTrustBundleSpec(Struct):
    """Certificates to trust, as PEM, and the signer that they belong to, if they do."""

    signer_name: str = ""
    trust_bundle: str = ""


class ClusterTrustBundle(Struct):
    """Certificates that pods may trust (v1beta1 since Kubernetes 1.33)."""

    metadata: ObjectMeta = ObjectMeta()
    spec: ClusterTrustBundleSpec = ClusterTrustBundleSpec()
