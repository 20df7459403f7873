"""What can be done to pods besides reading and writing them: bind, evict, resize, add ephemeral containers."""

from __future__ import annotations

from typing import Any

from vk_core.devcluster.defaults import normalise
from vk_core.devcluster.poddefaults import default_container, first_status
from vk_core.devcluster.podvalidation import pod_causes
from vk_core.devcluster.registry import Registry, fresh, now
from vk_core.devcluster.resources import PODS
from vk_core.devcluster.statuses import (
    Cause,
    bad_request,
    conflict,
    forbidden_field,
    invalid,
    other_uid,
    required,
    wrong,
)
from vk_core.devcluster.store import Key, Object, Stored


def bind(registry: Registry, key: Key, binding: Object, *, dry_run: bool = False) -> Stored:
    """Assigns a pod to the node that a `Binding` names.

    Raises:
        StatusError: 404, or 409 if the pod is another one, deleted or assigned already.
    """
    target = binding.get("target") or {}
    if target.get("kind", "Node") not in {"Node", ""} or not target.get("name"):
        raise invalid(PODS, key[1], [required("target.name")])
    old = registry.get(PODS, key)
    metadata = binding.get("metadata") or {}
    uid = metadata.get("uid")
    if uid and uid != old.metadata["uid"]:
        raise other_uid(PODS, key[1], asked=uid, actual=old.metadata["uid"])
    problem = _why_not_bound(old.object)
    if problem:
        raise conflict(PODS, key[1], problem, kind="pods/binding")
    pod = fresh(old.object)
    pod["spec"]["nodeName"] = target["name"]
    for field in ("annotations", "labels"):
        if metadata.get(field):
            pod["metadata"].setdefault(field, {}).update(metadata[field])
    set_condition(pod, "PodScheduled", "True")
    return registry.commit(PODS, key, pod, old, counted=False, dry_run=dry_run)


def evict(registry: Registry, key: Key) -> None:
    """Marks a pod that is going to be deleted through the eviction API.

    Raises:
        StatusError: 404.
    """
    old = registry.get(PODS, key)
    pod = fresh(old.object)
    set_condition(pod, "DisruptionTarget", "True", reason="EvictionByEvictionAPI", message="Eviction API: evicting")
    registry.commit(PODS, key, pod, old)


def add_ephemeral_containers(new: Object, old: Object) -> Object:
    """Returns the old pod with the ephemeral containers of the new one, of which none may be missing or changed.

    Raises:
        StatusError: 422.
    """
    wanted = new.get("spec", {}).get("ephemeralContainers", [])
    present = {container["name"]: container for container in old["spec"].get("ephemeralContainers", ())}
    pod = fresh({**old, "spec": {**old["spec"], "ephemeralContainers": wanted}})
    for container in pod["spec"]["ephemeralContainers"]:
        default_container(container)
    kept = {container.get("name"): container for container in pod["spec"]["ephemeralContainers"]}
    causes = [
        forbidden_field(
            "spec.ephemeralContainers", f'existing ephemeral containers "{name}" may not be changed or removed'
        )
        for name, container in present.items()
        if kept.get(name) != container
    ]
    _refuse(pod, causes or pod_causes(pod))
    return pod


def resize(new: Object, old: Object) -> Object:
    """Returns the old pod with the containers' resources of the new one.

    Raises:
        StatusError: 422 if the result is not valid, 400 if containers are missing.
    """
    pod = fresh(old)
    for field in ("containers", "initContainers"):
        wanted = {container.get("name"): container for container in new.get("spec", {}).get(field, ())}
        for container in pod["spec"].get(field, ()):
            if container["name"] not in wanted:
                raise bad_request(f'container "{container["name"]}" is missing')
            container["resources"] = fresh(wanted[container["name"]].get("resources") or {})
    normalise(PODS, pod)
    causes = pod_causes(pod)
    before = old.get("status", {}).get("qosClass")
    if not causes and before and first_status(pod)["qosClass"] != before:
        causes = [wrong("spec", before, "Pod QOS Class may not change as a result of resizing")]
    _refuse(pod, causes)
    return pod


def set_condition(pod: Object, kind: str, status: str, *, reason: str = "", message: str = "") -> None:
    """Sets one condition of a pod in place; the time of transition changes with the status only."""
    conditions: list[dict[str, Any]] = pod.setdefault("status", {}).setdefault("conditions", [])
    condition = {"lastProbeTime": None, "lastTransitionTime": now(), "status": status, "type": kind}
    if pod["metadata"].get("generation"):
        condition["observedGeneration"] = pod["metadata"]["generation"]
    condition |= {name: text for name, text in {"reason": reason, "message": message}.items() if text}
    for index, present in enumerate(conditions):
        if present.get("type") == kind:
            if present.get("status") == status:
                condition["lastTransitionTime"] = present.get("lastTransitionTime")
            conditions[index] = condition
            return
    conditions.append(condition)


def _why_not_bound(pod: Object) -> str | None:
    name, spec = pod["metadata"]["name"], pod["spec"]
    if "deletionTimestamp" in pod["metadata"]:
        return f"pod {name} is being deleted, cannot be assigned to a host"
    if spec.get("nodeName"):
        return f'pod {name} is already assigned to node "{spec["nodeName"]}"'
    if spec.get("schedulingGates"):
        return f"pod {name} has non-empty .spec.schedulingGates"
    return None


def _refuse(pod: Object, causes: list[Cause]) -> None:
    if causes:
        raise invalid(PODS, pod["metadata"]["name"], causes)
