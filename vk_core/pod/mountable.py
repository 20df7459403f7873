"""Whether a provider can mount what a pod asks for; a volume is never silently left out."""

from __future__ import annotations

from collections.abc import Collection

from vk_core.api.pod import Pod
from vk_core.api.volumes import Volume
from vk_core.errors import MaterialMissing
from vk_core.pod.reasons import FAILED_MOUNT

_INJECTED = "kube-api-access-"
"""How the names of volumes begin that the API server adds to pods with a service account (KEP-1205)."""


def unmountable(pod: Pod, mountable: Collection[str] | None) -> MaterialMissing | None:
    """What keeps the pod waiting for its volumes; None when all of them can be mounted.

    Args:
        pod: the pod.
        mountable: the kinds of volumes that the provider can mount; None when it can mount none at all, which excuses
            the service account token that every pod is given unasked.
    """
    for volume in pod.spec.volumes:
        kind = volume.kind
        if kind in (mountable or ()) or (mountable is None and _is_injected(volume)):
            continue
        able = f"it can mount {', '.join(sorted(mountable))}" if mountable else "it can mount no volumes"
        text = f'volume "{volume.name}" is of the kind {kind}, which the provider of this node cannot mount; {able}'
        return MaterialMissing(text, reason=FAILED_MOUNT)
    return None


def _is_injected(volume: Volume) -> bool:
    sources = volume.projected.sources if volume.projected is not None else ()
    return volume.name.startswith(_INJECTED) and any(source.service_account_token for source in sources)
