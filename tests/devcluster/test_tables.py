"""What `kubectl get` prints: the columns are made on the server."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from vk_core.devcluster.podtable import pod_cells
from vk_core.devcluster.resources import EVENTS, NODES, SERVICES
from vk_core.devcluster.tables import human_duration, row_of, table_of

JSON = dict[str, Any]


def status(phase: str = "Running", **fields: Any) -> JSON:
    return {"phase": phase, **fields}


def container(name: str = "c", *, ready: bool = True, restarts: int = 0, **state: Any) -> JSON:
    found = {"name": name, "ready": ready, "restartCount": restarts, "state": state or {"running": {}}}
    if restarts:
        found["lastState"] = {"terminated": {"finishedAt": "2026-01-01T00:00:00Z"}}
    return found


def condition(kind: str, value: str = "True", **fields: str) -> JSON:
    return {"type": kind, "status": value, **fields}


READY = [condition("Ready"), condition("Initialized")]
SIDECAR = {"name": "s", "restartPolicy": "Always"}


@pytest.mark.parametrize(
    ("spec", "pod_status", "expected"),
    [
        pytest.param({}, status("Pending"), ("0/1", "Pending", "0"), id="pending"),
        pytest.param({}, status(containerStatuses=[container()]), ("1/1", "Running", "0"), id="running"),
        pytest.param({}, status(reason="Evicted"), ("0/1", "Evicted", "0"), id="reason of the pod"),
        pytest.param(
            {},
            status(containerStatuses=[container(ready=False, waiting={"reason": "CrashLoopBackOff"}, restarts=3)]),
            ("0/1", "CrashLoopBackOff", "3 (ago ago)"),
            id="waiting with restarts",
        ),
        pytest.param(
            {},
            status("Failed", containerStatuses=[container(ready=False, terminated={"exitCode": 3})]),
            ("0/1", "ExitCode:3", "0"),
            id="exit code without reason",
        ),
        pytest.param(
            {},
            status(containerStatuses=[container(ready=False, terminated={"signal": 9})]),
            ("0/1", "Signal:9", "0"),
            id="signal",
        ),
        pytest.param(
            {"containers": [{"name": "c"}, {"name": "d"}]},
            status(
                conditions=READY,
                containerStatuses=[container(ready=False, terminated={"reason": "Completed"}), container("d")],
            ),
            ("1/2", "Running", "0"),
            id="one has completed, the pod is ready",
        ),
        pytest.param(
            {"containers": [{"name": "c"}, {"name": "d"}]},
            status(containerStatuses=[container(ready=False, terminated={"reason": "Completed"}), container("d")]),
            ("1/2", "NotReady", "0"),
            id="one has completed, the pod is not ready",
        ),
        pytest.param(
            {"initContainers": [{"name": "i"}, {"name": "j"}]},
            status("Pending", initContainerStatuses=[container("i", ready=False, terminated={"exitCode": 0})]),
            ("0/1", "Pending", "0"),
            id="an init container has completed",
        ),
        pytest.param(
            {"initContainers": [{"name": "i"}, {"name": "j"}]},
            status(
                "Pending",
                initContainerStatuses=[
                    container("i", ready=False, terminated={"exitCode": 0}),
                    container("j", ready=False, running={}),
                ],
            ),
            ("0/1", "Init:1/2", "0"),
            id="the second init container runs",
        ),
        pytest.param(
            {"initContainers": [{"name": "i"}]},
            status("Pending", initContainerStatuses=[container("i", ready=False, terminated={"exitCode": 2})]),
            ("0/1", "Init:ExitCode:2", "0"),
            id="an init container has failed",
        ),
        pytest.param(
            {"initContainers": [SIDECAR]},
            status(
                conditions=READY,
                initContainerStatuses=[{**container("s", restarts=1), "started": True}],
                containerStatuses=[container()],
            ),
            ("2/2", "Running", "1 (ago ago)"),
            id="a sidecar counts as a container",
        ),
        pytest.param(
            {},
            status("Pending", conditions=[condition("PodScheduled", "False", reason="SchedulingGated")]),
            ("0/1", "SchedulingGated", "0"),
            id="gated",
        ),
    ],
)
def test_ready_status_and_restarts_sum_up_a_pod(spec: JSON, pod_status: JSON, expected: tuple[str, str, str]) -> None:
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}], **spec}, "status": pod_status}
    assert pod_cells(pod, lambda _: "ago")[:3] == expected


@pytest.mark.parametrize(
    ("pod_status", "shown"),
    [(status(), "Terminating"), (status(reason="NodeLost"), "Unknown"), (status("Succeeded"), "Succeeded")],
)
def test_a_pod_that_is_deleted_is_terminating_until_it_has_ended(pod_status: JSON, shown: str) -> None:
    pod = {"metadata": {"deletionTimestamp": "x"}, "spec": {"containers": [{}]}, "status": pod_status}
    assert pod_cells(pod, str)[1] == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (185, "3m5s"),
        (600, "10m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (8 * 3600, "8h"),
        (48 * 3600, "2d"),
        (49 * 3600, "2d1h"),
        (8 * 86400, "8d"),
        (730 * 86400, "2y"),
        (731 * 86400, "2y1d"),
        (8 * 365 * 86400, "8y"),
    ],
)
def test_a_duration_is_written_as_kubectl_writes_it(seconds: int, text: str) -> None:
    assert human_duration(seconds) == text


def test_a_node_shows_its_roles_its_state_and_whether_it_is_cordoned() -> None:
    labels = {"node-role.kubernetes.io/agent": "", "kubernetes.io/role": "x"}
    node = {
        "metadata": {"name": "n", "labels": labels},
        "spec": {"unschedulable": True},
        "status": {"conditions": [condition("Ready", "False")], "nodeInfo": {"kubeletVersion": "v1"}},
    }
    assert row_of(NODES, node)["cells"][:5] == ["n", "NotReady,SchedulingDisabled", "agent,x", "<unknown>", "v1"]


def test_every_row_has_as_many_cells_as_columns() -> None:
    moment = dt.datetime.now(dt.UTC).isoformat()
    event = {"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p"}, "lastTimestamp": moment}
    service = {"metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80, "nodePort": 3}]}}
    for resource, found in ((EVENTS, event), (SERVICES, service)):
        cells = row_of(resource, found)["cells"]
        assert len(cells) == len(table_of(resource).definitions())
    assert row_of(EVENTS, event)["cells"][3] == "pod/p"
    assert row_of(SERVICES, service)["cells"][3:5] == ["<pending>", "80:3/TCP"]
