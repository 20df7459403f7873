"""Sandboxes and containers as a whole: names, labels, logs, network, and what cannot be had at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.engine.configuration.making import IMAGE, OWNER, UID, container_of, host, pod, sandbox_of
from vk_core.api.container import (
    ContainerPort,
    ExecAction,
    Lifecycle,
    LifecycleHandler,
    ResourceClaim,
    ResourceRequirements,
    SecurityContext,
    VolumeDevice,
    WindowsSecurityContextOptions,
)
from vk_core.api.pod import PodResourceClaim, PodSecurityContext
from vk_core.engine import identity
from vk_core.engine.configuration.errors import ConfigurationError
from vk_core.engine.configuration.labels import container_hash
from vk_core.engine.configuration.paths import log_path, pod_uid_of_logs
from vk_core.engine.configuration.refusals import Refusal, refusal
from vk_core.engine.configuration.resolver import read_resolver
from vk_core.engine.specs import PortMapping
from vk_core.testing import make_container, make_pod


def test_a_sandbox_knows_its_pod_its_logs_and_its_resolver() -> None:
    made = sandbox_of(pod(), attempt=2, runtime_handler="kata")

    assert (made.name, made.namespace, made.uid, made.attempt) == ("web", "default", UID, 2)
    assert (made.hostname, made.runtime_handler) == ("web", "kata")
    assert made.log_directory == Path(f"/var/log/pods/default_web_{UID}")
    assert made.dns_servers == ("10.0.0.10",)
    assert made.dns_searches == ("a.svc", "b")
    assert made.dns_options == ("ndots:5", "edns0")
    assert made.cgroup_parent == f"/virtual-kubelet/besteffort/pod{UID}"


def test_in_the_hosts_network_a_sandbox_has_no_name_and_no_ports() -> None:
    ports = (ContainerPort(container_port=80, host_port=80),)

    made = sandbox_of(pod(make_container(ports=ports), host_network=True))

    assert (made.hostname, made.port_mappings) == ("", ())


def test_labels_and_annotations_of_a_pod_cannot_pass_for_ours() -> None:
    hostile = {identity.POD_UID: "another", identity.OWNER: "me", "app": "web"}
    made = pod(labels=hostile, annotations={"note": "x"})

    sandbox = sandbox_of(made)

    assert sandbox.labels == {
        "app": "web",
        identity.POD_NAME: "web",
        identity.POD_NAMESPACE: "default",
        identity.POD_UID: UID,
        identity.OWNER: identity.owner_label(OWNER),
    }
    assert sandbox.annotations == {"note": "x", identity.OWNER_MARK: OWNER}


@given(st.text())
def test_an_owner_of_any_length_fits_a_label(owner: str) -> None:
    assert len(identity.owner_label(owner)) <= 63


def test_a_container_carries_what_is_needed_to_end_it_without_its_pod() -> None:
    container = make_container(
        lifecycle=Lifecycle(pre_stop=LifecycleHandler(exec=ExecAction(command=("stop",)))),
        ports=(ContainerPort(name="http", container_port=80),),
        termination_message_path="/dev/termination-log",
        termination_message_policy="File",
    )
    made = pod(container)
    made = replace(made, metadata=replace(made.metadata, deletion_grace_period_seconds=5))

    config = container_of(made, attempt=3)

    assert config.labels == {
        identity.POD_NAME: "web",
        identity.POD_NAMESPACE: "default",
        identity.POD_UID: UID,
        identity.OWNER: identity.owner_label(OWNER),
        identity.CONTAINER_NAME: "main",
    }
    assert config.annotations == {
        identity.HASH: container_hash(container),
        identity.RESTART_COUNT: "3",
        identity.TERMINATION_MESSAGE_PATH: "/dev/termination-log",
        identity.TERMINATION_MESSAGE_POLICY: "File",
        identity.GRACE_PERIOD_SECONDS: "30",
        identity.DELETION_GRACE_PERIOD_SECONDS: "5",
        identity.PRE_STOP_HANDLER: '{"exec":{"command":["stop"]}}',
        identity.PORTS: '[{"name":"http","containerPort":80}]',
    }


@pytest.mark.parametrize(
    ("fields", "replaces"),
    [
        pytest.param({"image": "busybox:2"}, True, id="image"),
        pytest.param({"name": "other"}, True, id="name"),
        pytest.param({"resources": ResourceRequirements(limits={"cpu": "1"})}, False, id="resources"),
        pytest.param({"tty": True}, False, id="what-cannot-change"),
    ],
)
def test_a_container_is_replaced_for_another_image(fields: dict[str, Any], replaces: bool) -> None:
    before = make_container()

    assert (container_hash(before) != container_hash(replace(before, **fields))) is replaces


def test_the_hash_of_a_container_is_the_same_after_a_restart_of_this_process() -> None:
    assert container_hash(make_container("main", image="busybox:1.37")) == "7f2915c6f94b6a8e"


def test_a_container_runs_what_it_is_given() -> None:
    container = make_container(
        working_dir="/srv", stdin=True, stdin_once=True, tty=True, lifecycle=Lifecycle(stop_signal="SIGUSR1")
    )

    config = container_of(
        pod(container), command=["sh"], args=["-c", "x"], environment={"A": "secret"}, attempt=1, image=IMAGE
    )

    assert (config.command, config.args, config.working_dir) == (("sh",), ("-c", "x"), "/srv")
    assert (config.name, config.image_id, config.image, config.attempt) == ("main", "sha256:1", "busybox:1.37", 1)
    assert (config.stdin, config.stdin_once, config.tty, config.stop_signal) == (True, True, True, "SIGUSR1")
    assert config.log_path == "main/1.log"
    assert config.environment == {"A": "secret"}
    assert "secret" not in repr(config)


def test_ports_of_the_host_lead_to_containers_and_sidecars() -> None:
    http = ContainerPort(container_port=80, host_port=8080)
    dns = ContainerPort(container_port=53, host_port=53, protocol="UDP", host_ip="127.0.0.1")
    made = pod(
        make_container(ports=(http, http, ContainerPort(container_port=9090))),
        init_containers=(
            make_container("side", restart_policy="Always", ports=(dns,)),
            make_container("init", ports=(ContainerPort(container_port=1, host_port=1),)),
        ),
    )

    assert sandbox_of(made).port_mappings == (
        PortMapping(protocol="TCP", container_port=80, host_port=8080),
        PortMapping(protocol="UDP", container_port=53, host_port=53, host_ip="127.0.0.1"),
    )


@given(st.text(), st.uuids())
def test_the_folder_of_logs_tells_its_pod(name: str, uid: object) -> None:
    made = sandbox_of(make_pod("web", uid=str(uid)))

    assert pod_uid_of_logs(made.log_directory.name) == str(uid)
    assert log_path("main", 7) == "main/7.log"


@given(st.text())
def test_any_text_is_read_as_a_resolver(text: str) -> None:
    resolver = read_resolver(text)

    assert all(not value.isspace() and value for values in resolver for value in values)


WINDOWS = WindowsSecurityContextOptions(run_as_user_name="x")


@pytest.mark.parametrize(
    ("container", "fields", "message"),
    [
        pytest.param(
            {"volume_devices": (VolumeDevice(name="disk", device_path="/dev/x"),)},
            {},
            "spec.containers[1].volumeDevices: raw block devices are not supported on this node",
            id="volumeDevices",
        ),
        pytest.param(
            {"resources": ResourceRequirements(claims=(ResourceClaim(name="gpu"),))},
            {},
            "spec.containers[1].resources.claims: dynamic resources are not supported on this node",
            id="claims",
        ),
        pytest.param(
            {},
            {"resource_claims": (PodResourceClaim(name="gpu"),)},
            "spec.resourceClaims: dynamic resources are not supported on this node",
            id="resourceClaims",
        ),
        pytest.param(
            {"security_context": SecurityContext(windows_options=WINDOWS)},
            {},
            "spec.containers[1].securityContext.windowsOptions: this node runs Linux containers only",
            id="windows-container",
        ),
        pytest.param(
            {},
            {"security_context": PodSecurityContext(windows_options=WINDOWS)},
            "spec.securityContext.windowsOptions: this node runs Linux containers only",
            id="windows-pod",
        ),
        pytest.param(
            {"lifecycle": Lifecycle(stop_signal="SIGNAL")},
            {},
            "spec.containers[1].lifecycle.stopSignal: 'SIGNAL' is not a signal of Linux, such as SIGTERM",
            id="stopSignal",
        ),
    ],
)
def test_what_nobody_here_can_give_is_refused_by_its_field(
    container: dict[str, Any], fields: dict[str, Any], message: str
) -> None:
    made = pod(make_container("first"), make_container(**container), **fields)

    assert refusal(made, host()) == Refusal("PodFeatureUnsupported", message)
    if container:
        with pytest.raises(ConfigurationError, match=message.partition("]")[2][1:12]):
            container_of(made, made.spec.containers[1])


def test_a_pod_that_is_strict_about_groups_is_refused_where_the_runtime_is_not() -> None:
    made = pod(security_context=PodSecurityContext(supplemental_groups_policy="Strict"))

    assert refusal(made, host()) == Refusal(
        "SupplementalGroupsPolicyNotSupported", "SupplementalGroupsPolicy=Strict is not supported in this node"
    )
    assert refusal(made, host(strict_groups=True)) is None


def test_an_ordinary_pod_is_taken() -> None:
    assert refusal(pod(), host()) is None
