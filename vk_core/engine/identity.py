"""By what the engine knows its own: labels and annotations on sandboxes and containers, which the runtime keeps.

The names of kubelet's labels are used where there are some (`io.kubernetes.*`), so that tools such as crictl show
pods; what is only ours has a prefix of its own.
"""

from __future__ import annotations

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
"""Annotations of containers, as of kubelet."""
