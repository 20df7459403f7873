"""`/etc/hosts`, and what belongs together in the network files of a pod."""

from __future__ import annotations

from tests.support.facts import facts_of
from vk_core.materials.network.files import network_files, network_notices

LOOPBACK = """\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""
ALIASES = [{"ip": "10.9.0.1", "hostnames": ["a.example", "b.example"]}, {"ip": "fd00::9", "hostnames": ["c"]}]
ALIAS_LINES = "\n# Entries added by HostAliases.\n10.9.0.1\ta.example\tb.example\nfd00::9\tc\n"


def test_each_address_of_a_pod_has_its_name() -> None:
    assert network_files(facts_of(pod_ips=["10.1.0.2"])).hosts == f"{LOOPBACK}10.1.0.2\tweb\n"
    both = network_files(facts_of({"hostname": "h", "subdomain": "s"}, pod_ips=["10.1.0.2", "fd00::2"]))
    assert both.hosts == (f"{LOOPBACK}10.1.0.2\th.s.ns.svc.cluster.local\th\nfd00::2\th.s.ns.svc.cluster.local\th\n")
    assert (both.hostname, both.domain) == ("h", "s.ns.svc.cluster.local")


def test_host_aliases_follow() -> None:
    files = network_files(facts_of({"hostAliases": ALIASES}, pod_ips=["10.1.0.2"]))
    assert files.hosts == f"{LOOPBACK}10.1.0.2\tweb\n{ALIAS_LINES}"


def test_there_is_no_hosts_file_before_the_address_is_known() -> None:
    files = network_files(facts_of(cluster_dns=["10.0.0.10"]))
    assert files.hosts is None
    assert "nameserver 10.0.0.10" in files.resolv_conf


def test_a_pod_in_the_network_of_the_host_has_the_hosts_file_of_the_host_and_its_own_aliases() -> None:
    facts = facts_of({"hostNetwork": True, "hostAliases": ALIASES}, host_hosts="127.0.0.1 localhost node-1")
    header = "# Kubernetes-managed hosts file (host network).\n"
    assert network_files(facts).hosts == f"{header}127.0.0.1 localhost node-1\n{ALIAS_LINES}"
    assert network_files(facts_of({"hostNetwork": True}, host_hosts="x y\n")).hosts == f"{header}x y\n"


def test_warnings_are_those_of_the_resolver() -> None:
    assert [notice.reason for notice in network_notices(facts_of())] == ["MissingClusterDNS"]
    assert network_notices(facts_of(cluster_dns=["10.0.0.10"])) == ()
