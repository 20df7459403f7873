"""Events that a provider tells of, kept for a test to look at."""

from __future__ import annotations

from typing import NamedTuple

from vk_core.api.pod import Pod


class ToldEvent(NamedTuple):
    """An event about a pod, by name, and about a container of it if `container_name` is not empty."""

    pod: str
    reason: str
    message: str
    warning: bool
    container_name: str


class RecordedEvents:
    """Takes events about pods (`vk_core.provider.PodEvents`).

    Attributes:
        told: all of them, in order.
    """

    def __init__(self) -> None:
        self.told: list[ToldEvent] = []

    def record(self, pod: Pod, reason: str, message: str, *, warning: bool = False, container_name: str = "") -> None:
        """Keep an event."""
        self.told.append(ToldEvent(pod.metadata.name, reason, message, warning, container_name))
