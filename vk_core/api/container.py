"""The containers of a pod: what to run, its environment, mounts, probes, hooks and security (core/v1)."""

from __future__ import annotations

from vk_core.api.struct import Struct
from vk_core.api.volumes import ObjectFieldSelector, ResourceFieldSelector

IntOrString = int | str
"""A port by number or by name."""


class ContainerPort(Struct):
    """A port that a container listens on."""

    name: str = ""
    host_port: int = 0
    container_port: int = 0
    protocol: str = "TCP"
    host_ip: str = ""


class ConfigMapKeySelector(Struct):
    """A key of a config map in the pod's namespace."""

    name: str = ""
    key: str = ""
    optional: bool | None = None


class SecretKeySelector(Struct):
    """A key of a secret in the pod's namespace."""

    name: str = ""
    key: str = ""
    optional: bool | None = None


class FileKeySelector(Struct):
    """A variable in an env file of a volume (KEP-3721)."""

    volume_name: str = ""
    path: str = ""
    key: str = ""
    optional: bool | None = None


class EnvVarSource(Struct):
    """Where the value of a variable comes from; exactly one is set."""

    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    config_map_key_ref: ConfigMapKeySelector | None = None
    secret_key_ref: SecretKeySelector | None = None
    file_key_ref: FileKeySelector | None = None


class EnvVar(Struct):
    """An environment variable: a literal in which `$(NAME)` is expanded, or a source."""

    name: str = ""
    value: str = ""
    value_from: EnvVarSource | None = None


class ConfigMapEnvSource(Struct):
    """All keys of a config map as variables."""

    name: str = ""
    optional: bool | None = None


class SecretEnvSource(Struct):
    """All keys of a secret as variables."""

    name: str = ""
    optional: bool | None = None


class EnvFromSource(Struct):
    """A whole object as variables, each name behind `prefix`."""

    prefix: str = ""
    config_map_ref: ConfigMapEnvSource | None = None
    secret_ref: SecretEnvSource | None = None


class ResourceClaim(Struct):
    """A dynamic resource claim of the pod that the container uses."""

    name: str = ""
    request: str = ""


class ResourceRequirements(Struct):
    """Quantities by resource name."""

    limits: dict[str, str] = {}
    requests: dict[str, str] = {}
    claims: tuple[ResourceClaim, ...] = ()


class ContainerResizePolicy(Struct):
    """Whether changing a resource needs a restart: `NotRequired` or `RestartContainer`."""

    resource_name: str = ""
    restart_policy: str = ""


class VolumeMount(Struct):
    """A volume inside a container."""

    name: str = ""
    read_only: bool = False
    recursive_read_only: str | None = None
    mount_path: str = ""
    sub_path: str = ""
    mount_propagation: str | None = None
    sub_path_expr: str = ""


class VolumeDevice(Struct):
    """A raw block device inside a container."""

    name: str = ""
    device_path: str = ""


class ExecAction(Struct):
    """A command run inside the container, without a shell."""

    command: tuple[str, ...] = ()


class HTTPHeader(Struct):
    """A header of a probe's request."""

    name: str = ""
    value: str = ""


class HTTPGetAction(Struct):
    """An HTTP GET; `host` defaults to the pod's address."""

    path: str = ""
    port: IntOrString = 0
    host: str = ""
    scheme: str = "HTTP"
    http_headers: tuple[HTTPHeader, ...] = ()


class TCPSocketAction(Struct):
    """A TCP connection."""

    port: IntOrString = 0
    host: str = ""


class GRPCAction(Struct):
    """A gRPC health check."""

    port: int = 0
    service: str | None = None


class SleepAction(Struct):
    """A pause."""

    seconds: int = 0


class Probe(Struct):
    """A health check; times in seconds, zero means Kubernetes' default."""

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    grpc: GRPCAction | None = None
    initial_delay_seconds: int = 0
    timeout_seconds: int = 0
    period_seconds: int = 0
    success_threshold: int = 0
    failure_threshold: int = 0
    termination_grace_period_seconds: int | None = None


class LifecycleHandler(Struct):
    """What a hook does; exactly one is set."""

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    sleep: SleepAction | None = None


class Lifecycle(Struct):
    """Hooks right after start and before stop, and the signal that stops."""

    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: str | None = None


class Capabilities(Struct):
    """Linux capabilities added and dropped."""

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class SELinuxOptions(Struct):
    """An SELinux label."""

    user: str = ""
    role: str = ""
    type: str = ""
    level: str = ""


class WindowsSecurityContextOptions(Struct):
    """Security settings of Windows containers."""

    gmsa_credential_spec_name: str | None = None
    gmsa_credential_spec: str | None = None
    run_as_user_name: str | None = None
    host_process: bool | None = None


class SeccompProfile(Struct):
    """A seccomp profile: `RuntimeDefault`, `Unconfined` or `Localhost` with its file."""

    type: str = ""
    localhost_profile: str | None = None


class AppArmorProfile(Struct):
    """An AppArmor profile: `RuntimeDefault`, `Unconfined` or `Localhost` with its name."""

    type: str = ""
    localhost_profile: str | None = None


class SecurityContext(Struct):
    """Security settings of one container; they win over the pod's."""

    capabilities: Capabilities | None = None
    privileged: bool | None = None
    se_linux_options: SELinuxOptions | None = None
    windows_options: WindowsSecurityContextOptions | None = None
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    read_only_root_filesystem: bool | None = None
    allow_privilege_escalation: bool | None = None
    proc_mount: str | None = None
    seccomp_profile: SeccompProfile | None = None
    app_armor_profile: AppArmorProfile | None = None


class ContainerRestartRuleOnExitCodes(Struct):
    """Exit codes that a restart rule speaks of: `In` or `NotIn` its values."""

    operator: str = ""
    values: tuple[int, ...] = ()


class ContainerRestartRule(Struct):
    """What to do on an exit code (KEP-5307)."""

    action: str = ""
    exit_codes: ContainerRestartRuleOnExitCodes | None = None


class Container(Struct):
    """A container: init, sidecar (an init container with `restart_policy` Always) or app."""

    name: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    ports: tuple[ContainerPort, ...] = ()
    env_from: tuple[EnvFromSource, ...] = ()
    env: tuple[EnvVar, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    resize_policy: tuple[ContainerResizePolicy, ...] = ()
    restart_policy: str | None = None
    restart_policy_rules: tuple[ContainerRestartRule, ...] = ()
    volume_mounts: tuple[VolumeMount, ...] = ()
    volume_devices: tuple[VolumeDevice, ...] = ()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    termination_message_path: str = ""
    termination_message_policy: str = ""
    image_pull_policy: str = ""
    security_context: SecurityContext | None = None
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False


class EphemeralContainer(Container):
    """A container added to a running pod, for debugging `target_container_name`."""

    target_container_name: str = ""
