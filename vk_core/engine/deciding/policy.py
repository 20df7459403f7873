"""Whether a container that has ended is started again: restart policies of pod and container, and rules (KEP-5307)."""

from __future__ import annotations

from vk_core.api.container import Container
from vk_core.engine.deciding.actions import Kind

ALWAYS = "Always"
ON_FAILURE = "OnFailure"
NEVER = "Never"
RESTART = "Restart"
RESTART_ALL = "RestartAllContainers"


def restart_policy(container: Container, pod_policy: str) -> str:
    """The policy that holds for a container: its own before the pod's."""
    return container.restart_policy or pod_policy or ALWAYS


def restarts(container: Container, kind: Kind, pod_policy: str, exit_code: int) -> bool:
    """Whether a container that has ended with this exit code is started again."""
    if kind is Kind.EPHEMERAL or (kind is Kind.INIT and exit_code == 0):
        return False
    if matching_action(container, exit_code) in {RESTART, RESTART_ALL}:
        return True
    policy = restart_policy(container, pod_policy)
    return policy == ALWAYS or (policy == ON_FAILURE and exit_code != 0)


def matching_action(container: Container, exit_code: int) -> str:
    """The action of the first of `restartPolicyRules` that matches; empty if none does.

    Rules count only beside a restart policy of the container's own.
    """
    if container.restart_policy is None:
        return ""
    for rule in container.restart_policy_rules:
        codes = rule.exit_codes
        if codes is not None and (
            (codes.operator == "In" and exit_code in codes.values)
            or (codes.operator == "NotIn" and exit_code not in codes.values)
        ):
            return rule.action
    return ""
