"""Pods set safe kernel parameters of their own namespaces, and no others unless settings allow them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.configuration.making import host, pod, sandbox_of
from vk_core.api.pod import Pod, PodSecurityContext, Sysctl
from vk_core.engine.configuration.refusals import Refusal, refusal
from vk_core.engine.configuration.sysctls import check_pattern, normalized


def setting(*names: str, **fields: Any) -> Pod:
    sysctls = tuple(Sysctl(name=name, value="1") for name in names)
    return pod(security_context=PodSecurityContext(sysctls=sysctls), **fields)


@pytest.mark.parametrize(
    "name",
    [
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_rmem",
        "net/ipv4/tcp_wmem",
    ],
)
def test_safe_ones_are_taken(name: str) -> None:
    assert refusal(setting(name), host()) is None


@pytest.mark.parametrize(
    ("name", "fields", "settings", "why"),
    [
        pytest.param("net.core.somaxconn", {}, {}, '"net.core.somaxconn" not allowlisted', id="unsafe"),
        pytest.param("vm.swappiness", {}, {}, '"vm.swappiness" not allowlisted', id="not-namespaced"),
        pytest.param(
            "net.ipv4.tcp_rmem", {}, {"kernel": (4, 14)}, '"net.ipv4.tcp_rmem" not allowlisted', id="an-old-kernel"
        ),
        pytest.param(
            "net.ipv4.tcp_syncookies",
            {"host_network": True},
            {},
            '"net.ipv4.tcp_syncookies" not allowed with host Net enabled',
            id="in-the-hosts-network",
        ),
        pytest.param(
            "kernel.shm_rmid_forced",
            {"host_ipc": True},
            {},
            '"kernel.shm_rmid_forced" not allowed with host IPC enabled',
            id="with-the-hosts-ipc",
        ),
        pytest.param(
            "net.core.somaxconn",
            {"host_network": True},
            {"unsafe_sysctls": ("net.core.*",)},
            '"net.core.somaxconn" not allowed with host Net enabled',
            id="allowed-but-in-the-hosts-network",
        ),
    ],
)
def test_others_are_refused_with_kubelets_words(
    name: str, fields: dict[str, Any], settings: dict[str, Any], why: str
) -> None:
    assert refusal(setting(name, **fields), host(**settings)) == Refusal("SysctlForbidden", f"forbidden sysctl: {why}")


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("net.core.somaxconn", "net.core.somaxconn"),
        ("net.core.*", "net.core.somaxconn"),
        ("kernel.shm*", "kernel.shmmax"),
        ("net/core/*", "net.core.somaxconn"),
        ("fs.mqueue.*", "fs.mqueue.msg_max"),
    ],
)
def test_settings_allow_unsafe_ones(pattern: str, name: str) -> None:
    check_pattern(pattern)

    assert refusal(setting(name), host(unsafe_sysctls=(pattern,))) is None


@pytest.mark.parametrize("pattern", ["*", "vm.*", "net*", "kernel.*", "Net.core", "", "a" * 254, "net..core"])
def test_patterns_that_make_no_sense_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"not a sysctl|not known to be namespaced"):
        check_pattern(pattern)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("net/ipv4/conf/eno2.100/rp_filter", "net.ipv4.conf.eno2/100.rp_filter"),
        ("net.ipv4.conf.eno2/100.rp_filter", "net.ipv4.conf.eno2/100.rp_filter"),
        ("kernel", "kernel"),
    ],
)
def test_names_have_dots_between_their_parts(name: str, expected: str) -> None:
    assert normalized(name) == expected


def test_a_sandbox_is_told_them_with_dots() -> None:
    assert sandbox_of(setting("net/ipv4/tcp_syncookies")).sysctls == {"net.ipv4.tcp_syncookies": "1"}
