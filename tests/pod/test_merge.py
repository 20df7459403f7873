"""What came of a pod is put together with what was known of it."""

from __future__ import annotations

import json

import msgspec
import pytest

from vk_core.api.pod import Pod, PodChange
from vk_core.pod.controller import merge


def seen(*, image: str = "web:1", generation: int = 1, phase: str = "Pending") -> PodChange:
    pod = {
        "metadata": {"name": "web", "uid": "u1", "generation": generation},
        "spec": {"containers": [{"name": "c", "image": image}]},
        "status": {"phase": phase},
    }
    return msgspec.json.decode(json.dumps(pod), type=PodChange)


def image_of(pod: Pod) -> str:
    return pod.spec.containers[0].image


def test_a_new_status_leaves_the_specification_as_it_is_in_memory() -> None:
    before = merge(None, seen())
    after = merge(before, seen(phase="Running"))
    assert after.status.phase == "Running"
    assert after.spec is before.spec


def test_a_new_generation_brings_a_new_specification() -> None:
    before = merge(None, seen())
    assert image_of(merge(before, seen(image="web:2", generation=2))) == "web:2"


def test_a_server_that_counts_no_generations_is_read_anew_each_time() -> None:
    before = merge(None, seen(generation=0))
    assert image_of(merge(before, seen(image="web:2", generation=0))) == "web:2"
    assert merge(before, seen(generation=0)).spec is before.spec


def test_a_specification_that_makes_no_sense_is_an_error_of_its_own() -> None:
    change = msgspec.json.decode(b'{"metadata": {"uid": "u1"}, "spec": {"containers": 7}}', type=PodChange)
    with pytest.raises(msgspec.ValidationError):
        merge(None, change)
