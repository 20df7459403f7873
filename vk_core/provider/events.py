"""Events about pods that a provider has something to tell of: what `kubectl describe pod` shows at its end."""

from __future__ import annotations

from typing import Protocol

from vk_core.api.pod import Pod


class PodEvents(Protocol):
    """Takes events about pods (`ProviderContext.events`); sending is core's business and never holds anything up."""

    def record(self, pod: Pod, reason: str, message: str, *, warning: bool = False, container_name: str = "") -> None:
        """Have an event told about a pod; repeats of the same one are counted.

        Args:
            pod: which pod.
            reason: one word in capitals and lower case, such as `Pulled`.
            message: a sentence; it must hold no confidential values.
            warning: whether something is wrong; else it is just news.
            container_name: the container that it is about; empty for the pod as a whole.
        """
        ...
