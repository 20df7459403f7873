"""Whether a pod is valid, and what of it may change: the rules of `pkg/apis/core/validation` that users run into.

Not every rule of the API server is here: what concerns volumes of storage vendors, Windows or security profiles in
detail is let through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from vk_core.api.quantity import parse_quantity
from vk_core.devcluster.envvalidation import Volumes, env_causes
from vk_core.devcluster.mountvalidation import mount_causes
from vk_core.devcluster.names import dns_label, dns_subdomain, label_value, qualified_name
from vk_core.devcluster.networkvalidation import network_causes
from vk_core.devcluster.statuses import Cause, duplicate, forbidden_field, required, unsupported, wrong
from vk_core.devcluster.volumevalidation import volume_causes

Object = dict[str, Any]

_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_TERMINATION_POLICIES = ("File", "FallbackToLogsOnError")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_TOLERATION_EFFECTS = ("", "NoSchedule", "PreferNoSchedule", "NoExecute")
_LAST_PORT = 65535
_LARGEST_ID = 2**31 - 1
_CONTAINER_FIELDS = ("containers", "initContainers", "ephemeralContainers")
_NOT_UPDATABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod_causes(pod: Object) -> list[Cause]:
    """Returns all that is wrong with a pod that has its defaults."""
    spec = pod["spec"]
    volumes: dict[str, Object] = {}
    causes = list(_volume_causes(spec.get("volumes", ()), volumes))
    if not spec.get("containers"):
        causes.append(required("spec.containers"))
    seen: set[str] = set()
    for field in _CONTAINER_FIELDS:
        for index, container in enumerate(spec.get(field, ())):
            causes.extend(_container_causes(f"spec.{field}[{index}]", container, seen, volumes))
    causes.extend(_policy_causes(spec))
    causes.extend(network_causes(spec))
    for index, toleration in enumerate(spec.get("tolerations", ())):
        causes.extend(_toleration_causes(f"spec.tolerations[{index}]", toleration))
    for key, value in spec.get("nodeSelector", {}).items():
        if problem := qualified_name(key) or label_value(value):
            causes.append(wrong("spec.nodeSelector", key, problem))
    return causes


def _policy_causes(spec: Object) -> Iterator[Cause]:
    if spec["restartPolicy"] not in _RESTART_POLICIES:
        yield unsupported("spec.restartPolicy", spec["restartPolicy"], _RESTART_POLICIES)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and deadline < 1:
        yield wrong("spec.activeDeadlineSeconds", deadline, "must be between 1 and 2147483647, inclusive")
    for field in ("runAsUser", "runAsGroup", "fsGroup"):
        number = spec["securityContext"].get(field)
        if number is not None and not 0 <= number <= _LARGEST_ID:
            path = f"spec.securityContext.{field}"
            yield wrong(path, number, f"must be between 0 and {_LARGEST_ID}, inclusive")
    for field in ("nodeName", "serviceAccountName"):
        if spec.get(field) and (problem := dns_subdomain(spec[field])):
            yield wrong(f"spec.{field}", spec[field], problem)
    if spec.get("schedulingGates") and spec.get("nodeName"):
        yield forbidden_field("spec.nodeName", "cannot be set until all schedulingGates have been cleared")


def _volume_causes(volumes: Iterable[Object], valid: dict[str, Object]) -> Iterator[Cause]:
    """Yields what is wrong with volumes; those without fault go into `valid`, by name: only they can be mounted."""
    for index, volume in enumerate(volumes):
        path, name = f"spec.volumes[{index}]", volume.get("name", "")
        causes = list(volume_causes(path, volume))
        if not name:
            causes.append(required(f"{path}.name"))
        elif problem := dns_label(name):
            causes.append(wrong(f"{path}.name", name, problem))
        elif name in valid:
            causes.append(duplicate(f"{path}.name", name))
        if not causes:
            valid[name] = volume
        yield from causes


def _container_causes(path: str, container: Object, seen: set[str], volumes: Volumes) -> Iterator[Cause]:
    name = container.get("name", "")
    if not name:
        yield required(f"{path}.name")
    elif problem := dns_label(name):
        yield wrong(f"{path}.name", name, problem)
    elif name in seen:
        yield duplicate(f"{path}.name", name)
    seen.add(name)
    image = container.get("image", "")
    if not image:
        yield required(f"{path}.image")
    elif image != image.strip():
        yield wrong(f"{path}.image", image, "must not have leading or trailing whitespace")
    if container["imagePullPolicy"] not in _PULL_POLICIES:
        yield unsupported(f"{path}.imagePullPolicy", container["imagePullPolicy"], _PULL_POLICIES)
    yield from _port_causes(f"{path}.ports", container.get("ports", ()))
    yield from env_causes(path, container, volumes)
    yield from mount_causes(f"{path}.volumeMounts", container, volumes)
    policy = container["terminationMessagePolicy"]
    if policy not in _TERMINATION_POLICIES:
        yield unsupported(f"{path}.terminationMessagePolicy", policy, _TERMINATION_POLICIES)
    yield from _resource_causes(f"{path}.resources", container["resources"])


def _port_causes(path: str, ports: Iterable[Object]) -> Iterator[Cause]:
    names: set[str] = set()
    for index, port in enumerate(ports):
        for field in ("containerPort", "hostPort"):
            number = port.get(field, 0)
            if (number or field == "containerPort") and not 0 < number <= _LAST_PORT:
                yield wrong(f"{path}[{index}].{field}", number, f"must be between 1 and {_LAST_PORT}, inclusive")
        if port["protocol"] not in _PROTOCOLS:
            yield unsupported(f"{path}[{index}].protocol", port["protocol"], _PROTOCOLS)
        name = port.get("name")
        if name and name in names:
            yield duplicate(f"{path}[{index}].name", name)
        names.add(name or "")


def _resource_causes(path: str, resources: Object) -> Iterator[Cause]:
    values: dict[str, dict[str, Any]] = {"limits": {}, "requests": {}}
    for field, parsed in values.items():
        for name, text in resources.get(field, {}).items():
            parsed[name] = parse_quantity(text)
            if parsed[name] < 0:
                yield wrong(f"{path}.{field}[{name}]", text, "must be greater than or equal to 0")
    for name, wanted in values["requests"].items():
        limit = values["limits"].get(name)
        if limit is not None and wanted > limit:
            shown = resources["requests"][name], resources["limits"][name]
            yield wrong(f"{path}.requests", shown[0], f"must be less than or equal to {name} limit of {shown[1]}")


def _toleration_causes(path: str, toleration: Object) -> Iterator[Cause]:
    operator, effect = toleration.get("operator", ""), toleration.get("effect", "")
    if toleration.get("key") and (problem := qualified_name(toleration["key"])):
        yield wrong(f"{path}.key", toleration["key"], problem)
    if not toleration.get("key") and operator != "Exists":
        yield wrong(f"{path}.operator", operator, "operator must be Exists when `key` is empty")
    if operator not in {"", "Equal", "Exists"}:
        yield unsupported(f"{path}.operator", operator, ("Equal", "Exists"))
    if operator == "Exists" and toleration.get("value"):
        yield wrong(f"{path}.operator", operator, "value must be empty when `operator` is 'Exists'")
    if effect not in _TOLERATION_EFFECTS:
        yield unsupported(f"{path}.effect", effect, _TOLERATION_EFFECTS[1:])
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        yield wrong(f"{path}.effect", effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")


def pod_update_causes(pod: Object, old: Object) -> list[Cause]:
    """Returns what is wrong with an update of a pod: nearly all of the specification is immutable."""
    new_spec, old_spec = pod["spec"], old["spec"]
    if new_spec == old_spec:
        return []
    if any(_names(new_spec, field) != _names(old_spec, field) for field in ("containers", "initContainers")):
        return [forbidden_field("spec.containers", "pod updates may not add or remove containers")]
    causes = list(_tolerations_kept(new_spec.get("tolerations", []), old_spec.get("tolerations", [])))
    before, after = old_spec.get("activeDeadlineSeconds"), new_spec.get("activeDeadlineSeconds")
    if before is not None and (after is None or after > before):
        shown = "null" if after is None else after
        why = f"must be less than or equal to previous value {before}" if after else "must not be unset"
        causes.append(wrong("spec.activeDeadlineSeconds", shown, why))
    if _frozen_part(new_spec, old_spec) != _frozen_part(old_spec, old_spec):
        causes.append(forbidden_field("spec", _NOT_UPDATABLE))
    return causes


def _names(spec: Object, field: str) -> list[str]:
    return [container["name"] for container in spec.get(field, ())]


def _tolerations_kept(new: list[Object], old: list[Object]) -> Iterator[Cause]:
    if any(toleration not in new and not _only_seconds_differ(toleration, new) for toleration in old):
        yield forbidden_field(
            "spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"
        )


def _only_seconds_differ(toleration: Object, others: list[Object]) -> bool:
    plain = {**toleration, "tolerationSeconds": None}
    return any(plain == {**other, "tolerationSeconds": None} for other in others)


def _frozen_part(spec: Object, old_spec: Object) -> Object:
    """The specification without what may change: two versions have to be equal in this."""
    frozen = {name: value for name, value in spec.items() if name not in {"activeDeadlineSeconds", "tolerations"}}
    for field in ("containers", "initContainers"):
        if field in frozen:
            frozen[field] = [{**container, "image": ""} for container in frozen[field]]
    if old_spec["terminationGracePeriodSeconds"] < 0 and spec["terminationGracePeriodSeconds"] == 1:
        frozen["terminationGracePeriodSeconds"] = old_spec["terminationGracePeriodSeconds"]
    if old_spec.get("schedulingGates"):
        gates = frozen.pop("schedulingGates", [])
        frozen["addedGates"] = [gate for gate in gates if gate not in old_spec["schedulingGates"]]
        frozen.pop("nodeSelector", None)
        frozen.pop("affinity", None)
    return frozen
