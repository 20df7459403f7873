"""READY, STATUS and RESTARTS of a pod, as `kubectl get pods` shows them: a summary of its container statuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class _Summary:
    """What is gathered while going over the containers."""

    status: str
    ready: int = 0
    restarts: int = 0
    last_restart: str = ""
    sidecar_restarts: int = 0
    last_sidecar_restart: str = ""
    initializing: bool = False
    is_running: bool = False
    error: str = ""
    sidecars: frozenset[str] = field(default_factory=frozenset)


def pod_cells(pod: Object, age: Callable[[str | None], str]) -> tuple[str, str, str, list[str]]:
    """Returns READY, STATUS, RESTARTS and the cells that are shown with `-o wide`."""
    spec, status = pod.get("spec", {}), pod.get("status", {})
    sidecars = frozenset(c["name"] for c in spec.get("initContainers", ()) if c.get("restartPolicy") == "Always")
    summary = _Summary(status.get("reason") or status.get("phase", ""), sidecars=sidecars)
    conditions = {condition.get("type"): condition for condition in status.get("conditions", ())}
    if conditions.get("PodScheduled", {}).get("reason") == "SchedulingGated":
        summary.status = "SchedulingGated"
    _go_over_init_containers(summary, status.get("initContainerStatuses", ()), len(spec.get("initContainers", ())))
    if not summary.initializing or conditions.get("Initialized", {}).get("status") == "True":
        _go_over_containers(summary, status.get("containerStatuses", ()))
        if summary.status == "Completed":
            is_ready = conditions.get("Ready", {}).get("status") == "True"
            summary.status = _of_completed(summary, is_ready=is_ready)
    if "deletionTimestamp" in pod["metadata"]:
        if status.get("reason") == "NodeLost":
            summary.status = "Unknown"
        elif status.get("phase") not in {"Failed", "Succeeded"}:
            summary.status = "Terminating"
    restarts = str(summary.restarts)
    if summary.restarts and summary.last_restart:
        restarts += f" ({age(summary.last_restart)} ago)"
    total = len(spec.get("containers", ())) + len(sidecars)
    return f"{summary.ready}/{total}", summary.status, restarts, _wide(spec, status, conditions)


def _of_completed(summary: _Summary, *, is_ready: bool) -> str:
    """What a pod is whose last container has completed, when others run on or have failed."""
    if summary.is_running and is_ready:
        return "Running"
    return summary.error or ("NotReady" if summary.is_running else "Completed")


def _go_over_init_containers(summary: _Summary, containers: Iterable[Object], count: int) -> None:
    for index, container in enumerate(containers):
        restarts, moment = container.get("restartCount", 0), _last_end(container)
        is_sidecar = container.get("name") in summary.sidecars
        summary.restarts += restarts
        summary.last_restart = max(summary.last_restart, moment)
        if is_sidecar:
            summary.sidecar_restarts += restarts
            summary.last_sidecar_restart = max(summary.last_sidecar_restart, moment)
        state = container.get("state", {})
        if state.get("terminated", {}).get("exitCode") == 0:
            continue
        if is_sidecar and container.get("started"):
            summary.ready += bool(container.get("ready"))
            continue
        summary.status = _initializing(state, index, count)
        summary.initializing = True
        return


def _initializing(state: Object, index: int, count: int) -> str:
    waiting = state.get("waiting", {}).get("reason")
    if "terminated" in state:
        return f"Init:{_ended(state['terminated'])}"
    return f"Init:{waiting}" if waiting and waiting != "PodInitializing" else f"Init:{index}/{count}"


def _go_over_containers(summary: _Summary, containers: Iterable[Object]) -> None:
    summary.restarts, summary.last_restart = summary.sidecar_restarts, summary.last_sidecar_restart
    for container in reversed(list(containers)):
        summary.restarts += container.get("restartCount", 0)
        summary.last_restart = max(summary.last_restart, _last_end(container))
        state = container.get("state", {})
        if state.get("waiting", {}).get("reason"):
            summary.status = state["waiting"]["reason"]
        elif "terminated" in state:
            summary.status = _ended(state["terminated"])
            if state["terminated"].get("exitCode"):
                summary.error = summary.status
        elif container.get("ready") and "running" in state:
            summary.is_running = True
            summary.ready += 1


def _ended(terminated: Object) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _last_end(container: Object) -> str:
    return container.get("lastState", {}).get("terminated", {}).get("finishedAt") or ""


def _wide(spec: Object, status: Object, conditions: dict[Any, Object]) -> list[str]:
    addresses = status.get("podIPs") or [{"ip": status.get("podIP")}]
    gates = [gate.get("conditionType") for gate in spec.get("readinessGates", ())]
    passed = sum(conditions.get(gate, {}).get("status") == "True" for gate in gates)
    return [
        addresses[0].get("ip") or "<none>",
        spec.get("nodeName") or "<none>",
        status.get("nominatedNodeName") or "<none>",
        f"{passed}/{len(gates)}" if gates else "<none>",
    ]
