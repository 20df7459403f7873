"""Which ports of the host lead into a pod (`hostPort`)."""

from __future__ import annotations

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.engine.configuration.amounts import is_sidecar
from vk_core.engine.specs import PortMapping


def port_mappings(pod: Pod) -> tuple[PortMapping, ...]:
    """Returns the ports of the host that lead into a pod, those of its sidecars too; none in the host's network."""
    if pod.spec.host_network:
        return ()
    lasting = (*pod.spec.containers, *(one for one in pod.spec.init_containers if is_sidecar(one)))
    return tuple(mapping for container in lasting for mapping in _of_container(container))


def _of_container(container: Container) -> tuple[PortMapping, ...]:
    return tuple(
        dict.fromkeys(
            PortMapping(
                protocol=port.protocol,
                container_port=port.container_port,
                host_port=port.host_port,
                host_ip=port.host_ip,
            )
            for port in container.ports
            if port.host_port
        )
    )
