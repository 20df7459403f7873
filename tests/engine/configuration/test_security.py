"""What processes may do: the container's word before the pod's, and root only where it is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.configuration.making import UID, container_of, host, pod, sandbox_of
from vk_core.api.container import Capabilities, SecurityContext, SELinuxOptions
from vk_core.api.pod import Pod, PodSecurityContext
from vk_core.engine.configuration.errors import ConfigurationError
from vk_core.engine.runtime import Image
from vk_core.engine.specs import ContainerSecurity
from vk_core.testing import make_container

ROOT = Image(id="i", user_id=0)
SILENT = Image(id="i")
NUMBER = Image(id="i", user_id=1000)
NAME = Image(id="i", user_name="app")


def secured(own: SecurityContext | None = None, shared: PodSecurityContext | None = None) -> Pod:
    return pod(make_container(security_context=own), security_context=shared)


def security(
    own: SecurityContext | None = None, shared: PodSecurityContext | None = None, **kw: Any
) -> ContainerSecurity:
    return container_of(secured(own, shared), **kw).security


@pytest.mark.parametrize(
    ("own", "shared", "image", "expected"),
    [
        pytest.param(None, None, NUMBER, (1000, ""), id="the-images-number"),
        pytest.param(None, None, NAME, (None, "app"), id="the-images-name"),
        pytest.param(None, None, SILENT, (0, ""), id="root-if-nobody-says-anything"),
        pytest.param(None, 7, NAME, (7, ""), id="the-pods"),
        pytest.param(8, 7, NAME, (8, ""), id="the-containers"),
        pytest.param(0, 7, NUMBER, (0, ""), id="root-is-a-user-too"),
    ],
)
def test_who_a_container_runs_as(own: int | None, shared: int | None, image: Image, expected: object) -> None:
    made = security(SecurityContext(run_as_user=own), PodSecurityContext(run_as_user=shared), image=image)

    assert (made.run_as_user, made.run_as_username) == expected


IMAGE_ROOT = "container has runAsNonRoot and image will run as root"
BY_NAME = "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root"
BREAKS = "container's runAsUser breaks non-root policy"


@pytest.mark.parametrize(
    ("own", "shared", "image", "problem"),
    [
        pytest.param({}, {"run_as_non_root": True}, ROOT, IMAGE_ROOT, id="the-image-is-roots"),
        pytest.param({"run_as_non_root": True}, {}, SILENT, IMAGE_ROOT, id="the-image-says-nothing"),
        pytest.param({"run_as_non_root": True}, {}, NAME, BY_NAME, id="the-image-has-a-name"),
        pytest.param({"run_as_non_root": True}, {"run_as_user": 0}, NUMBER, BREAKS, id="the-pod-says-root"),
        pytest.param(
            {"run_as_user": 0}, {"run_as_non_root": True, "run_as_user": 7}, NUMBER, BREAKS, id="it-says-root"
        ),
        pytest.param({"run_as_non_root": True}, {}, NUMBER, "", id="the-image-is-not-roots"),
        pytest.param({"run_as_user": 7}, {"run_as_non_root": True}, NAME, "", id="a-user-by-number"),
        pytest.param({"run_as_non_root": False}, {"run_as_non_root": True}, ROOT, "", id="the-container-may"),
    ],
)
def test_a_container_that_must_not_be_root_is_not(
    own: dict[str, Any], shared: dict[str, Any], image: Image, problem: str
) -> None:
    made = secured(SecurityContext(**own), PodSecurityContext(**shared))

    if not problem:
        container_of(made, image=image)
        return
    with pytest.raises(ConfigurationError) as caught:
        container_of(made, image=image)

    assert str(caught.value) == f'{problem} (pod: "web_default({UID})", container: main)'
    assert (caught.value.reason, caught.value.container_name) == ("CreateContainerConfigError", "main")


def test_an_image_with_a_user_that_cannot_be_is_not_run() -> None:
    with pytest.raises(
        ConfigurationError, match=r"has an invalid user id \(4294967295\)\. \(Must be 1-\(2147483647\)\)"
    ):
        security(SecurityContext(run_as_non_root=True), image=Image(id="i", user_id=2**32 - 1))


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param({"privileged": True}, {"privileged": True}, id="privileged"),
        pytest.param({"read_only_root_filesystem": True}, {"read_only_root": True}, id="read-only"),
        pytest.param({"allow_privilege_escalation": False}, {"no_new_privileges": True}, id="no-escalation"),
        pytest.param({"allow_privilege_escalation": True}, {"no_new_privileges": False}, id="escalation"),
        pytest.param({"run_as_group": 5}, {"run_as_group": 5}, id="group"),
        pytest.param(
            {"capabilities": Capabilities(add=("NET_ADMIN",), drop=("ALL",))},
            {"add_capabilities": ("NET_ADMIN",), "drop_capabilities": ("ALL",)},
            id="capabilities",
        ),
        pytest.param(
            {"se_linux_options": SELinuxOptions(level="s0:c1")},
            {"selinux": SELinuxOptions(level="s0:c1")},
            id="selinux",
        ),
    ],
)
def test_what_a_container_asks_for_it_gets(own: dict[str, Any], expected: dict[str, object]) -> None:
    made = security(SecurityContext(**own))

    assert {name: getattr(made, name) for name in expected} == expected


def test_what_the_pod_says_holds_for_containers_that_say_nothing() -> None:
    shared = PodSecurityContext(run_as_group=5, se_linux_options=SELinuxOptions(level="s0"), supplemental_groups=(7, 8))

    silent = security(None, shared)
    own = security(SecurityContext(run_as_group=6, se_linux_options=SELinuxOptions(type="t")), shared)

    assert (silent.run_as_group, silent.selinux) == (5, SELinuxOptions(level="s0"))
    assert (own.run_as_group, own.selinux) == (6, SELinuxOptions(type="t"))


def test_all_processes_have_the_groups_of_the_pod_and_of_its_volumes() -> None:
    made = secured(shared=PodSecurityContext(fs_group=9, supplemental_groups=(7, 8)))

    assert container_of(made, groups=(11,)).security.supplemental_groups == (9, 7, 8, 11)
    assert sandbox_of(made, groups=(11,)).supplemental_groups == (9, 7, 8, 11)


@pytest.mark.parametrize(("policy", "expected"), [(None, "Merge"), ("Merge", "Merge"), ("Strict", "Strict")])
def test_groups_of_the_image_are_merged_unless_the_pod_is_strict(policy: str | None, expected: str) -> None:
    made = secured(shared=PodSecurityContext(supplemental_groups_policy=policy))

    assert container_of(made).security.supplemental_groups_policy == expected
    assert sandbox_of(made).supplemental_groups_policy == expected


def test_a_policy_that_nobody_knows_is_an_error() -> None:
    made = secured(shared=PodSecurityContext(supplemental_groups_policy="Own"))

    with pytest.raises(ConfigurationError, match="unsupported supplementalGroupsPolicy: Own") as caught:
        sandbox_of(made)

    assert caught.value.reason == "FailedCreatePodSandBox"
    with pytest.raises(ConfigurationError, match="unsupported supplementalGroupsPolicy: Own") as caught:
        container_of(made, sandbox=sandbox_of(pod()))
    assert caught.value.reason == "CreateContainerConfigError"


@pytest.mark.parametrize(
    ("mount", "masks"), [(None, True), ("Default", True), ("Unmasked", False)], ids=["unset", "default", "unmasked"]
)
def test_proc_is_masked_unless_it_is_asked_for_whole(mount: str | None, masks: bool) -> None:
    throttle = "/sys/devices/system/cpu/cpu0/thermal_throttle"

    made = security(SecurityContext(proc_mount=mount), on=host(cpu_throttle_paths=(throttle,)))

    assert made.masked_paths is not None
    assert ("/proc/kcore" in made.masked_paths) is masks
    assert (throttle in made.masked_paths) is masks
    assert made.readonly_paths == (
        ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger") if masks else ()
    )


@pytest.mark.parametrize("field", ["containers", "init_containers", "ephemeral_containers"])
def test_a_sandbox_is_privileged_for_any_container_that_is(field: str) -> None:
    container = make_container("x", security_context=SecurityContext(privileged=True))
    fields = {"containers": (make_container(),), field: (container,)}

    assert sandbox_of(pod(*fields.pop("containers"), **fields)).privileged
    assert not sandbox_of(pod()).privileged


def test_a_sandboxs_own_process_has_the_pods_user_and_the_default_profile() -> None:
    made = sandbox_of(secured(SecurityContext(run_as_user=1), PodSecurityContext(run_as_user=2, run_as_group=3)))

    assert (made.run_as_user, made.run_as_group, made.seccomp.type) == (2, 3, "RuntimeDefault")
