"""A field reference says what kubelet says, for every path it accepts, and refuses the others by name."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from vk_core.api.meta import ObjectMeta
from vk_core.api.pod import Pod, PodSpec
from vk_core.materials.environment.fields import AddressUnknown, field_value
from vk_core.materials.objects import PodFacts

POD = Pod(
    metadata=ObjectMeta(
        name="web-0",
        namespace="shop",
        uid="6a7b",
        labels={"tier": "front", "app": "web", "example.com/it's": "no key"},
        annotations={"Example.com/Build": "7", "text": 'two\nlines, "quoted"\tand a \\ é \x00\x85\u200b'},
    ),
    spec=PodSpec(node_name="node-1", service_account_name="shopper", hostname="not-a-field"),
)
FACTS = PodFacts(POD, pod_ips=("10.1.2.3", "fd00::3"), host_ips=("192.0.2.7", "2001:db8::7"))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "web-0"),
        ("metadata.namespace", "shop"),
        ("metadata.uid", "6a7b"),
        ("metadata.labels['app']", "web"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['Example.com/Build']", "7"),
        ("spec.nodeName", "node-1"),
        ("spec.host", "node-1"),
        ("spec.serviceAccountName", "shopper"),
        ("status.hostIP", "192.0.2.7"),
        ("status.hostIPs", "192.0.2.7,2001:db8::7"),
        ("status.podIP", "10.1.2.3"),
        ("status.podIPs", "10.1.2.3,fd00::3"),
    ],
)
def test_a_variable_gets_the_field(path: str, value: str) -> None:
    assert field_value(path, FACTS) == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "web-0"),
        ("metadata.uid", "6a7b"),
        ("metadata.labels['tier']", "front"),
        ("metadata.labels", 'app="web"\nexample.com/it\'s="no key"\ntier="front"'),
        (
            "metadata.annotations",
            r'Example.com/Build="7"' + "\n" + r'text="two\nlines, \"quoted\"\tand a \\ é \x00\u0085\u200b"',
        ),
    ],
)
def test_a_volume_gets_metadata_and_whole_maps(path: str, value: str) -> None:
    assert field_value(path, FACTS, volume=True) == value


@pytest.mark.parametrize(
    ("path", "volume"),
    [
        pytest.param("spec.hostname", False, id="a field of the specification"),
        pytest.param("status.phase", False, id="not for pods that are about to start"),
        pytest.param("metadata.labels", False, id="a map as a variable"),
        pytest.param("status.podIP", True, id="an address as a file"),
        pytest.param("spec.nodeName", True, id="the node as a file"),
        pytest.param("spec.nodeSelector['disk']", False, id="a subscript elsewhere"),
        pytest.param("metadata.labels['']", False, id="an empty key"),
        pytest.param("metadata.labels['a b']", False, id="an impossible key"),
        pytest.param("metadata.labels['Example.com/a']", False, id="capitals in a label's prefix"),
        pytest.param(f"metadata.labels['{'x' * 64}']", False, id="a long name"),
        pytest.param(f"metadata.annotations['{'x.' * 130}y/a']", False, id="a long prefix"),
        pytest.param("metadata.annotations['a..b/c']", False, id="an impossible prefix"),
        pytest.param("metadata.annotations['a", False, id="an open subscript"),
        pytest.param("['a']", False, id="a subscript of nothing"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_any_other_path_is_refused_by_name(path: str, volume: bool) -> None:
    with pytest.raises(ValueError) as caught:
        field_value(path, FACTS, volume=volume)
    assert f'"{path}"' in str(caught.value)


@pytest.mark.parametrize("path", ["status.podIP", "status.podIPs"])
def test_an_address_that_nobody_has_told_is_not_a_wrong_path(path: str) -> None:
    with pytest.raises(AddressUnknown, match="of the pod"):
        field_value(path, PodFacts(POD, host_ips=FACTS.host_ips))


def test_a_pod_in_its_nodes_network_has_the_nodes_addresses() -> None:
    pod = replace(POD, spec=replace(POD.spec, host_network=True))
    assert field_value("status.podIPs", PodFacts(pod, host_ips=FACTS.host_ips)) == "192.0.2.7,2001:db8::7"
    assert field_value("status.podIP", PodFacts(pod, pod_ips=("10.0.0.1",), host_ips=FACTS.host_ips)) == "10.0.0.1"


@given(st.dictionaries(st.sampled_from(["a", "b.c", "d/e"]), st.text(max_size=30)))
def test_an_escaped_map_is_one_printable_line_for_each_key_and_loses_nothing(entries: dict[str, str]) -> None:
    facts = PodFacts(Pod(metadata=ObjectMeta(annotations=entries)))
    text = field_value("metadata.annotations", facts, volume=True)
    lines = text.split("\n") if text else []
    assert all(line.isprintable() for line in lines)
    # Go's escapes are all among Python's
    assert [(key, ast.literal_eval(value)) for key, _, value in (line.partition("=") for line in lines)] == sorted(
        entries.items()
    )
