"""The identity of a pod: the UID says which pod, namespace and name say what people call it."""

from __future__ import annotations

from typing import NamedTuple

from vk_core.api.pod import Pod


class PodKey(NamedTuple):
    """Identifies one pod for its whole life; a re-created pod of the same name has another UID."""

    namespace: str
    name: str
    uid: str

    @classmethod
    def of(cls, pod: Pod) -> PodKey:
        """The key of a pod."""
        return cls(pod.metadata.namespace, pod.metadata.name, pod.metadata.uid)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
