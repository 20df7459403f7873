"""A status is written as the smallest strategic-merge patch that makes it true."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from tests.support.pods import BEFORE, NOW, ended, pod_with, record_of, running, status_of
from vk_core.api.podstatus import HostIP, PodCondition, PodIP, PodStatus
from vk_core.api.strategicmerge import strategic_merge
from vk_core.pod.diff import diff_status
from vk_core.pod.status import NodeFacts, build_status

OTHERS = PodCondition(type="example.com/gate", status="True", reason="Open")
KNOWN = PodStatus(
    phase="Pending",
    reason="ProviderFailed",
    message="no quota left",
    conditions=(
        OTHERS,
        PodCondition(type="Ready", status="False", reason="ContainersNotReady", message="m", last_transition_time=NOW),
    ),
    host_ip="192.0.2.1",
    host_ips=(HostIP(ip="192.0.2.1"),),
    pod_ips=(PodIP(ip="10.0.0.1"), PodIP(ip="fd00::1")),
)


def applied(known: PodStatus, wanted: PodStatus) -> PodStatus:
    """What an API server makes of the patch."""
    before, patch = (
        msgspec.json.decode(msgspec.json.encode({"status": status})) for status in (known, diff_status(known, wanted))
    )
    after: Any = strategic_merge(before, patch, "Pod")
    return msgspec.convert(after["status"], PodStatus)


def test_the_patch_makes_the_status_true_and_leaves_the_conditions_of_others_alone() -> None:
    """B5: a whole status was put back over what others had written meanwhile."""
    wanted = PodStatus(
        phase="Running",
        conditions=(PodCondition(type="Ready", status="True", last_transition_time=NOW),),
        host_ip="192.0.2.1",
        host_ips=(HostIP(ip="192.0.2.1"),),
        pod_ip="10.0.0.9",
        pod_ips=(PodIP(ip="10.0.0.9"),),
        container_statuses=(running(),),
        start_time=NOW,
    )
    after = applied(KNOWN, wanted)
    assert {condition.type: condition for condition in after.conditions} == {
        "example.com/gate": OTHERS,
        "Ready": wanted.conditions[0],
    }
    assert replace(after, conditions=()) == replace(wanted, conditions=())


def test_what_does_not_change_is_not_sent() -> None:
    assert diff_status(KNOWN, KNOWN) == {}
    assert diff_status(KNOWN, replace(KNOWN, conditions=KNOWN.conditions[1:])) == {}
    assert diff_status(KNOWN, replace(KNOWN, phase="Running")) == {"phase": "Running"}


def test_what_has_become_empty_is_sent_as_null() -> None:
    assert diff_status(KNOWN, replace(KNOWN, reason="", message="")) == {"reason": None, "message": None}
    cleared = replace(KNOWN.conditions[1], reason="", message="", status="True")
    [sent] = diff_status(KNOWN, replace(KNOWN, conditions=(cleared,)))["conditions"]
    assert (sent["type"], sent["reason"], sent["message"]) == ("Ready", None, None)
    assert applied(KNOWN, replace(KNOWN, conditions=(OTHERS, cleared))).conditions[1] == cleared


def test_addresses_are_replaced_as_a_whole() -> None:
    wanted = replace(KNOWN, pod_ips=(PodIP(ip="10.0.0.2"),))
    assert applied(KNOWN, wanted).pod_ips == (PodIP(ip="10.0.0.2"),)
    assert applied(PodStatus(), wanted).pod_ips == (PodIP(ip="10.0.0.2"),)


def test_what_the_cluster_has_after_the_patch_needs_no_other_patch() -> None:
    """B10: every needless write is one that another pod waits for."""
    pod = pod_with("one", "two")
    record = record_of(pod, present=True, actual=status_of(running("one"), ended("two", 1)))
    wanted = build_status(record, NodeFacts(("192.0.2.1",)), NOW)
    assert wanted is not None
    record.pod = replace(pod, status=applied(PodStatus(), wanted))
    again = build_status(record, NodeFacts(("192.0.2.1",)), BEFORE)
    assert again is not None
    assert diff_status(record.pod.status, again) == {}
