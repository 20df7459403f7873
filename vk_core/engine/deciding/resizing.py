"""Which running containers have to get other resources, in place or by a restart (KEP-1287).

Only CPU and memory can be changed in a running pod. What a container has now is what it was given last.
"""

from __future__ import annotations

from collections.abc import Mapping

from vk_core.api.quantity import milli, whole
from vk_core.engine.deciding.actions import Resize
from vk_core.engine.deciding.survey import Survey
from vk_core.engine.deciding.views import Stage, View

_CPU, _MEMORY = "cpu", "memory"
_RESTART = "RestartContainer"


def resizes(known: Survey) -> tuple[Resize, ...]:
    """Containers whose resources are to be changed in place: those first that get less of something."""
    found = [
        (min(changes.values()), Resize(container_id=view.newest.id, container=view.container))
        for view in (*known.inits, *known.apps)
        if view.newest is not None
        and not view.starting
        and view.newest.id not in known.memory.stops
        and (changes := _changes(view))
    ]
    return tuple(resize for _, resize in sorted(found, key=lambda one: one[0]))


def is_pending(view: View) -> bool:
    """Whether a container runs with other resources than it should."""
    return bool(_changes(view))


def needs_restart(view: View) -> bool:
    """Whether a change that is to be made asks for a restart (`resizePolicy`)."""
    changed = {resource for _, resource in _changes(view)}
    return any(
        policy.resource_name in changed and policy.restart_policy == _RESTART for policy in view.container.resize_policy
    )


def _changes(view: View) -> dict[tuple[str, str], int]:
    """By how much each limit and request of a running container is to change; zero means no limit."""
    actual, desired = view.actuated, view.container.resources
    if view.stage is not Stage.RUNNING or actual is None or actual == desired:
        return {}
    pairs = (("limits", actual.limits, desired.limits), ("requests", actual.requests, desired.requests))
    differences = {
        (sort, resource): _amount(after, resource) - _amount(before, resource)
        for sort, before, after in pairs
        for resource in (_CPU, _MEMORY)
    }
    return {key: difference for key, difference in differences.items() if difference}


def _amount(quantities: Mapping[str, str], resource: str) -> int:
    text = quantities.get(resource)
    if text is None:
        return 0
    return milli(text) if resource == _CPU else whole(text)
