"""Which config maps and secrets a pod names, so that exactly these are fetched and followed.

What a volume driver would read by itself (the secret of an Azure Files share, say) is not among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.api.volumes import ProjectedVolumeSource, Volume
from vk_core.materials.objects import Ref


def references_of(pod: Pod) -> tuple[Ref, ...]:
    """Every config map and secret that environment, volumes and image pull secrets of a pod name, each once.

    The order is that of the specification: volumes, init, app and ephemeral containers, image pull secrets. The image
    pull secrets of the service account are among the pod's own once the pod was admitted.
    """
    spec, namespace = pod.spec, pod.metadata.namespace
    return _once(
        chain(
            chain.from_iterable(_of_volume(volume, namespace) for volume in spec.volumes),
            chain.from_iterable(
                _of_container(container, namespace)
                for container in chain(spec.init_containers, spec.containers, spec.ephemeral_containers)
            ),
            (Ref("Secret", namespace, secret.name) for secret in spec.image_pull_secrets),
        )
    )


def environment_references(container: Container, namespace: str) -> tuple[Ref, ...]:
    """Every config map and secret that the environment of a container names, each once, in the order of use."""
    return _once(_of_container(container, namespace))


def volume_references(volume: Volume, namespace: str) -> tuple[Ref, ...]:
    """Every config map and secret that a volume is made of, each once, in the order of use."""
    return _once(_of_volume(volume, namespace))


def _once(references: Iterable[Ref]) -> tuple[Ref, ...]:
    return tuple(dict.fromkeys(reference for reference in references if reference.name))


def _of_container(container: Container, namespace: str) -> Iterator[Ref]:
    for source in container.env_from:
        if source.config_map_ref is not None:
            yield Ref("ConfigMap", namespace, source.config_map_ref.name)
        if source.secret_ref is not None:
            yield Ref("Secret", namespace, source.secret_ref.name)
    for variable in container.env:
        value = variable.value_from
        if value is not None and value.config_map_key_ref is not None:
            yield Ref("ConfigMap", namespace, value.config_map_key_ref.name)
        if value is not None and value.secret_key_ref is not None:
            yield Ref("Secret", namespace, value.secret_key_ref.name)


def _of_volume(volume: Volume, namespace: str) -> Iterator[Ref]:
    if volume.config_map is not None:
        yield Ref("ConfigMap", namespace, volume.config_map.name)
    if volume.secret is not None:
        yield Ref("Secret", namespace, volume.secret.secret_name)
    if volume.projected is not None:
        yield from _of_projection(volume.projected, namespace)


def _of_projection(volume: ProjectedVolumeSource, namespace: str) -> Iterator[Ref]:
    for source in volume.sources:
        if source.config_map is not None:
            yield Ref("ConfigMap", namespace, source.config_map.name)
        if source.secret is not None:
            yield Ref("Secret", namespace, source.secret.name)
