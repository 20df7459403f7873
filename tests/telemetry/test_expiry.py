"""How long certificates are still good."""

from __future__ import annotations

import datetime as dt

import pytest
from prometheus_client import CollectorRegistry

from vk_core.telemetry.expiry import Certificates


def test_only_a_certificate_that_is_used_is_shown_and_the_newest_counts() -> None:
    registry = CollectorRegistry()
    certificates = Certificates()
    registry.register(certificates)
    name = "kubelet_certificate_manager_server_ttl_seconds"
    assert registry.get_sample_value(name) is None
    for days in (1, 30):
        certificates.used_until("server", dt.datetime.now(dt.UTC) + dt.timedelta(days=days))
        assert registry.get_sample_value(name) == pytest.approx(days * 86400, abs=60)
    assert registry.get_sample_value("kubelet_certificate_manager_client_ttl_seconds") is None
