"""What a pod is called."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from vk_core.api.pod import Pod
from vk_core.materials.network.hostname import PodNames, pod_names


def names_of(spec: dict[str, Any], name: str = "web", cluster_domain: str = "cluster.local") -> PodNames:
    pod = msgspec.convert({"metadata": {"name": name, "namespace": "ns"}, "spec": spec}, Pod)
    return pod_names(pod, cluster_domain)


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        pytest.param({}, PodNames("web", "", "web"), id="name of the pod"),
        pytest.param({"hostname": "h"}, PodNames("h", "", "h"), id="hostname"),
        pytest.param({"subdomain": "s"}, PodNames("web", "s.ns.svc.cluster.local", "web"), id="subdomain"),
        pytest.param(
            {"hostname": "h", "subdomain": "s", "setHostnameAsFQDN": True},
            PodNames("h", "s.ns.svc.cluster.local", "h.s.ns.svc.cluster.local"),
            id="full name",
        ),
        pytest.param({"setHostnameAsFQDN": True}, PodNames("web", "", "web"), id="full name without a domain"),
        pytest.param(
            {"hostname": "h", "subdomain": "s", "hostnameOverride": "db.example.com"},
            PodNames("db.example.com", "", "db.example.com"),
            id="override",
        ),
        pytest.param({"hostNetwork": True, "nodeName": "node-1"}, PodNames("web", "", "node-1"), id="host network"),
    ],
)
def test_the_names_of_a_pod(spec: dict[str, Any], names: PodNames) -> None:
    assert names_of(spec) == names


@pytest.mark.parametrize(
    ("name", "short"),
    [
        pytest.param("a" * 63, "a" * 63, id="just fits"),
        pytest.param("a" * 64, "a" * 63, id="too long"),
        pytest.param("a" * 60 + "-.-b", "a" * 60, id="would end with a dash or dot"),
    ],
)
def test_a_long_pod_name_is_cut_to_a_hostname(name: str, short: str) -> None:
    assert names_of({}, name).hostname == short


def test_a_full_name_may_have_64_characters_and_no_more() -> None:
    spec = {"subdomain": "s", "setHostnameAsFQDN": True}
    rest = len(".s.ns.svc.cluster.local")
    assert len(names_of(spec, "a" * (64 - rest)).hostname) == 64
    with pytest.raises(ValueError, match=r"is too long \(64 characters is the max, 65 characters requested\)"):
        names_of(spec, "a" * (65 - rest))
