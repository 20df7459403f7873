"""What a volume of a pod is, as plain data: files, a directory, a path of the host, an image, or somebody else's.

Nothing is fetched here. What the files are made of comes from the caller, who also asks again when it changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from vk_core.api.volumes import EmptyDirVolumeSource, ImageVolumeSource, ProjectedVolumeSource, Volume, VolumeProjection
from vk_core.materials.objects import Lookup, Notice, PodFacts, Ref
from vk_core.materials.volumes.collecting import Collector
from vk_core.materials.volumes.emptydir import empty_dir
from vk_core.materials.volumes.specs import BundleSpec, TokenSpec, bundles_of, tokens_of
from vk_core.provider.materials import FilesVolume, HostPathVolume, ImageVolume, OtherVolume, VolumeContent

__all__ = ["BundleSpec", "Content", "TokenSpec", "bundles_of", "tokens_of", "volume_content"]

_NO_SOURCE = EmptyDirVolumeSource()


class Content(NamedTuple):
    """What a volume is, or why it cannot be made yet.

    Attributes:
        content: the volume; None if something is missing.
        notices: warnings for the pod's events.
        missing: empty, or what is missing in kubelet's words, without its prefix.
    """

    content: VolumeContent | None
    notices: tuple[Notice, ...] = ()
    missing: str = ""


def volume_content(
    volume: Volume,
    facts: PodFacts,
    lookup: Lookup,
    tokens: Mapping[TokenSpec, str],
    bundles: Mapping[BundleSpec, str | None],
) -> Content:
    """Returns what a volume is right now.

    Modes are final: with `fsGroup` the group may read every file, and tokens and trust bundles are for the pod's user
    or group alone where these are known. What to do about the group itself is up to who writes the files.

    Args:
        volume: which one.
        facts: the pod and where it runs.
        lookup: what is known about config maps and secrets.
        tokens: service account tokens; a projection whose token is not among them is left out.
        bundles: PEM certificates; None for what does not exist.
    """
    if volume.config_map is not None:
        source = volume.config_map
        collector = Collector(facts, lookup, source.default_mode)
        ref = Ref("ConfigMap", facts.pod.metadata.namespace, source.name)
        collector.add_object(ref, source.items, optional=bool(source.optional))
        return _files(volume.name, "configMap", collector)
    if volume.projected is not None:
        collector = Collector(facts, lookup, volume.projected.default_mode)
        _project(volume.projected, facts.pod.metadata.namespace, collector, tokens, bundles)
        return _files(volume.name, "projected", collector)
    if volume.secret is not None:
        collector = Collector(facts, lookup, volume.secret.default_mode)
        ref = Ref("Secret", facts.pod.metadata.namespace, volume.secret.secret_name)
        collector.add_object(ref, volume.secret.items, optional=bool(volume.secret.optional))
        return _files(volume.name, "secret", collector)
    if volume.downward_api is not None:
        collector = Collector(facts, lookup, volume.downward_api.default_mode)
        collector.add_fields(volume.downward_api.items)
        return _files(volume.name, "downwardAPI", collector)
    return _without_files(volume, facts)


def _files(name: str, kind: str, collector: Collector) -> Content:
    collector.check()
    notices = tuple(collector.notices)
    if collector.problems:
        return Content(None, notices, _aggregate(collector.problems))
    return Content(FilesVolume(name, kind, collector.files, kind != "configMap"), notices)


def _aggregate(problems: list[str]) -> str:
    """Several problems in one line, each once, as Kubernetes prints them."""
    each = list(dict.fromkeys(problems))
    return each[0] if len(each) == 1 else f"[{', '.join(each)}]"


def _project(
    volume: ProjectedVolumeSource,
    namespace: str,
    collector: Collector,
    tokens: Mapping[TokenSpec, str],
    bundles: Mapping[BundleSpec, str | None],
) -> None:
    for source in volume.sources:
        if source.service_account_token is not None:
            collector.add_token(source.service_account_token, tokens)
        elif source.cluster_trust_bundle is not None:
            collector.add_bundle(source.cluster_trust_bundle, bundles)
        else:
            _project_object(source, namespace, collector)


def _project_object(source: VolumeProjection, namespace: str, collector: Collector) -> None:
    if source.config_map is not None:
        ref = Ref("ConfigMap", namespace, source.config_map.name)
        collector.add_object(ref, source.config_map.items, optional=bool(source.config_map.optional))
    elif source.secret is not None:
        ref = Ref("Secret", namespace, source.secret.name)
        collector.add_object(ref, source.secret.items, optional=bool(source.secret.optional))
    elif source.downward_api is not None:
        collector.add_fields(source.downward_api.items)
    elif source.pod_certificate is not None:
        signer = source.pod_certificate.signer_name
        collector.problems.append(f'podCertificate projections are not supported by this node (signer "{signer}")')
    else:
        collector.problems.append("a source of the projected volume is of a kind that this node does not know")


def _without_files(volume: Volume, facts: PodFacts) -> Content:
    if volume.host_path is not None:
        return Content(HostPathVolume(volume.name, volume.host_path.path, volume.host_path.type))
    if volume.image is not None:
        return Content(ImageVolume(volume.name, volume.image.reference, _pull_policy(volume.image)))
    if volume.empty_dir is None and volume.source is not None:
        kind, source = volume.source
        return Content(OtherVolume(volume.name, kind, source))
    try:
        return Content(empty_dir(volume.name, volume.empty_dir or EmptyDirVolumeSource(), facts))
    except ValueError as error:
        return Content(None, missing=str(error))


def _pull_policy(image: ImageVolumeSource) -> str:
    """As the API server defaults it: an image that a tag such as `latest` can move is always looked up."""
    if image.pull_policy:
        return image.pull_policy
    tag = image.reference.rpartition("/")[2]
    return "IfNotPresent" if "@" in tag or (":" in tag and not tag.endswith(":latest")) else "Always"
