"""What every provider must do: six calls, all keyed by the pod's UID.

Core calls them concurrently for different pods and never concurrently for the same pod, except that reading calls
(`get_pod`, `get_pod_status`, `get_pods`) may come at any time. Every call may be repeated: after a crash, after a
time-out, or because two things changed at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import PodStatus

PROVIDER_API = 1
"""The version of the provider interface; a plug-in states the one it was written for."""

OWNER_ANNOTATION = "virtual-kubelet.io/owner"
"""Put by core on every pod it hands to a provider: which node of which cluster the pod belongs to.

A provider keeps it with the pod (as a label, a tag, an annotation) and gives it back in `get_pods`. Core removes a pod
that the cluster no longer knows only if it carries this node's mark; everything else in the back end is left alone.
"""


class Provider(Protocol):
    """Runs pods somewhere. Raise the errors of `vk_core.errors`; anything else is reported as a bug."""

    async def create_pod(self, pod: Pod) -> None:
        """Start a pod; return once the back end has accepted it, not when it runs.

        Creating a pod (by UID) that the provider already has must not start it twice.

        Raises:
            InvalidInput: the pod can never run here; core sets it to Failed.
            Unavailable: the back end does not answer; core tries again.
        """
        ...

    async def update_pod(self, pod: Pod) -> None:
        """Take over what may change in a running pod: images, ephemeral containers, deadline, labels, annotations.

        Raises:
            NotFound: the provider has no such pod.
            InvalidInput: the change is not possible here; the pod goes on as it was and an event says so.
        """
        ...

    async def delete_pod(self, pod: Pod, grace_period_seconds: int) -> None:
        """Begin to stop a pod; return at once. Called again when the grace period becomes shorter.

        Containers get `grace_period_seconds` to end by themselves; 0 is at once. When they have ended the provider
        reports a status with all containers terminated, and from then on it need not have the pod any longer. (A pod
        that is simply gone is noticed too, but only when core compares the next time.)

        Raises:
            NotFound: the pod is gone already, which is success.
        """
        ...

    async def get_pod(self, key: PodKey) -> Pod:
        """The pod as it was created or last updated, with its present status.

        Raises:
            NotFound: the provider has no pod with this UID.
        """
        ...

    async def get_pod_status(self, key: PodKey) -> PodStatus:
        """The present status of a pod. Core fills in what the provider leaves empty (conditions, QoS, addresses).

        Raises:
            NotFound: the provider has no pod with this UID.
        """
        ...

    async def get_pods(self) -> Sequence[Pod]:
        """All pods the provider has, in any state, with their status; the basis of recovery after a restart.

        A pod needs `metadata` (namespace, name, uid, and the owner annotation it was created with) and `status`; a
        provider that cannot give the `spec` back leaves it empty. A pod that ended stays in the list until
        `delete_pod` is called for it. Raise Unavailable rather than return a list that may be incomplete.
        """
        ...
