"""One try of a probe, whichever way it looks at the container."""

from __future__ import annotations

from typing import NamedTuple

from vk_core.api.container import Container, HTTPGetAction, Probe
from vk_core.api.pod import Pod
from vk_core.engine.probing.commands import probe_exec
from vk_core.engine.probing.dialing import probe_tcp
from vk_core.engine.probing.fetching import BodyError, FetchError, fetch
from vk_core.engine.probing.health import probe_grpc
from vk_core.engine.probing.outcomes import Finding, Outcome, errored, failed, succeeded
from vk_core.engine.probing.ports import port_number
from vk_core.engine.probing.request import http_request
from vk_core.engine.probing.words import pod_name
from vk_core.engine.runtime import ContainerRuntime

MOST_TRIES = 3
"""As often as a probe is tried at once when the try itself goes wrong, as with kubelet."""

_REDIRECTS, _CLIENT_ERRORS = 300, 400


class Subject(NamedTuple):
    """A container that is probed.

    Attributes:
        container_id: the runtime's name for it.
        container: whose ports and variables a probe may name.
        pod: whose it is.
        pod_ip: where to find its servers.
    """

    container_id: str
    container: Container
    pod: Pod
    pod_ip: str


async def attempt(probe: Probe, subject: Subject, runtime: ContainerRuntime) -> Outcome:
    """Try a probe, again if the try itself goes wrong."""
    for _ in range(MOST_TRIES):
        outcome = await _attempt(probe, subject, runtime)
        if not outcome.is_error:
            break
    return outcome


async def _attempt(probe: Probe, subject: Subject, runtime: ContainerRuntime) -> Outcome:
    container, pod_ip = subject.container, subject.pod_ip
    seconds = probe.timeout_seconds or 1
    if probe.exec is not None:
        return await probe_exec(runtime, subject.container_id, container, probe.exec.command, seconds)
    if probe.http_get is not None:
        return await probe_http(probe.http_get, container, pod_ip, seconds)
    if probe.tcp_socket is not None:
        try:
            port = port_number(probe.tcp_socket.port, container)
        except ValueError as error:
            return errored(str(error))
        return await probe_tcp(probe.tcp_socket.host or pod_ip, port, seconds)
    if probe.grpc is not None:
        return await probe_grpc(pod_ip, probe.grpc.port, probe.grpc.service or "", seconds)
    return errored(f"missing probe handler for {pod_name(subject.pod)}:{container.name}")


async def probe_http(action: HTTPGetAction, container: Container, pod_ip: str, timeout_seconds: int) -> Outcome:
    """Ask a server; what it answers with must be good news or lead elsewhere."""
    try:
        request = http_request(action, container, pod_ip=pod_ip, purpose="probe")
    except ValueError as error:
        return errored(str(error))
    try:
        answer = await fetch(request, timeout_seconds)
    except BodyError as error:
        return errored(str(error), Finding.FAILURE)
    except FetchError as error:
        return failed(str(error))
    body = answer.body.decode("utf-8", "replace")
    if 200 <= answer.status < _REDIRECTS:  # noqa: PLR2004 - the first status that is good news
        return succeeded(body)
    if _REDIRECTS <= answer.status < _CLIENT_ERRORS:
        return Outcome(Finding.WARNING, f"Probe terminated redirects, Response body: {body}")
    # Not its body: it may be confidential, and events are read by many.
    return failed(f"HTTP probe failed with statuscode: {answer.status}")
