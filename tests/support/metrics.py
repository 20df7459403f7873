"""How much our own metrics grow while something happens; they belong to the whole process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families

from vk_core.telemetry import metrics


def samples() -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


class Growth:
    """How much samples have grown."""

    def __init__(self) -> None:
        self._before = samples()
        self._after: dict[tuple[str, ...], float] = {}

    def measure(self) -> None:
        self._after = samples()

    def __getitem__(self, key: tuple[str, ...]) -> float:
        return self._after.get(key, 0) - self._before.get(key, 0)


@contextlib.contextmanager
def growth() -> Iterator[Growth]:
    found = Growth()
    yield found
    found.measure()
