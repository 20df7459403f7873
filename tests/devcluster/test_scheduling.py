"""The scheduler: pods get a node that suits them, or learn why not and are tried again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.devcluster.client import JSON, NODES, PODS, STRATEGIC, Client, node


def placed(client: Client) -> dict[str, str]:
    """The nodes of pods, by name."""
    return {found["metadata"]["name"]: found["spec"].get("nodeName", "") for found in client.cluster.objects("pods")}


def refusal(client: Client, name: str = "p") -> str:
    """Why a pod has no node, as its condition says."""
    for found in client.cluster.objects("pods"):
        for condition in found.get("status", {}).get("conditions", ()):
            if found["metadata"]["name"] == name and condition.get("status") == "False":
                return f"{condition['reason']}: {condition['message']}"
    return ""


def needing(cpu: str) -> JSON:
    return {"containers": [{"name": "c", "image": "x", "resources": {"requests": {"cpu": cpu}}}]}


async def on_a_node(client: Client, name: str = "p") -> str:
    await client.until(lambda: bool(placed(client)[name]))
    return placed(client)[name]


async def test_a_pod_gets_a_node_and_an_event_says_so(client: Client) -> None:
    await client.post(NODES, node())
    await client.create_pod()
    assert await on_a_node(client) == "n"
    await client.until(lambda: bool(client.cluster.objects("events")))
    (event,) = client.cluster.objects("events")
    assert (event["reason"], event["message"]) == ("Scheduled", "Successfully assigned default/p to n")


async def test_the_emptier_node_is_taken(client: Client) -> None:
    await client.post(NODES, node("small", cpu="1"))
    await client.post(NODES, node("large", cpu="8"))
    for index in range(4):
        await client.create_pod(f"p{index}", **needing("500m"))
        await on_a_node(client, f"p{index}")
    assert sorted(placed(client).values()) == ["large", "large", "large", "small"]


@pytest.mark.parametrize(
    ("there", "pod", "message"),
    [
        pytest.param({"cpu": "1"}, needing("2"), "1 Insufficient cpu", id="resources"),
        pytest.param({"pods": "0"}, {}, "1 Too many pods", id="number of pods"),
        pytest.param({"spec": {"unschedulable": True}}, {}, "1 node(s) were unschedulable", id="cordoned"),
        pytest.param(
            {"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}},
            {},
            "1 node(s) had untolerated taint(s)",
            id="taint",
        ),
        pytest.param(
            {}, {"nodeSelector": {"a": "b"}}, "1 node(s) didn't match Pod's node affinity/selector", id="selector"
        ),
    ],
)
async def test_a_pod_that_fits_nowhere_learns_why(client: Client, there: JSON, pod: JSON, message: str) -> None:
    await client.post(NODES, node(**there))
    await client.create_pod(**pod)
    await client.until(lambda: bool(refusal(client)))
    assert refusal(client) == f"Unschedulable: 0/1 nodes are available: {message}."
    await client.until(lambda: bool(client.cluster.objects("events")))
    (event,) = client.cluster.objects("events")
    assert (event["reason"], event["type"]) == ("FailedScheduling", "Warning")


@pytest.mark.parametrize(
    ("there", "pod", "change"),
    [
        pytest.param({"spec": {"unschedulable": True}}, {}, {"spec": {"unschedulable": None}}, id="uncordoned"),
        pytest.param(
            {"spec": {"taints": [{"key": "k", "effect": "NoExecute"}]}}, {}, {"spec": {"taints": None}}, id="taint gone"
        ),
        pytest.param({}, {"nodeSelector": {"a": "b"}}, {"metadata": {"labels": {"a": "b"}}}, id="labelled"),
    ],
)
async def test_a_waiting_pod_is_tried_again_when_the_node_changes(
    client: Client, there: JSON, pod: JSON, change: JSON
) -> None:
    await client.post(NODES, node(**there))
    await client.create_pod(**pod)
    await client.until(lambda: bool(refusal(client)))
    await client.patch(f"{NODES}/n", change, STRATEGIC)
    assert await on_a_node(client) == "n"


async def test_room_that_becomes_free_is_given_to_a_waiting_pod(client: Client) -> None:
    await client.create_pod("first", **needing("3"))
    await client.until(lambda: bool(refusal(client, "first")))
    assert refusal(client, "first") == "Unschedulable: no nodes available to schedule pods"
    await client.post(NODES, node())
    await on_a_node(client, "first")
    await client.create_pod("second", **needing("2"))
    await client.until(lambda: bool(refusal(client, "second")))
    await client.patch(f"{PODS}/first/status", {"status": {"phase": "Succeeded"}})
    assert await on_a_node(client, "second") == "n"


async def test_a_node_that_is_not_ready_gets_no_pods(client: Client) -> None:
    lost = node()
    lost["status"]["conditions"][0]["status"] = "Unknown"
    await client.post(NODES, lost)
    await client.create_pod()
    await client.until(lambda: bool(refusal(client)))
    assert "untolerated taint" in refusal(client)
    await client.patch(f"{NODES}/n/status", {"status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    assert await on_a_node(client) == "n"


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"tolerations": [{"key": "k", "operator": "Exists"}]}, id="tolerated"),
        pytest.param({"tolerations": [{"operator": "Exists"}]}, id="everything is tolerated"),
    ],
)
async def test_a_taint_that_is_tolerated_is_no_hindrance(client: Client, spec: Any) -> None:
    await client.post(NODES, node(spec={"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]}))
    await client.create_pod(**spec)
    assert await on_a_node(client) == "n"


async def test_a_gated_pod_waits_for_its_gates(client: Client) -> None:
    await client.post(NODES, node())
    await client.create_pod(schedulingGates=[{"name": "example.com/wait"}])
    await client.until(lambda: bool(refusal(client)))
    assert refusal(client).startswith("SchedulingGated:")
    await client.patch(f"{PODS}/p", {"spec": {"schedulingGates": None}})
    assert await on_a_node(client) == "n"


async def test_a_pod_of_another_scheduler_is_left_alone(client: Client) -> None:
    await client.post(NODES, node())
    await client.create_pod("theirs", schedulerName="theirs")
    await client.create_pod("ours")
    await on_a_node(client, "ours")
    assert not placed(client)["theirs"]
