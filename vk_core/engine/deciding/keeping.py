"""Whether a running container is left alone: failed probes, a changed definition, a resize that asks for a restart."""

from __future__ import annotations

import datetime as dt

from vk_core.api.container import Probe
from vk_core.api.meta import Time
from vk_core.engine import identity
from vk_core.engine.configuration.labels import container_hash
from vk_core.engine.deciding.actions import Kind, Stop, StopReason
from vk_core.engine.deciding.ending import EXTENSION_SECONDS, grace_period_seconds
from vk_core.engine.deciding.resizing import needs_restart
from vk_core.engine.deciding.survey import Survey
from vk_core.engine.deciding.views import View
from vk_core.engine.runtime import RuntimeContainer


def disturbance(known: Survey, view: View, now: Time) -> Stop | None:
    """The stop of a running container; None if it is left alone."""
    instance = view.current
    if instance is None:
        return None
    begun = known.memory.stops.get(instance.id)
    if begun is not None:
        return begun
    found = _sidecar_cause(view, instance) if view.kind is Kind.SIDECAR else _app_cause(view, instance)
    if found is None:
        return None
    reason, cause = found
    sort = "Init container" if view.kind is Kind.SIDECAR and reason is not StopReason.RESIZE else "Container"
    message = f"{sort} {view.name} {cause}"
    restart = reason in {StopReason.DEFINITION_CHANGED, StopReason.RESIZE} or view.may_restart
    if restart and view.kind is Kind.APP and reason is not StopReason.RESIZE:
        message += ", will be restarted"
    return stop_now(known, view, reason, message, now, restart=restart)


def stop_now(
    known: Survey, view: View, reason: StopReason, message: str, now: Time, *, restart: bool, instance_id: str = ""
) -> Stop:
    """The stop of one container, with the grace period that is right for the reason."""
    container = view.container
    grace = grace_period_seconds(known.pod)
    if reason is StopReason.STARTUP:
        grace = _grace_of(container.startup_probe, grace)
    elif reason is StopReason.LIVENESS:
        grace = _grace_of(container.liveness_probe, grace)
    container_id = instance_id or (view.newest.id if view.newest is not None else "")
    begun = known.memory.stops.get(container_id)
    return begun or Stop(
        container_id=container_id,
        name=view.name,
        reason=reason,
        message=message,
        deadline=now + dt.timedelta(seconds=grace),
        restart=restart,
        hook=grace > 0,
        extension_seconds=EXTENSION_SECONDS if grace else 0,
    )


def _app_cause(view: View, instance: RuntimeContainer) -> tuple[StopReason, str] | None:
    if _has_changed(view, instance):
        return StopReason.DEFINITION_CHANGED, "definition changed"
    if view.probes.liveness is False:
        return StopReason.LIVENESS, "failed liveness probe"
    if view.probes.startup is False:
        return StopReason.STARTUP, "failed startup probe"
    return _resize_cause(view)


def _sidecar_cause(view: View, instance: RuntimeContainer) -> tuple[StopReason, str] | None:
    if view.probes.startup is False:
        return StopReason.STARTUP, "failed startup probe"
    if not view.is_started:
        return None
    if _has_changed(view, instance):
        return StopReason.DEFINITION_CHANGED, "definition changed"
    if view.probes.liveness is False:
        return StopReason.LIVENESS, "failed liveness probe"
    return _resize_cause(view)


def _resize_cause(view: View) -> tuple[StopReason, str] | None:
    return (StopReason.RESIZE, "resize requires restart") if needs_restart(view) else None


def _has_changed(view: View, instance: RuntimeContainer) -> bool:
    """Whether the container is another one than was started; only its image may be changed in a pod."""
    made = instance.annotations.get(identity.HASH)
    return made is not None and made != container_hash(view.container)


def _grace_of(probe: Probe | None, grace: int) -> int:
    own = probe.termination_grace_period_seconds if probe is not None else None
    return grace if own is None else own
