"""By what the engine knows its own: labels and annotations on sandboxes and containers, which the runtime keeps.

The names of kubelet's labels are used where there are some (`io.kubernetes.*`), so that tools such as crictl show
pods; what is only ours has a prefix of its own.
"""

from __future__ import annotations

import hashlib

POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
POD_UID = "io.kubernetes.pod.uid"
CONTAINER_NAME = "io.kubernetes.container.name"
"""Labels, as of kubelet."""

OWNER = "virtual-kubelet.io/owner"
"""Label: a digest of the owner mark, so that a runtime that is shared with a kubelet or another node is safe."""

OWNER_MARK = "virtual-kubelet.io/owner"
"""Annotation: the owner mark itself (`vk_core.provider.OWNER_ANNOTATION`)."""

RESTART_COUNT = "io.kubernetes.container.restartCount"
HASH = "io.kubernetes.container.hash"
TERMINATION_MESSAGE_PATH = "io.kubernetes.container.terminationMessagePath"
TERMINATION_MESSAGE_POLICY = "io.kubernetes.container.terminationMessagePolicy"
GRACE_PERIOD_SECONDS = "io.kubernetes.pod.terminationGracePeriod"
DELETION_GRACE_PERIOD_SECONDS = "io.kubernetes.pod.deletionGracePeriod"
PRE_STOP_HANDLER = "io.kubernetes.container.preStopHandler"
PORTS = "io.kubernetes.container.ports"
"""Annotations of containers, as of kubelet."""

USER_MAPPING = "virtual-kubelet.io/user-mapping"
"""Annotation of sandboxes: the IDs of the host that a pod with a user namespace has, as `first:count`."""


def owner_label(owner: str) -> str:
    """The value of the label `OWNER` for an owner mark, which may be longer than a label's value."""
    return hashlib.sha256(owner.encode()).hexdigest()[:32]
