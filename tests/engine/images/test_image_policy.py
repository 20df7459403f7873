"""Whether an image is pulled, and which names make sense."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.engine.images.policy import has_to_be_pulled, with_tag


@pytest.mark.parametrize(
    ("policy", "is_present", "pulled"),
    [
        ("Always", True, True),
        ("Always", False, True),
        ("IfNotPresent", True, False),
        ("IfNotPresent", False, True),
        ("Never", True, False),
        ("Never", False, False),
    ],
)
def test_the_policy_decides(policy: str, is_present: bool, pulled: bool) -> None:
    assert has_to_be_pulled(policy, is_present=is_present) == pulled


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ("busybox", "busybox:latest"),
        ("busybox:1.37", "busybox:1.37"),
        ("registry.example:5000/team/app", "registry.example:5000/team/app:latest"),
        ("registry.example:5000/team/app:v1", "registry.example:5000/team/app:v1"),
        ("Registry.Example/app", "Registry.Example/app:latest"),
        ("[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app:latest"),
        (f"app@sha256:{'0' * 64}", f"app@sha256:{'0' * 64}"),
        (f"app:v1@sha256:{'0' * 64}", f"app:v1@sha256:{'0' * 64}"),
        ("a__b/c-d", "a__b/c-d:latest"),
    ],
)
def test_an_image_without_tag_or_digest_is_the_latest(image: str, reference: str) -> None:
    assert with_tag(image) == reference


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("", "invalid reference format"),
        ("Busybox", "repository name must be lowercase"),
        ("busybox:", "invalid reference format"),
        ("busybox::1", "invalid reference format"),
        ("busy box", "invalid reference format"),
        ("a" * 256, "invalid reference format"),
        ("app@sha256:123", "invalid reference format"),
        ("https://example.org/app", "invalid reference format"),
        ("app\n", "invalid reference format"),
    ],
)
def test_a_name_that_makes_no_sense_is_refused_with_the_reason(image: str, why: str) -> None:
    with pytest.raises(ValueError, match="couldn't parse image name") as refused:
        with_tag(image)
    assert str(refused.value).endswith(why)


@given(st.text(max_size=600))
def test_any_text_is_a_reference_or_refused(image: str) -> None:
    try:
        reference = with_tag(image)
    except ValueError:
        return
    assert with_tag(reference) == reference
