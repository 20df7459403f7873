"""Variables by which a container finds services: `NAME_SERVICE_HOST` and those of Docker's container links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vk_core.api.core import Service, ServicePort
from vk_core.api.pod import Pod

_API_SERVER = ("default", "kubernetes")


def needs_services(pod: Pod) -> bool:
    """Tells whether all services of its namespace are in a pod's environment (`enableServiceLinks`, which defaults so).

    The service `kubernetes` of namespace `default` is in every pod's environment.
    """
    return pod.spec.enable_service_links is not False


def service_variables(services: Iterable[Service], namespace: str, *, links: bool) -> dict[str, str]:
    """The variables of services as kubelet defines them, sorted by the name of the service.

    Args:
        services: those of the namespace and `kubernetes` of `default`; others are left out.
        namespace: that of the pod.
        links: whether the pod wants those of its namespace (`needs_services`).
    """
    chosen: dict[str, Service] = {}
    for service in services:
        if service.spec.cluster_ip in {"", "None"} or service.spec.type == "ExternalName":
            continue
        metadata = service.metadata
        if links and metadata.namespace == namespace:
            chosen[metadata.name] = service
        elif (metadata.namespace, metadata.name) == _API_SERVER:
            chosen.setdefault(metadata.name, service)
    return {name: value for key in sorted(chosen) for name, value in _variables(chosen[key])}


def _variables(service: Service) -> Iterator[tuple[str, str]]:
    prefix, address, ports = _variable_name(service.metadata.name), service.spec.cluster_ip, service.spec.ports
    yield f"{prefix}_SERVICE_HOST", address
    if ports:
        yield f"{prefix}_SERVICE_PORT", str(ports[0].port)
    for port in ports:
        if port.name:
            yield f"{prefix}_SERVICE_PORT_{_variable_name(port.name)}", str(port.port)
    if ports:
        yield f"{prefix}_PORT", _url(address, ports[0])
    for port in ports:
        protocol = _protocol(port)
        link = f"{prefix}_PORT_{port.port}_{protocol}"
        yield link, _url(address, port)
        yield f"{link}_PROTO", protocol.lower()
        yield f"{link}_PORT", str(port.port)
        yield f"{link}_ADDR", address


def _variable_name(name: str) -> str:
    return name.replace("-", "_").upper()


def _protocol(port: ServicePort) -> str:
    return (port.protocol or "TCP").upper()


def _url(address: str, port: ServicePort) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"{_protocol(port).lower()}://{host}:{port.port}"
