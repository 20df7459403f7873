"""Containers in the words of CRI."""

from __future__ import annotations

from vk_core.engine.specs import ContainerConfig, ContainerMount, ContainerSecurity
from vk_core.errors import InvalidInput
from vk_cri.api import runtime_pb2 as pb
from vk_cri.translation import security

_PROPAGATIONS = {
    "None": pb.PROPAGATION_PRIVATE,
    "HostToContainer": pb.PROPAGATION_HOST_TO_CONTAINER,
    "Bidirectional": pb.PROPAGATION_BIDIRECTIONAL,
}


def container_config(config: ContainerConfig) -> pb.ContainerConfig:
    """What is to be made.

    Raises:
        InvalidInput: a stop signal that CRI does not know.
    """
    return pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name=config.name, attempt=config.attempt),
        image=pb.ImageSpec(image=config.image_id, user_specified_image=config.image),
        command=config.command,
        args=config.args,
        working_dir=config.working_dir,
        envs=[
            pb.KeyValue(key=name, value=value.encode(errors="surrogateescape"))
            for name, value in config.environment.items()
        ],
        mounts=[_mount(mount, config.security) for mount in config.mounts],
        labels=dict(config.labels),
        annotations=dict(config.annotations),
        log_path=config.log_path,
        stdin=config.stdin,
        stdin_once=config.stdin_once,
        tty=config.tty,
        stop_signal=_signal(config.stop_signal),
        linux=pb.LinuxContainerConfig(
            resources=security.resources(config.resources), security_context=_security(config.security)
        ),
    )


def _mount(mount: ContainerMount, context: ContainerSecurity) -> pb.Mount:
    mappings = security.id_mappings(context.namespaces)
    return pb.Mount(
        container_path=mount.container_path,
        host_path="" if mount.host_path is None else str(mount.host_path),
        image=pb.ImageSpec(image=mount.image) if mount.image else None,
        image_sub_path=mount.image_sub_path,
        readonly=mount.read_only,
        recursive_read_only=mount.recursive_read_only,
        selinux_relabel=mount.selinux_relabel,
        propagation=_PROPAGATIONS[mount.propagation],
        uidMappings=mappings,
        gidMappings=mappings,
    )


def _security(wanted: ContainerSecurity) -> pb.LinuxContainerSecurityContext:
    masked = security.MASKED_PATHS if wanted.masked_paths is None else wanted.masked_paths
    readonly = security.READONLY_PATHS if wanted.readonly_paths is None else wanted.readonly_paths
    return pb.LinuxContainerSecurityContext(
        capabilities=pb.Capability(
            add_capabilities=wanted.add_capabilities, drop_capabilities=wanted.drop_capabilities
        ),
        privileged=wanted.privileged,
        namespace_options=security.namespaces(wanted.namespaces),
        selinux_options=security.selinux(wanted.selinux),
        run_as_user=security.number(wanted.run_as_user),
        run_as_username=wanted.run_as_username,
        run_as_group=security.number(wanted.run_as_group),
        supplemental_groups=wanted.supplemental_groups,
        supplemental_groups_policy=wanted.supplemental_groups_policy,
        readonly_rootfs=wanted.read_only_root,
        no_new_privs=wanted.no_new_privileges,
        masked_paths=() if wanted.privileged else masked,
        readonly_paths=() if wanted.privileged else readonly,
        seccomp=security.profile(wanted.seccomp),
        apparmor=None if wanted.apparmor is None else security.profile(wanted.apparmor),
    )


def _signal(name: str) -> str:
    if not name:
        return "RUNTIME_DEFAULT"
    key = name.replace("+", "PLUS").replace("-", "MINUS")
    if key not in pb.Signal.keys():  # noqa: SIM118 - protobuf's enumerations are no mappings
        raise InvalidInput(f"stopSignal: {name} is not known to container runtimes")
    return key
