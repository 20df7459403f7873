"""Runs one control plane: starts and stops its parts, hands out credentials, breaks it on purpose.

Everything listens on loopback and lies in one state folder; any number of them can run side by side.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from scripts.control_plane import flags
from scripts.control_plane.apiclient import ApiClient, ApiError
from scripts.control_plane.build import assets as built_assets
from scripts.control_plane.pki import Authority
from scripts.control_plane.ports import free_ports
from scripts.control_plane.processes import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ADMIN = ("kubernetes-admin", ("system:masters",))
KUBELET_CLIENT = ("kube-apiserver-kubelet-client", ("kubeadm:cluster-admins",))
"""Who the API server is towards a kubelet, and the group that kubeadm gives it."""
CLUSTER_ROLE_BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
KUBEADM_ADMINS = {
    "metadata": {"name": "kubeadm:cluster-admins"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "kubeadm:cluster-admins"}],
}
READY_SECONDS = 90.0
POLL_SECONDS = 0.05
PATIENCE_SECONDS = 5.0
SERVING_NAMES = (
    *("127.0.0.1", flags.SERVICE_ADDRESS, "localhost"),
    *("kubernetes", "kubernetes.default", "kubernetes.default.svc"),
)


class ControlPlaneError(Exception):
    """The control plane, or a kubectl command, did not do what was asked."""


class ControlPlane:
    """A control plane of one's own.

    Args:
        state: the folder for its files; None makes a temporary one, which `stop` removes.
        programs: the folder of its programs; None builds them, or takes `KUBEBUILDER_ASSETS`.
        unsafe_no_fsync: etcd does not wait for the disk.
        verify_kubelets: the API server checks the serving certificates of kubelets.
        apiserver_flags: further flags of kube-apiserver; the last of two equal flags counts.
        controller_manager_flags: further flags of kube-controller-manager.

    Attributes:
        api: requests as the administrator, and waiting by watching.
        parts: the processes by name, with their logs.

    Raises:
        BuildError: there are no programs and they cannot be built.
    """

    def __init__(
        self,
        state: Path | None = None,
        *,
        programs: Path | None = None,
        unsafe_no_fsync: bool = True,
        verify_kubelets: bool = False,
        apiserver_flags: Sequence[str] = (),
        controller_manager_flags: Sequence[str] = (),
    ) -> None:
        self.programs = programs or built_assets()
        self._temporary = state is None
        self.state = state or Path(tempfile.mkdtemp(prefix="vk-control-plane-"))
        etcd_port, etcd_peer_port, apiserver_port, controllers_port, scheduler_port = free_ports(5)
        self.layout = flags.Layout(
            state=self.state,
            etcd_port=etcd_port,
            etcd_peer_port=etcd_peer_port,
            apiserver_port=apiserver_port,
            controllers_port=controllers_port,
            scheduler_port=scheduler_port,
            unsafe_no_fsync=unsafe_no_fsync,
            verify_kubelets=verify_kubelets,
            service_accounts=(self.programs / "kube-controller-manager").exists(),
            apiserver_flags=tuple(apiserver_flags),
            controller_manager_flags=tuple(controller_manager_flags),
        )
        self.authority = Authority(self.layout.pki)
        self.admin_kubeconfig = self.kubeconfig(*ADMIN)
        self.api = ApiClient(apiserver_port, self.authority.certificate_file, self.layout.pki / f"user-{ADMIN[0]}.crt")
        self._killed: dict[str, float] = {}
        self.parts = {name: self._part(name, arguments) for name, arguments in self._commands().items()}

    @property
    def url(self) -> str:
        """Where the API server is."""
        return f"https://127.0.0.1:{self.layout.apiserver_port}"

    def __enter__(self) -> Self:
        """Start it; see `start`."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it; see `stop`."""
        self.stop()

    def start(self) -> None:
        """Start every part and wait until pods can be created (3 to 10 s).

        Raises:
            ControlPlaneError: it is not ready in time, or a part ended; the text has the end of its log.
        """
        for part in self.parts.values():
            part.start()
        self.wait_ready()
        self.api.ensure(CLUSTER_ROLE_BINDINGS, KUBEADM_ADMINS)

    def stop(self) -> None:
        """Stop every part; a temporary state folder goes with it."""
        for part in reversed(self.parts.values()):
            if part.running:
                part.kill()  # in good order takes the API server half a minute, and nobody comes back to this state
        if self._temporary:
            shutil.rmtree(self.state, ignore_errors=True)

    def kill(self, name: str) -> None:
        """End a part at once (SIGKILL), as a crash would; `start_part` brings it back."""
        self.parts[name].kill()
        self._killed[name] = time.monotonic()

    def start_part(self, name: str) -> None:
        """Start a part that was stopped or killed, on the same port and files, and wait until all is ready.

        When the API server comes back after a while, the controllers and the scheduler are started anew as well: by
        then they try only every half minute, and nobody tests them.
        """
        absent = time.monotonic() - self._killed.pop(name, time.monotonic())
        self.parts[name].start()
        if name == "kube-apiserver" and absent > PATIENCE_SECONDS:
            for client in set(self.parts) - {"etcd", name}:
                self.parts[client].kill()
                self.parts[client].start()
        self.wait_ready()

    def restart(self, name: str) -> None:
        """Ask a part to stop, kill it after 5 s (an API server waits long for its watchers), start it again."""
        self.parts[name].stop(seconds=5)
        self.start_part(name)

    def kubeconfig(self, user: str, groups: tuple[str, ...] = ()) -> Path:
        """A kubeconfig file for a user with a client certificate; what the user may do is up to RBAC."""
        name = "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in user)
        certificate = self.authority.issue(f"user-{name}", user, groups)
        path = self.state / f"{name}.kubeconfig"
        path.write_text(self._kubeconfig_text(user, certificate))
        path.chmod(0o600)
        return path

    def kubectl(self, *arguments: str, text: str = "", seconds: float = 60.0, kubeconfig: Path | None = None) -> str:
        """Run kubectl as the administrator, or with `kubeconfig`; `text` is its standard input.

        Returns:
            What it printed to standard output.

        Raises:
            ControlPlaneError: it failed; the text has what it printed to standard error.
        """
        environment = self.environment(kubeconfig)
        command = [str(self.programs / "kubectl"), *arguments]
        try:
            done = subprocess.run(
                command, input=text, env=environment, capture_output=True, text=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise ControlPlaneError(f"kubectl {' '.join(arguments)}: no end after {seconds} s") from None
        if done.returncode:
            raise ControlPlaneError(
                f"kubectl {' '.join(arguments)}: exit status {done.returncode}\n{done.stderr}".rstrip()
            )
        return done.stdout

    def environment(self, kubeconfig: Path | None = None) -> dict[str, str]:
        """The environment in which kubectl talks to this control plane and leaves the user's files alone."""
        return os.environ | {
            "KUBECONFIG": str(kubeconfig or self.admin_kubeconfig),
            "KUBECACHEDIR": str(self.state / "kubectl-cache"),
            "PATH": f"{self.programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }

    def compact_etcd(self) -> int:
        """Forget every revision of the store but the newest; returns that revision.

        A running API server goes on serving watches from its own memory. With the API server down (`kill`, this,
        `start_part`), every client that was watching is told 410 when it resumes.
        """
        # A write first, so that no client's resource version is the newest one.
        key = base64.b64encode(b"/compacted-at").decode()
        self._etcd("kv/put", {"key": key, "value": base64.b64encode(str(time.time_ns()).encode()).decode()})
        revision = int(self._etcd("kv/range", {"key": key})["header"]["revision"])
        self._etcd("kv/compaction", {"revision": revision, "physical": True})
        return revision

    def log(self, name: str) -> str:
        """What a part has printed so far."""
        return self.parts[name].log()

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until the API server is ready and a pod can be created in the namespace `default`.

        Raises:
            ControlPlaneError: not within `seconds`, or a part ended.
        """
        probes = ["/readyz", "/api/v1/namespaces/default"]
        if self.layout.service_accounts:
            probes.append("/api/v1/namespaces/default/serviceaccounts/default")
        until = time.monotonic() + seconds
        while probes:
            with contextlib.suppress(ApiError, OSError, http.client.HTTPException):
                self.api.get(probes[0])
                probes.pop(0)
                continue
            self._check_parts(f"{probes[0]} of {self.url}", late=time.monotonic() > until)
            time.sleep(POLL_SECONDS)

    def _check_parts(self, awaited: str, *, late: bool) -> None:
        ended = [part for part in self.parts.values() if part.exit_status is not None]
        if ended:
            raise ControlPlaneError(
                "\n".join(
                    f"{part.name} ended ({part.exit_status}): {part.log_file}\n{part.last_words()}" for part in ended
                )
            )
        if late:
            raise ControlPlaneError(f"timed out waiting for {awaited}; logs are in {self.state}")

    def _commands(self) -> dict[str, list[str]]:
        layout = self.layout
        self.authority.issue("apiserver", "kube-apiserver", hosts=SERVING_NAMES)
        self.authority.issue("kubelet-client", *KUBELET_CLIENT)
        self.authority.issue("front-proxy", "front-proxy-client")
        self.authority.service_account_key()
        commands = {"etcd": flags.etcd(layout), "kube-apiserver": flags.apiserver(layout)}
        optional: dict[str, Callable[[flags.Layout], list[str]]] = {
            "kube-controller-manager": flags.controller_manager,
            "kube-scheduler": flags.scheduler,
        }
        for name, arguments in optional.items():
            if (self.programs / name).exists():
                self.kubeconfig(f"system:{name}").rename(self.state / f"{name.removeprefix('kube-')}.kubeconfig")
                commands[name] = arguments(layout)
        (self.state / "scheduler.yaml").write_text(flags.scheduler_settings(layout))
        return commands

    def _part(self, name: str, arguments: list[str]) -> Process:
        return Process(name, [str(self.programs / name), *arguments], self.state / f"{name}.log")

    def _kubeconfig_text(self, user: str, certificate: Path) -> str:
        credentials = {"client-certificate": str(certificate), "client-key": str(certificate.with_suffix(".key"))}
        cluster = {"server": self.url, "certificate-authority": str(self.authority.certificate_file)}
        # JSON is YAML; a reader of the file hardly minds.
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "default",
                "clusters": [{"name": "default", "cluster": cluster}],
                "users": [{"name": user, "user": credentials}],
                "contexts": [{"name": "default", "context": {"cluster": "default", "user": user}}],
            },
            indent=1,
        )

    def _etcd(self, method: str, body: dict[str, Any]) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.layout.etcd_port, timeout=30)
        with contextlib.closing(connection):
            connection.request("POST", f"/v3/{method}", json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
        if response.status != http.HTTPStatus.OK:
            raise ControlPlaneError(f"etcd {method}: {response.status} {answer.decode(errors='replace')}")
        return json.loads(answer)
