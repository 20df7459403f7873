"""Labels and annotations of sandboxes and containers: what the engine, and tools such as crictl, know them by."""

from __future__ import annotations

import hashlib

import msgspec

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.engine import identity


def sandbox_labels(pod: Pod, owner: str) -> dict[str, str]:
    """Returns the labels of a pod's sandbox: the pod's own, and ours, which win."""
    return {**pod.metadata.labels, **_pod_labels(pod, owner)}


def sandbox_annotations(pod: Pod, owner: str, user_mapping: str = "") -> dict[str, str]:
    """Returns the annotations of a pod's sandbox: the pod's own, and ours, which win."""
    annotations = {**pod.metadata.annotations, identity.OWNER_MARK: owner, identity.USER_MAPPING: user_mapping}
    if not user_mapping:
        del annotations[identity.USER_MAPPING]
    return annotations


def container_labels(pod: Pod, container: Container, owner: str) -> dict[str, str]:
    """Returns the labels of a container."""
    return {**_pod_labels(pod, owner), identity.CONTAINER_NAME: container.name}


def container_annotations(pod: Pod, container: Container, attempt: int) -> dict[str, str]:
    """Returns the annotations of a container: all that is needed to end it properly when its pod is forgotten."""
    annotations = {
        identity.HASH: container_hash(container),
        identity.RESTART_COUNT: str(attempt),
        identity.TERMINATION_MESSAGE_PATH: container.termination_message_path,
        identity.TERMINATION_MESSAGE_POLICY: container.termination_message_policy,
    }
    for name, seconds in (
        (identity.DELETION_GRACE_PERIOD_SECONDS, pod.metadata.deletion_grace_period_seconds),
        (identity.GRACE_PERIOD_SECONDS, pod.spec.termination_grace_period_seconds),
    ):
        if seconds is not None:
            annotations[name] = str(seconds)
    if container.lifecycle is not None and container.lifecycle.pre_stop is not None:
        annotations[identity.PRE_STOP_HANDLER] = msgspec.json.encode(container.lifecycle.pre_stop).decode()
    if container.ports:
        annotations[identity.PORTS] = msgspec.json.encode(container.ports).decode()
    return annotations


def container_hash(container: Container) -> str:
    """Returns what changes when a container has to be replaced: its image, the only thing of it that may change so.

    Resources change in place, or by their resize policy.
    """
    return hashlib.sha256(f"{container.name}\0{container.image}".encode()).hexdigest()[:16]


def _pod_labels(pod: Pod, owner: str) -> dict[str, str]:
    return {
        identity.POD_NAME: pod.metadata.name,
        identity.POD_NAMESPACE: pod.metadata.namespace,
        identity.POD_UID: pod.metadata.uid,
        identity.OWNER: identity.owner_label(owner),
    }
