"""What an exec, attach or run request asks for, and every reason to refuse it.

All of it is said before the connection is upgraded: kubectl shows the text of an HTTP error, but not why a connection
broke off. It knows nothing of wires.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from multidict import MultiMapping

from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import ContainerState, PodStatus
from vk_core.kubelet.backend import KubeletBackend, container_of
from vk_core.kubelet.refusal import Refusal

TRUE = frozenset({"1", "true"})


@dataclass(frozen=True, slots=True)
class Target:
    """The container that is meant."""

    pod: PodKey
    container: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamOptions:
    """Which streams the client wants (`PodExecOptions`, `PodAttachOptions`); at least one, and no stderr with a TTY."""

    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool


def running_target(backend: KubeletBackend, path: Mapping[str, str]) -> Target:
    """The container of a path with `namespace`, `pod`, `container` and perhaps `uid`.

    Raises:
        Refusal: 404, there is no such pod or container; 400, it does not run.
    """
    pod = backend.pod(path["namespace"], path["pod"], path.get("uid", ""))
    name = container_of(pod, path["container"]).name
    problem = _why_not_running(_state_of(pod.status, name))
    if problem:
        raise Refusal(400, f'container "{name}" in pod "{pod.metadata.name}" {problem}')
    return Target(PodKey.of(pod), name)


def stream_options(query: MultiMapping[str]) -> StreamOptions:
    """The streams of a query, by the names that API server and kubelet give them.

    Raises:
        Refusal: 400, there is none.
    """
    tty = _is_set(query, "tty")
    options = StreamOptions(
        stdin=_is_set(query, "input", "stdin"),
        stdout=_is_set(query, "output", "stdout"),
        stderr=_is_set(query, "error", "stderr") and not tty,
        tty=tty,
    )
    if not (options.stdin or options.stdout or options.stderr):
        raise Refusal(400, "you must specify at least 1 of stdin, stdout, stderr")
    return options


def exec_command(query: MultiMapping[str]) -> tuple[str, ...]:
    """The words of the command, one `command` each.

    Raises:
        Refusal: 400, there is none.
    """
    command = tuple(query.getall("command", ()))
    if not command:
        raise Refusal(400, "you must specify at least one command for the container")
    return command


def run_command(query: MultiMapping[str]) -> tuple[str, ...]:
    """The words of `/run`'s command, which come in one `cmd` with blanks between.

    Raises:
        Refusal: 400, there is none.
    """
    command = tuple(query.get("cmd", "").split())
    if not command:
        raise Refusal(400, "you must specify the command to run as cmd")
    return command


def _is_set(query: MultiMapping[str], *names: str) -> bool:
    return any(query.get(name) in TRUE for name in names)


def _state_of(status: PodStatus, name: str) -> ContainerState:
    everything = (*status.container_statuses, *status.init_container_statuses, *status.ephemeral_container_statuses)
    return next((one.state for one in everything if one.name == name), ContainerState())


def _why_not_running(state: ContainerState) -> str:
    if state.running is not None:
        return ""
    if state.terminated is not None:
        ended = state.terminated
        return f"is terminated: {ended.reason or 'Completed'}, exit code {ended.exit_code}"
    reason = state.waiting.reason if state.waiting is not None else ""
    return f"is waiting to start: {reason or 'ContainerCreating'}"
