"""The volumes of a pod (`spec.volumes[]`), every source that core/v1 knows."""

from __future__ import annotations

from vk_core.api.meta import LabelSelector, LocalObjectReference, ObjectMeta
from vk_core.api.struct import Struct, json_name


class KeyToPath(Struct):
    """Which key of an object becomes which file; `mode` is an octal permission given as an integer."""

    key: str = ""
    path: str = ""
    mode: int | None = None


class ObjectFieldSelector(Struct):
    """A field of the pod, for the downward API."""

    api_version: str = ""
    field_path: str = ""


class ResourceFieldSelector(Struct):
    """A resource of a container, in units of `divisor` (a quantity)."""

    container_name: str = ""
    resource: str = ""
    divisor: str = ""


class EmptyDirVolumeSource(Struct):
    """A directory that lives as long as the pod; `medium` is empty or `Memory`."""

    medium: str = ""
    size_limit: str | None = None


class HostPathVolumeSource(Struct):
    """A path of the host."""

    path: str = ""
    type: str = ""


class ConfigMapVolumeSource(Struct):
    """The keys of a config map as files."""

    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool | None = None


class SecretVolumeSource(Struct):
    """The keys of a secret as files."""

    secret_name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool | None = None


class DownwardAPIVolumeFile(Struct):
    """A file made of a field of the pod or a resource of a container."""

    path: str = ""
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    mode: int | None = None


class DownwardAPIVolumeSource(Struct):
    """Files made of the pod's own fields."""

    items: tuple[DownwardAPIVolumeFile, ...] = ()
    default_mode: int | None = None


class ConfigMapProjection(Struct):
    """A config map inside a projected volume."""

    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    optional: bool | None = None


class SecretProjection(Struct):
    """A secret inside a projected volume."""

    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    optional: bool | None = None


class DownwardAPIProjection(Struct):
    """The pod's own fields inside a projected volume."""

    items: tuple[DownwardAPIVolumeFile, ...] = ()


class ServiceAccountTokenProjection(Struct):
    """A token of the pod's service account, bound to the pod and renewed before `expiration_seconds` are over."""

    audience: str = ""
    expiration_seconds: int | None = None
    path: str = ""


class ClusterTrustBundleProjection(Struct):
    """Certificates of a cluster trust bundle, by name or by signer and labels."""

    name: str | None = None
    signer_name: str | None = None
    label_selector: LabelSelector | None = None
    optional: bool | None = None
    path: str = ""


class PodCertificateProjection(Struct):
    """A private key and a certificate chain that the cluster issues to the pod."""

    signer_name: str = ""
    key_type: str = ""
    max_expiration_seconds: int | None = None
    credential_bundle_path: str = ""
    key_path: str = ""
    certificate_chain_path: str = ""


class VolumeProjection(Struct):
    """One source of a projected volume; exactly one is set."""

    config_map: ConfigMapProjection | None = None
    secret: SecretProjection | None = None
    downward_api: DownwardAPIProjection | None = None
    service_account_token: ServiceAccountTokenProjection | None = None
    cluster_trust_bundle: ClusterTrustBundleProjection | None = None
    pod_certificate: PodCertificateProjection | None = None


class ProjectedVolumeSource(Struct):
    """Several sources in one directory."""

    sources: tuple[VolumeProjection, ...] = ()
    default_mode: int | None = None


class PersistentVolumeClaimVolumeSource(Struct):
    """A claim in the pod's namespace."""

    claim_name: str = ""
    read_only: bool = False


class TypedLocalObjectReference(Struct):
    """A pointer to an object of any kind in the same namespace."""

    api_group: str | None = None
    kind: str = ""
    name: str = ""


class VolumeResourceRequirements(Struct):
    """How much storage a claim wants, as quantities."""

    limits: dict[str, str] = {}
    requests: dict[str, str] = {}


class PersistentVolumeClaimSpec(Struct):
    """What a claim asks for."""

    access_modes: tuple[str, ...] = ()
    selector: LabelSelector | None = None
    resources: VolumeResourceRequirements = VolumeResourceRequirements()
    volume_name: str = ""
    storage_class_name: str | None = None
    volume_mode: str | None = None
    data_source: TypedLocalObjectReference | None = None
    volume_attributes_class_name: str | None = None


class PersistentVolumeClaimTemplate(Struct):
    """A claim that is made for the pod and goes with it."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PersistentVolumeClaimSpec = PersistentVolumeClaimSpec()


class EphemeralVolumeSource(Struct):
    """A volume made for the pod by a claim template."""

    volume_claim_template: PersistentVolumeClaimTemplate | None = None


class NFSVolumeSource(Struct):
    """An NFS export."""

    server: str = ""
    path: str = ""
    read_only: bool = False


class CSIVolumeSource(Struct):
    """An inline volume of a CSI driver."""

    driver: str = ""
    read_only: bool | None = None
    fs_type: str | None = None
    volume_attributes: dict[str, str] = {}
    node_publish_secret_ref: LocalObjectReference | None = None


class ImageVolumeSource(Struct):
    """The file system of an OCI image, read-only."""

    reference: str = ""
    pull_policy: str = ""


class AzureFileVolumeSource(Struct):
    """An Azure Files share."""

    secret_name: str = ""
    share_name: str = ""
    read_only: bool = False


class AzureDiskVolumeSource(Struct):
    """An Azure data disk."""

    disk_name: str = ""
    disk_uri: str = ""
    caching_mode: str | None = None
    fs_type: str | None = None
    read_only: bool | None = None
    kind: str | None = None


class GitRepoVolumeSource(Struct):
    """A git repository (removed from kubelet in 1.36, still in the API)."""

    repository: str = ""
    revision: str = ""
    directory: str = ""


class ISCSIVolumeSource(Struct):
    """An iSCSI disk."""

    target_portal: str = ""
    iqn: str = ""
    lun: int = 0
    iscsi_interface: str = ""
    fs_type: str = ""
    read_only: bool = False
    portals: tuple[str, ...] = ()
    chap_auth_discovery: bool = False
    chap_auth_session: bool = False
    secret_ref: LocalObjectReference | None = None
    initiator_name: str | None = None


class OpaqueVolumeSource(Struct):
    """A volume type whose fields no provider reads: that it is there is what matters, so it can be refused by name."""


class Volume(Struct):
    """A named volume of a pod; exactly one source is set."""

    name: str = ""
    aws_elastic_block_store: OpaqueVolumeSource | None = None
    azure_disk: AzureDiskVolumeSource | None = None
    azure_file: AzureFileVolumeSource | None = None
    cephfs: OpaqueVolumeSource | None = None
    cinder: OpaqueVolumeSource | None = None
    config_map: ConfigMapVolumeSource | None = None
    csi: CSIVolumeSource | None = None
    downward_api: DownwardAPIVolumeSource | None = None
    empty_dir: EmptyDirVolumeSource | None = None
    ephemeral: EphemeralVolumeSource | None = None
    fc: OpaqueVolumeSource | None = None
    flex_volume: OpaqueVolumeSource | None = None
    flocker: OpaqueVolumeSource | None = None
    gce_persistent_disk: OpaqueVolumeSource | None = None
    git_repo: GitRepoVolumeSource | None = None
    glusterfs: OpaqueVolumeSource | None = None
    host_path: HostPathVolumeSource | None = None
    image: ImageVolumeSource | None = None
    iscsi: ISCSIVolumeSource | None = None
    nfs: NFSVolumeSource | None = None
    persistent_volume_claim: PersistentVolumeClaimVolumeSource | None = None
    photon_persistent_disk: OpaqueVolumeSource | None = None
    portworx_volume: OpaqueVolumeSource | None = None
    projected: ProjectedVolumeSource | None = None
    quobyte: OpaqueVolumeSource | None = None
    rbd: OpaqueVolumeSource | None = None
    scale_io: OpaqueVolumeSource | None = None
    secret: SecretVolumeSource | None = None
    storageos: OpaqueVolumeSource | None = None
    vsphere_volume: OpaqueVolumeSource | None = None

    @property
    def kind(self) -> str:
        """The name of its source in the API: `configMap`, `persistentVolumeClaim`.

        A volume without one is an `emptyDir`, as the API server makes it.
        """
        found = self.source
        return found[0] if found is not None else "emptyDir"

    @property
    def source(self) -> tuple[str, Struct] | None:
        """The name of its source in the API, and the source; None if no source is set."""
        for attribute, name in _KINDS.items():
            found = getattr(self, attribute)
            if found is not None:
                return name, found
        return None


_OFTEN = ("projected", "config_map", "secret", "empty_dir", "downward_api", "host_path", "persistent_volume_claim")
_SOURCES = {attribute: json_name(attribute) for attribute in Volume.__struct_fields__ if attribute != "name"}
_KINDS = {attribute: _SOURCES[attribute] for attribute in (*_OFTEN, *_SOURCES)}
"""The names of all sources by their attributes, those first that most volumes have."""
