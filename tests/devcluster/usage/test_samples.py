"""Reading `/metrics/resource`, and what two readings tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.devcluster.usage.samples import Reading, Scrape, Use, node_use, parse_scrape, pod_use

ANSWER = """\
# HELP container_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the container in core-seconds
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="c",namespace="ns",pod="p"} 4.5 1767000000500
container_memory_working_set_bytes{container="c",namespace="ns",pod="p"} 2048 1767000000500
container_start_time_seconds{container="c",namespace="ns",pod="p"} 1.766e+09
node_cpu_usage_seconds_total 1234.5 1767000000000
node_memory_working_set_bytes 1e9 1767000000000
node_swap_usage_bytes 0 1767000000000
pod_cpu_usage_seconds_total{namespace="ns",pod="p"} 4.5 1767000000500
something_else{broken
resource_scrape_error 0
"""


def test_the_five_families_that_matter_are_read_with_their_times() -> None:
    scrape = parse_scrape(ANSWER, now=5.0)
    assert scrape.node == Reading(1767000000.0, cpu=1234.5, memory=1e9)
    assert scrape.pods == {("ns", "p"): {"c": Reading(1767000000.5, cpu=4.5, memory=2048.0, start=1.766e9)}}


def test_what_has_no_time_is_of_now_and_containers_without_a_name_are_nobody() -> None:
    scrape = parse_scrape('container_cpu_usage_seconds_total{pod="p"} 1\nnode_cpu_usage_seconds_total 2\n', now=5.0)
    assert (scrape.node.time, scrape.pods) == (5.0, {})


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(Reading(10, 1.0, 5), Reading(14, 3.0, 7), Use(0.5, 7, 14, 4), id="the rate of the window"),
        pytest.param(Reading(10, 1.0, 5), Reading(10.1, 3.0, 7), None, id="too short to tell"),
        pytest.param(Reading(10, 9.0, 5), Reading(14, 3.0, 7), None, id="a counter that began anew"),
        pytest.param(Reading(10, None, 5), Reading(14, 3.0, 7), None, id="not measured before"),
        pytest.param(Reading(10, 1.0, 5), Reading(14, 3.0, None), None, id="no memory"),
    ],
)
def test_what_a_node_uses_is_the_rate_between_two_answers(old: Reading, new: Reading, expected: Use | None) -> None:
    assert node_use(Scrape(old.time, old), Scrape(new.time, new)) == expected


@pytest.mark.parametrize(
    ("old", "start", "expected"),
    [
        pytest.param(Reading(10, 1.0, 5, start=2), 2.0, Use(0.5, 7, 14, 4), id="older than both answers"),
        pytest.param(None, 12.0, Use(1.5, 7, 14, 2), id="started between the answers"),
        pytest.param(Reading(10, 1.0, 5, start=2), 12.0, Use(1.5, 7, 14, 2), id="restarted between the answers"),
        pytest.param(None, None, None, id="new, and nobody knows since when"),
    ],
)
def test_what_a_container_uses_begins_with_its_start(
    old: Reading | None, start: float | None, expected: Use | None
) -> None:
    key = ("ns", "p")
    before = Scrape(10, Reading(10), {key: {"c": old}} if old else {})
    after = Scrape(14, Reading(14), {key: {"c": Reading(14, 3.0, 7, start)}})
    assert pod_use(before, after, *key) == ({"c": expected} if expected else {})


WORDS = st.sampled_from(
    ["node_cpu_usage_seconds_total", "container_start_time_seconds", "{", "}", '="', '"', "\\", ","]
)


@given(st.lists(st.one_of(WORDS, st.text(max_size=4)), max_size=20).map("".join))
def test_whatever_a_kubelet_says_is_read_or_is_no_metrics(text: str) -> None:
    try:
        parse_scrape(text, now=1.0)
    except ValueError:
        return
