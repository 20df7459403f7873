"""Whether an image has to be pulled, and whether its name makes sense: pure rules, in kubelet's words."""

from __future__ import annotations

import re

ALWAYS, IF_NOT_PRESENT, NEVER = "Always", "IfNotPresent", "Never"

ERR_IMAGE_PULL = "ErrImagePull"
IMAGE_PULL_BACK_OFF = "ImagePullBackOff"
ERR_IMAGE_NEVER_PULL = "ErrImageNeverPull"
INVALID_IMAGE_NAME = "InvalidImageName"
IMAGE_INSPECT_ERROR = "ImageInspectError"

_LONGEST_NAME = 255
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)
"""The grammar of the distribution project's references (`name[:tag][@digest]`)."""


def with_tag(image: str) -> str:
    """The reference with the tag `latest` if it has neither tag nor digest.

    Raises:
        ValueError: it is no reference; the message is kubelet's.
    """
    found = _REFERENCE.fullmatch(image)
    if found is None or len(found["name"]) > _LONGEST_NAME:
        why = _why_not(image)
        text = f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {why}'
        raise ValueError(text)
    return image if found["tag"] or found["digest"] else f"{image}:latest"


def has_to_be_pulled(policy: str, *, is_present: bool) -> bool:
    """Whether an image has to be fetched (`imagePullPolicy`)."""
    return policy == ALWAYS or (not is_present and policy != NEVER)


def _why_not(image: str) -> str:
    lower = image.lower()
    if lower != image and _REFERENCE.fullmatch(lower) is not None:
        return "repository name must be lowercase"
    return "invalid reference format"
