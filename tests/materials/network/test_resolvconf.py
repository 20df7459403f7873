"""Resolvers by DNS policy and DNS configuration."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import facts_of
from vk_core.materials.network.resolvconf import Resolver, parse_resolv_conf, pod_resolver
from vk_core.materials.objects import Notice

HOST = "nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch corp.example example\noptions rotate timeout:1\n"
HOST_RESOLVER = Resolver(("192.0.2.1", "192.0.2.2"), ("corp.example", "example"), ("rotate", "timeout:1"))
CLUSTER_SEARCHES = ("ns.svc.cluster.local", "svc.cluster.local", "cluster.local")
CLUSTER = Resolver(("10.0.0.10", "fd00::a"), (*CLUSTER_SEARCHES, "corp.example", "example"), ("ndots:5",))


def resolver_of(spec: dict[str, Any], **facts: Any) -> tuple[Resolver, tuple[Notice, ...]]:
    known = {"cluster_dns": ["10.0.0.10", "fd00::a"], "host_resolv_conf": HOST, **facts}
    return pod_resolver(facts_of(spec, **known))


@pytest.mark.parametrize(
    ("spec", "resolver"),
    [
        pytest.param({"dnsPolicy": "ClusterFirst"}, CLUSTER, id="ClusterFirst"),
        pytest.param({}, CLUSTER, id="nothing said"),
        pytest.param({"dnsPolicy": "Default"}, HOST_RESOLVER, id="Default"),
        pytest.param({"dnsPolicy": "None"}, Resolver(), id="None"),
        pytest.param({"dnsPolicy": "ClusterFirst", "hostNetwork": True}, HOST_RESOLVER, id="ClusterFirst on the host"),
        pytest.param(
            {"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": True}, CLUSTER, id="ClusterFirstWithHostNet"
        ),
    ],
)
def test_the_policy_chooses_whose_settings_count(spec: dict[str, Any], resolver: Resolver) -> None:
    assert resolver_of(spec) == (resolver, ())


def test_without_a_cluster_domain_only_the_nodes_own_are_searched() -> None:
    assert resolver_of({}, cluster_domain="")[0].searches == ("corp.example", "example")


def test_without_cluster_dns_the_nodes_settings_count_and_a_warning_says_so() -> None:
    resolver, (notice,) = resolver_of({"dnsPolicy": "ClusterFirst"}, cluster_dns=())
    assert resolver == HOST_RESOLVER
    assert notice.reason == "MissingClusterDNS"
    assert notice.message.startswith('pod: "web_ns(u-1)". ')
    assert resolver_of({"dnsPolicy": "Default"}, cluster_dns=())[1] == ()


@pytest.mark.parametrize(
    ("host_ips", "nameservers"),
    [
        pytest.param((), ("127.0.0.1",), id="unknown"),
        pytest.param(("192.0.2.7", "fd00::7", "192.0.2.8"), ("127.0.0.1", "::1"), id="both families"),
    ],
)
def test_a_node_without_settings_asks_itself(host_ips: tuple[str, ...], nameservers: tuple[str, ...]) -> None:
    resolver, _ = resolver_of({"dnsPolicy": "Default"}, host_resolv_conf="\n", host_ips=host_ips)
    assert resolver == Resolver(nameservers, (".",))


def test_the_configuration_of_the_pod_is_added_without_repetition_and_its_options_win() -> None:
    config = {
        "nameservers": ["192.0.2.2", "192.0.2.9"],
        "searches": ["example", "own.example"],
        "options": [{"name": "timeout", "value": "3"}, {"name": "rotate"}, {"name": "edns0"}],
    }
    assert resolver_of({"dnsPolicy": "Default", "dnsConfig": config}) == (
        Resolver(
            ("192.0.2.1", "192.0.2.2", "192.0.2.9"),
            ("corp.example", "example", "own.example"),
            ("rotate", "timeout:3", "edns0"),
        ),
        (),
    )
    nodots = {"options": [{"name": "ndots", "value": "1"}]}
    assert resolver_of({"dnsConfig": nodots})[0].options == ("ndots:1",)


def test_what_resolvers_cannot_take_is_left_out_with_a_warning() -> None:
    servers = [f"192.0.2.{number}" for number in range(1, 5)]
    resolver, notices = resolver_of({"dnsPolicy": "None", "dnsConfig": {"nameservers": servers}})
    assert resolver.nameservers == tuple(servers[:3])
    assert notices == (
        Notice(
            "DNSConfigForming",
            "Nameserver limits were exceeded, some nameservers have been omitted, "
            "the applied nameserver line is: 192.0.2.1 192.0.2.2 192.0.2.3",
        ),
    )


@pytest.mark.parametrize(
    ("searches", "kept"),
    [
        pytest.param([f"d{number}" for number in range(32)], 32, id="32 domains"),
        pytest.param([f"d{number}" for number in range(33)], 32, id="33 domains"),
        pytest.param([f"{number}{'a' * 200}" for number in range(10)] + ["b" * 28], 11, id="2048 characters"),
        pytest.param([f"{number}{'a' * 200}" for number in range(10)] + ["b" * 29], 10, id="2049 characters"),
    ],
)
def test_search_domains_are_limited(searches: list[str], kept: int) -> None:
    resolver, notices = resolver_of({"dnsPolicy": "None", "dnsConfig": {"searches": searches}})
    assert resolver.searches == tuple(searches[:kept])
    assert len(" ".join(resolver.searches)) <= 2048
    assert [notice.reason for notice in notices] == (["DNSConfigForming"] if kept < len(searches) else [])


def test_a_search_domain_that_cannot_exist_is_left_out() -> None:
    resolver, notices = resolver_of({"dnsPolicy": "None", "dnsConfig": {"searches": ["a", "b" * 254, "c"]}})
    assert resolver.searches == ("a", "c")
    assert notices[0].message.endswith("the applied search line is: a c")


def test_of_searches_and_of_each_option_the_last_one_holds() -> None:
    text = (
        "# nameserver 192.0.2.7\n  nameserver\t192.0.2.1  # mine\r\nnameserver\nsearch a b\n"
        "search corp.example. . \ndomain x\noptions a:1 b\noptions c:1 a:2\n;search z\n"
    )
    assert parse_resolv_conf(text) == Resolver(("192.0.2.1",), ("corp.example",), ("a:2", "b", "c:1"))


def test_the_text_has_a_line_for_each_server() -> None:
    assert Resolver(("1.1.1.1", "::1"), ("a", "b"), ("x", "y:1")).text() == (
        "search a b\nnameserver 1.1.1.1\nnameserver ::1\noptions x y:1\n"
    )
    assert Resolver().text() == ""


WORDS = st.sampled_from(["nameserver", "search", "options", "domain", "#", ";", "192.0.2.1", "a.b.", ".", "ndots:2"])
LINES = st.lists(WORDS, max_size=6).map(" ".join)


@given(st.one_of(st.binary().map(lambda data: data.decode(errors="surrogateescape")), st.lists(LINES).map("\n".join)))
def test_any_file_of_a_node_gives_a_resolver_whose_text_means_the_same(text: str) -> None:
    resolver, _ = resolver_of({"dnsPolicy": "Default"}, host_resolv_conf=text)
    parsed = parse_resolv_conf(resolver.text())
    searches = tuple(domain.removesuffix(".") for domain in resolver.searches if domain != ".")
    assert parsed == resolver._replace(searches=searches)
    assert len(resolver.nameservers) <= 3
