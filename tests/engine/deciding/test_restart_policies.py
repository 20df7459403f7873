"""Restart policies of pods and containers, and rules by exit code (KEP-5307), as Kubernetes documents them."""

from __future__ import annotations

import pytest

from vk_core.api.container import ContainerRestartRule, ContainerRestartRuleOnExitCodes
from vk_core.engine.deciding.actions import Kind
from vk_core.engine.deciding.policy import matching_action, restarts
from vk_core.testing import make_container


def rule(action: str, operator: str, *values: int) -> ContainerRestartRule:
    return ContainerRestartRule(
        action=action, exit_codes=ContainerRestartRuleOnExitCodes(operator=operator, values=values)
    )


@pytest.mark.parametrize(
    ("policy", "exit_code", "app", "init"),
    [
        pytest.param("Always", 0, True, False, id="Always-0"),
        pytest.param("Always", 1, True, True, id="Always-1"),
        pytest.param("OnFailure", 0, False, False, id="OnFailure-0"),
        pytest.param("OnFailure", 137, True, True, id="OnFailure-137"),
        pytest.param("Never", 0, False, False, id="Never-0"),
        pytest.param("Never", 1, False, False, id="Never-1"),
        pytest.param("", 0, True, False, id="default"),
    ],
)
def test_a_container_restarts_by_its_pods_policy(policy: str, exit_code: int, app: bool, init: bool) -> None:
    container = make_container()
    assert restarts(container, Kind.APP, policy, exit_code) is app
    assert restarts(container, Kind.INIT, policy, exit_code) is init
    assert not restarts(container, Kind.EPHEMERAL, policy, exit_code)


@pytest.mark.parametrize(
    ("own", "of_pod", "exit_code", "expected"),
    [
        pytest.param("Always", "Never", 0, True, id="own Always"),
        pytest.param("Never", "Always", 1, False, id="own Never"),
        pytest.param("OnFailure", "Never", 1, True, id="own OnFailure, failed"),
        pytest.param("OnFailure", "Always", 0, False, id="own OnFailure, succeeded"),
    ],
)
def test_a_containers_own_policy_comes_before_its_pods(own: str, of_pod: str, exit_code: int, expected: bool) -> None:
    assert restarts(make_container(restart_policy=own), Kind.APP, of_pod, exit_code) is expected


@pytest.mark.parametrize(
    ("rules", "exit_code", "expected"),
    [
        pytest.param((rule("Restart", "In", 42),), 42, True, id="In matches"),
        pytest.param((rule("Restart", "In", 42),), 41, False, id="In does not match"),
        pytest.param((rule("Restart", "NotIn", 1, 2),), 3, True, id="NotIn matches"),
        pytest.param((rule("Restart", "NotIn", 1, 2),), 2, False, id="NotIn does not match"),
        pytest.param((rule("Restart", "Sometimes", 3),), 3, False, id="unknown operator"),
        pytest.param((rule("Explode", "In", 3), rule("Restart", "In", 3)), 3, False, id="only the first match counts"),
        pytest.param((rule("RestartAllContainers", "In", 3),), 3, True, id="all containers"),
    ],
)
def test_a_rule_restarts_what_would_not_be_restarted(
    rules: tuple[ContainerRestartRule, ...], exit_code: int, expected: bool
) -> None:
    container = make_container(restart_policy="Never", restart_policy_rules=rules)
    assert restarts(container, Kind.APP, "Never", exit_code) is expected


def test_rules_count_only_beside_a_policy_of_the_containers_own() -> None:
    container = make_container(restart_policy_rules=(rule("Restart", "In", 3),))
    assert matching_action(container, 3) == ""
