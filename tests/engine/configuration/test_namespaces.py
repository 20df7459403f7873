"""What pods share with the host and containers with each other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.configuration.making import container_of, host, pod, sandbox_of
from vk_core.api.container import EphemeralContainer
from vk_core.engine import identity
from vk_core.engine.configuration.errors import ConfigurationError
from vk_core.engine.configuration.namespaces import choose_user_mapping, format_user_mapping, parse_user_mapping
from vk_core.engine.runtime import HandlerFeatures

USERS = HandlerFeatures(user_namespaces=True)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, ("POD", "CONTAINER", "POD"), id="nothing"),
        pytest.param({"share_process_namespace": True}, ("POD", "POD", "POD"), id="shareProcessNamespace"),
        pytest.param({"host_pid": True, "share_process_namespace": True}, ("POD", "NODE", "POD"), id="hostPID"),
        pytest.param({"host_network": True}, ("NODE", "CONTAINER", "POD"), id="hostNetwork"),
        pytest.param({"host_ipc": True}, ("POD", "CONTAINER", "NODE"), id="hostIPC"),
    ],
)
def test_sandbox_and_containers_have_the_same(fields: dict[str, Any], expected: object) -> None:
    made = pod(**fields)

    for namespaces in (sandbox_of(made).namespaces, container_of(made).security.namespaces):
        assert (namespaces.network, namespaces.pid, namespaces.ipc) == expected
        assert namespaces.user_mapping is None


@pytest.mark.parametrize(
    ("fields", "target", "expected"),
    [
        pytest.param({}, "main", ("TARGET", "id-of-main"), id="sees-its-target"),
        pytest.param({}, "", ("CONTAINER", ""), id="names-none"),
        pytest.param({"share_process_namespace": True}, "main", ("POD", ""), id="sees-all-anyway"),
        pytest.param({"host_pid": True}, "main", ("NODE", ""), id="sees-even-more"),
    ],
)
def test_a_debugging_container_sees_the_processes_of_its_target(
    fields: dict[str, Any], target: str, expected: object
) -> None:
    debugger = EphemeralContainer(name="debug", image="busybox", target_container_name=target)

    namespaces = container_of(pod(**fields), debugger, target_id="id-of-main").security.namespaces

    assert (namespaces.pid, namespaces.target_id) == expected


def test_a_debugging_container_without_its_target_is_not_started() -> None:
    debugger = EphemeralContainer(name="debug", image="busybox", target_container_name="gone")

    with pytest.raises(ConfigurationError, match=r"^unable to find target container gone$"):
        container_of(pod(), debugger)


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        ("", "can't set `spec.hostUsers: false`, runtime does not support user namespaces"),
        ("kata", 'can\'t set `spec.hostUsers: false`, RuntimeClass handler "kata" does not support user namespaces'),
    ],
)
def test_users_of_its_own_are_refused_where_the_runtime_has_none(handler: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        sandbox_of(pod(host_users=False), runtime_handler=handler, user_mapping=(65_536, 0, 65_536))

    assert str(caught.value) == message


def test_users_of_its_own_are_remembered_by_the_sandbox_and_had_by_containers() -> None:
    made, on = pod(host_users=False), host(features=USERS)

    sandbox = sandbox_of(made, on, user_mapping=(131_072, 0, 65_536))

    assert sandbox.namespaces.user_mapping == (131_072, 0, 65_536)
    assert parse_user_mapping(sandbox.annotations[identity.USER_MAPPING]) == (131_072, 0, 65_536)
    assert container_of(made, on=on, sandbox=sandbox).security.namespaces.user_mapping == (131_072, 0, 65_536)


def test_a_pod_with_the_hosts_users_cannot_claim_others() -> None:
    made = pod(annotations={identity.USER_MAPPING: "0:4294967295"})

    assert identity.USER_MAPPING not in sandbox_of(made).annotations


@given(st.lists(st.booleans(), max_size=12))
def test_no_two_pods_have_the_same_ids(keeps: list[bool]) -> None:
    taken: list[tuple[int, int, int]] = []
    for keep in keeps:
        mapping = choose_user_mapping(taken)
        assert mapping not in taken
        assert mapping[0] >= 65_536
        taken.append(mapping)
        if not keep:
            taken.pop(0)


def test_ids_that_others_have_in_part_are_not_given() -> None:
    assert choose_user_mapping([(70_000, 0, 10), (150_000, 0, 65_536)]) == (262_144, 0, 65_536)


def test_a_host_without_free_ids_says_so() -> None:
    with pytest.raises(ConfigurationError, match="could not find an empty slot"):
        choose_user_mapping([(0, 0, 2**32)])


@given(st.text(max_size=24))
def test_annotations_that_are_no_mapping_are_none(text: str) -> None:
    mapping = parse_user_mapping(text)

    assert mapping is None or parse_user_mapping(format_user_mapping(mapping)) == mapping
