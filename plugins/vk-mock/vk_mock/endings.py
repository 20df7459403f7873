"""Which containers end by themselves, when and how: by annotations of the pod, else by the rules of the settings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.errors import InvalidInput
from vk_core.provider.settings_types import parse_duration
from vk_mock.settings import Ending

EXIT_CODE_ANNOTATION = "mock.virtual-kubelet.io/exit-code"
"""On a pod: its containers end by themselves, with this exit code."""

EXIT_AFTER_ANNOTATION = "mock.virtual-kubelet.io/exit-after"
"""On a pod with an exit code: how long its containers run before, such as `90s`; missing is at once."""

_LARGEST_EXIT_CODE = 255


def ending_of(container: Container, pod: Pod, rules: Sequence[Ending]) -> Ending | None:
    """How a container ends by itself; None if it runs until it is stopped."""
    for rule in rules:
        if _matches(rule, container, pod):
            return rule
    return None


def annotated_ending(pod: Pod) -> Ending | None:
    """What the annotations of a pod say about all of its `spec.containers`.

    Raises:
        InvalidInput: an annotation is not a number; the message says which.
    """
    annotations = pod.metadata.annotations
    code = annotations.get(EXIT_CODE_ANNOTATION)
    if code is None:
        return None
    if not re.fullmatch("[0-9]{1,3}", code) or int(code) > _LARGEST_EXIT_CODE:
        raise InvalidInput(f"annotation {EXIT_CODE_ANNOTATION}: expected a number from 0 to 255, got {code!r}")
    after = annotations.get(EXIT_AFTER_ANNOTATION, "0s")
    try:
        return Ending(exit_code=int(code), after=parse_duration(after))
    except ValueError as error:
        raise InvalidInput(f"annotation {EXIT_AFTER_ANNOTATION}: {error}, got {after!r}") from None


def _matches(rule: Ending, container: Container, pod: Pod) -> bool:
    return (
        fnmatchcase(container.image, rule.image)
        and fnmatchcase(container.name, rule.container)
        and _all_match(rule.labels, pod.metadata.labels)
        and _all_match(rule.annotations, pod.metadata.annotations)
    )


def _all_match(patterns: Mapping[str, str], values: Mapping[str, str]) -> bool:
    return all(key in values and fnmatchcase(values[key], pattern) for key, pattern in patterns.items())
