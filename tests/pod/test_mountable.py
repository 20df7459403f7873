"""A volume that the provider cannot mount keeps the pod waiting and is named; none is silently left out."""

from __future__ import annotations

import pytest

from vk_core.api.volumes import (
    ConfigMapVolumeSource,
    NFSVolumeSource,
    ProjectedVolumeSource,
    ServiceAccountTokenProjection,
    Volume,
    VolumeProjection,
)
from vk_core.pod.mountable import unmountable
from vk_core.testing import make_pod

TOKEN = ProjectedVolumeSource(sources=(VolumeProjection(service_account_token=ServiceAccountTokenProjection()),))
CONFIG = Volume(name="config", config_map=ConfigMapVolumeSource(name="settings"))
DATA = Volume(name="data", nfs=NFSVolumeSource(server="nas", path="/data"))
INJECTED = Volume(name="kube-api-access-x2x4z", projected=TOKEN)
ASKED_FOR = Volume(name="token", projected=TOKEN)


def test_the_first_volume_that_cannot_be_mounted_is_named_with_what_can() -> None:
    missing = unmountable(make_pod("web", volumes=(CONFIG, DATA)), {"configMap", "emptyDir"})
    assert missing is not None
    assert missing.reason == "FailedMount"
    assert str(missing) == (
        'volume "data" is of the kind nfs, which the provider of this node cannot mount; '
        "it can mount configMap, emptyDir"
    )


def test_a_volume_without_a_source_is_an_empty_directory() -> None:
    pod = make_pod("web", volumes=(Volume(name="scratch"),))
    assert unmountable(pod, {"emptyDir"}) is None
    assert unmountable(pod, {"configMap"}) is not None


@pytest.mark.parametrize(("volume", "waits"), [(INJECTED, False), (ASKED_FOR, True), (CONFIG, True)])
def test_a_provider_without_volumes_is_excused_only_the_token_that_every_pod_is_given(
    volume: Volume, waits: bool
) -> None:
    assert (unmountable(make_pod("web", volumes=(volume,)), None) is not None) == waits


def test_a_provider_that_mounts_some_volumes_is_excused_none() -> None:
    assert unmountable(make_pod("web", volumes=(INJECTED,)), {"emptyDir"}) is not None
