"""Who owns the files that are for the pod alone, and who may read them, as kubelet decides it (KEP-2451).

Without a user or a group of the pod nobody knows who its processes run as, so that such files have to be readable for
all, like every other file of a volume.
"""

from __future__ import annotations

from itertools import chain

from vk_core.api.pod import Pod

PRIVATE_MODE = 0o600
"""Of a token or trust bundle in a pod of which user or group are known."""

GROUP_MODE = 0o440
"""What a pod with `fsGroup` adds to the mode of every file that core makes; the volume is read-only to containers."""


def owner_of(pod: Pod) -> int | None:
    """The user that all containers of a pod run as (`runAsUser`); None if one does not say it or they differ."""
    spec = pod.spec
    default = spec.security_context.run_as_user if spec.security_context is not None else None
    owner: int | None = None
    for container in chain(spec.init_containers, spec.containers, spec.ephemeral_containers):
        own = container.security_context
        user = own.run_as_user if own is not None and own.run_as_user is not None else default
        if user is None or (owner is not None and owner != user):
            return None
        owner = user
    return owner
