"""The conditions of the node: `Ready` from the provider's health, the others as the provider reports them."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from vk_core.api.meta import Time
from vk_core.api.node import Node, NodeCondition

READY = "Ready"


class Health(NamedTuple):
    """How the node is: the status of the condition `Ready`, with reason and message."""

    status: str
    reason: str
    message: str


HEALTHY = Health("True", "KubeletReady", "the provider answers")
STARTING = Health("False", "KubeletNotReady", "waiting for the provider to say which pods it has")
STOPPED = Health("False", "KubeletStopped", "virtual-kubelet was stopped; pods go on in the provider")


def failing(error: BaseException) -> Health:
    """The provider says that it is not well."""
    return Health("False", "ProviderNotReady", str(error) or repr(error))


def silent(seconds: float) -> Health:
    """The provider does not answer at all."""
    return Health("Unknown", "ProviderNotAnswering", f"the provider has not answered a ping within {seconds:g} s")


def with_conditions(node: Node, health: Health, known: Node | None, now: Time, *, heartbeat: bool) -> Node:
    """The node with dated conditions.

    Args:
        node: the node as it shall be; its conditions are the provider's.
        health: what `Ready` shall say.
        known: the node as the API server has it.
        now: the time of conditions that change.
        heartbeat: whether unchanged conditions get a new heartbeat time as well.
    """
    before = {condition.type: condition for condition in (known.status.conditions if known else ())}
    ready = NodeCondition(type=READY, status=health.status, reason=health.reason, message=health.message)
    others = [condition for condition in node.status.conditions if condition.type != READY]
    conditions = tuple(_dated(condition, before.get(condition.type), now, heartbeat) for condition in (ready, *others))
    return replace(node, status=replace(node.status, conditions=conditions))


def _dated(condition: NodeCondition, old: NodeCondition | None, now: Time, heartbeat: bool) -> NodeCondition:
    since = old.last_transition_time if old is not None and old.status == condition.status else None
    same = old is not None and (old.status, old.reason, old.message) == (
        condition.status,
        condition.reason,
        condition.message,
    )
    beat = old.last_heartbeat_time if old is not None and same and not heartbeat else None
    return replace(condition, last_transition_time=since or now, last_heartbeat_time=beat or now)
