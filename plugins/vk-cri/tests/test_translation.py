"""Between the words of the engine and those of CRI."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from vk_core.engine.runtime import ContainerPhase
from vk_core.engine.specs import (
    ContainerConfig,
    ContainerMount,
    ContainerResources,
    ContainerSecurity,
    Namespaces,
    PortMapping,
    SandboxConfig,
    SecurityProfile,
)
from vk_core.errors import InvalidInput
from vk_cri.api import runtime_pb2 as pb
from vk_cri.translation import answers
from vk_cri.translation.containers import container_config
from vk_cri.translation.sandboxes import sandbox_config


def test_a_container_that_ended_at_once_did_not_end_before_it_began() -> None:
    status = pb.ContainerStatus(state=pb.CONTAINER_EXITED, created_at=1, started_at=3_000_000, finished_at=2_000_000)
    container = answers.container(status, "sandbox")
    assert container.started_at == container.finished_at == dt.datetime(1970, 1, 1, 0, 0, 0, 2000, tzinfo=dt.UTC)


def test_what_has_not_happened_has_no_time_and_no_exit_code() -> None:
    container = answers.container(pb.ContainerStatus(state=pb.CONTAINER_CREATED, created_at=1), "sandbox")
    assert (container.phase, container.started_at, container.finished_at) == (ContainerPhase.CREATED, None, None)
    assert container.exit_code is None


def test_an_unknown_state_is_unknown() -> None:
    unknown = pb.ContainerStatus.FromString(b"\x18\x63")
    assert answers.container(unknown, "sandbox").phase is ContainerPhase.UNKNOWN


def test_a_runtime_without_a_network_says_why() -> None:
    status = pb.StatusResponse(
        status=pb.RuntimeStatus(
            conditions=[
                pb.RuntimeCondition(type="RuntimeReady", status=True),
                pb.RuntimeCondition(type="NetworkReady", reason="NetworkPluginNotReady", message="no plug-in"),
            ]
        ),
        runtime_handlers=[pb.RuntimeHandler(features=pb.RuntimeHandlerFeatures(user_namespaces=True))],
    )
    state = answers.state(pb.VersionResponse(runtime_name="x", runtime_version="1"), status)
    assert (state.ready, state.network_ready, state.problem) == (True, False, "NetworkPluginNotReady: no plug-in")
    assert state.handlers[""].user_namespaces


def test_signals_have_the_names_that_cri_gives_them() -> None:
    for name, expected in (("", pb.RUNTIME_DEFAULT), ("SIGQUIT", pb.SIGQUIT), ("SIGRTMIN+3", pb.SIGRTMINPLUS3)):
        assert container_config(ContainerConfig(name="main", stop_signal=name)).stop_signal == expected
    with pytest.raises(InvalidInput, match="stopSignal: SIGNONE"):
        container_config(ContainerConfig(name="main", stop_signal="SIGNONE"))


def test_a_sandbox_says_everything() -> None:
    config = sandbox_config(
        SandboxConfig(
            name="pod",
            namespace="ns",
            uid="1",
            attempt=2,
            dns_servers=("10.0.0.10",),
            port_mappings=(PortMapping(protocol="UDP", container_port=53, host_port=5353),),
            namespaces=Namespaces(pid="POD", user_mapping=(65536, 0, 65536)),
            run_as_user=0,
            seccomp=SecurityProfile(type="Localhost", localhost="/p.json"),
        )
    )
    assert (config.metadata.attempt, list(config.dns_config.servers), config.port_mappings[0].protocol) == (
        2,
        ["10.0.0.10"],
        pb.UDP,
    )
    context = config.linux.security_context
    assert context.HasField("run_as_user")
    assert not context.HasField("run_as_group")
    assert (context.namespace_options.pid, context.namespace_options.network) == (pb.POD, pb.POD)
    users = context.namespace_options.userns_options
    assert [one.host_id for one in (*users.uids, *users.gids)] == [65536, 65536]
    assert (context.seccomp.profile_type, context.seccomp.localhost_ref) == (pb.SecurityProfile.Localhost, "/p.json")


def test_a_container_says_everything() -> None:
    config = container_config(
        ContainerConfig(
            name="main",
            environment={"BYTES": "\udcff"},
            mounts=(
                ContainerMount(container_path="/a", host_path=Path("/h"), propagation="Bidirectional"),
                ContainerMount(container_path="/i", image="sha256:1", image_sub_path="sub", read_only=True),
            ),
            resources=ContainerResources(hugepage_limits_bytes={"2MB": 4 << 20}, unified={"memory.high": "1"}),
            security=ContainerSecurity(
                namespaces=Namespaces(user_mapping=(7, 0, 9)), supplemental_groups_policy="Strict", masked_paths=()
            ),
        )
    )
    assert config.envs[0].value == b"\xff"
    plain, image = config.mounts
    assert (plain.host_path, plain.propagation, plain.uidMappings[0].host_id) == ("/h", pb.PROPAGATION_BIDIRECTIONAL, 7)
    assert (image.host_path, image.image.image, image.image_sub_path, image.readonly) == ("", "sha256:1", "sub", True)
    assert config.linux.resources.hugepage_limits[0].limit == 4 << 20
    context = config.linux.security_context
    assert (context.supplemental_groups_policy, list(context.masked_paths)) == (pb.Strict, [])
    assert "/proc/sys" in context.readonly_paths
