"""A container finds services by the variables that kubelet defines."""

from vk_core.api.core import Service, ServicePort, ServiceSpec
from vk_core.api.meta import ObjectMeta
from vk_core.api.pod import Pod, PodSpec
from vk_core.materials.environment.services import needs_services, service_variables


def service(name: str, address: str, *ports: ServicePort, namespace: str = "shop", type: str = "ClusterIP") -> Service:
    spec = ServiceSpec(cluster_ip=address, ports=ports, type=type)
    return Service(metadata=ObjectMeta(name=name, namespace=namespace), spec=spec)


HTTP = ServicePort(name="http", port=80)
KUBERNETES = service("kubernetes", "10.0.0.1", ServicePort(name="https", port=443), namespace="default")


def test_a_service_has_its_address_its_ports_and_docker_links() -> None:
    ports = (ServicePort(name="web-ui", port=80), ServicePort(name="dns", port=53, protocol="UDP"))
    assert service_variables([service("my-shop", "10.0.0.9", *ports)], "shop", links=True) == {
        "MY_SHOP_SERVICE_HOST": "10.0.0.9",
        "MY_SHOP_SERVICE_PORT": "80",
        "MY_SHOP_SERVICE_PORT_WEB_UI": "80",
        "MY_SHOP_SERVICE_PORT_DNS": "53",
        "MY_SHOP_PORT": "tcp://10.0.0.9:80",
        "MY_SHOP_PORT_80_TCP": "tcp://10.0.0.9:80",
        "MY_SHOP_PORT_80_TCP_PROTO": "tcp",
        "MY_SHOP_PORT_80_TCP_PORT": "80",
        "MY_SHOP_PORT_80_TCP_ADDR": "10.0.0.9",
        "MY_SHOP_PORT_53_UDP": "udp://10.0.0.9:53",
        "MY_SHOP_PORT_53_UDP_PROTO": "udp",
        "MY_SHOP_PORT_53_UDP_PORT": "53",
        "MY_SHOP_PORT_53_UDP_ADDR": "10.0.0.9",
    }


def test_a_port_without_a_name_has_no_named_variable_and_an_ipv6_address_is_in_brackets_in_urls() -> None:
    variables = service_variables([service("a", "fd00::1", ServicePort(port=8080, protocol=""))], "shop", links=True)
    assert variables["A_PORT"] == "tcp://[fd00::1]:8080"
    assert variables["A_SERVICE_HOST"] == variables["A_PORT_8080_TCP_ADDR"] == "fd00::1"
    assert [name for name in variables if name.startswith("A_SERVICE_PORT")] == ["A_SERVICE_PORT"]


def test_services_without_an_address_of_the_cluster_are_left_out() -> None:
    nowhere = [
        service("headless", "None", HTTP),
        service("pending", "", HTTP),
        service("external", "10.0.0.3", HTTP, type="ExternalName"),
    ]
    assert service_variables(nowhere, "shop", links=True) == {}


def hosts(*services: Service, links: bool) -> dict[str, str]:
    variables = service_variables(services, "shop", links=links)
    return {name: value for name, value in variables.items() if name.endswith("_SERVICE_HOST")}


def test_the_api_server_is_always_there_and_others_of_the_namespace_with_links_only() -> None:
    own, foreign = service("own", "10.0.0.2", HTTP), service("foreign", "10.0.0.3", HTTP, namespace="default")
    api_server = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert hosts(own, KUBERNETES, foreign, links=False) == api_server
    assert hosts(own, KUBERNETES, foreign, links=True) == api_server | {"OWN_SERVICE_HOST": "10.0.0.2"}


def test_a_service_of_the_namespace_hides_the_api_server_with_links_only() -> None:
    own = service("kubernetes", "10.9.9.9", HTTP)
    for order in [(own, KUBERNETES), (KUBERNETES, own)]:
        assert hosts(*order, links=True) == {"KUBERNETES_SERVICE_HOST": "10.9.9.9"}
        assert hosts(*order, links=False) == {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


def test_variables_are_sorted_by_service_however_services_come() -> None:
    services = [service(name, f"10.0.0.{number}", HTTP) for number, name in enumerate(["c", "a", "b"], start=1)]
    assert list(hosts(*services, links=True)) == ["A_SERVICE_HOST", "B_SERVICE_HOST", "C_SERVICE_HOST"]
    assert list(service_variables(services, "shop", links=True)) == list(
        service_variables(reversed(services), "shop", links=True)
    )


def test_service_links_are_on_unless_switched_off() -> None:
    assert needs_services(Pod())
    assert needs_services(Pod(spec=PodSpec(enable_service_links=True)))
    assert not needs_services(Pod(spec=PodSpec(enable_service_links=False)))
