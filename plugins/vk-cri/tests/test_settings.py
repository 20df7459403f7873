"""What can be wrong with a settings file, one line each."""

from __future__ import annotations

import datetime as dt

import pytest

from vk_cri.settings import CriSettings, Pulls, problems


def test_nothing_is_wrong_without_a_file() -> None:
    assert problems(CriSettings()) == []


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        pytest.param(
            CriSettings(runtime_endpoint="/run/x.sock"), "runtime_endpoint: expected an absolute path", id="scheme"
        ),
        pytest.param(
            CriSettings(image_endpoint="unix://run/x"), "image_endpoint: expected an absolute path", id="relative"
        ),
        pytest.param(
            CriSettings(runtime_endpoint=f"unix:///{'x' * 120}"), "runtime_endpoint: expected a path of at", id="long"
        ),
        pytest.param(CriSettings(log_root="logs"), "log_root: expected an absolute path, got 'logs'", id="log-root"),
        pytest.param(CriSettings(volume_root="/a/../b"), "volume_root: expected an absolute path", id="dots"),
        pytest.param(CriSettings(log_root="/"), "log_root: expected an absolute path", id="root"),
        pytest.param(CriSettings(cgroup_parent="vk"), "cgroup_parent: expected an absolute path", id="cgroup"),
        pytest.param(
            CriSettings(pulls=Pulls(time_out=dt.timedelta())), "pulls.time_out: expected more than 0s", id="span"
        ),
    ],
)
def test_a_mistake_is_named_with_its_key(settings: CriSettings, problem: str) -> None:
    (found,) = problems(settings)
    assert found.startswith(problem)


def test_systemd_has_slices_for_cgroups() -> None:
    assert problems(CriSettings(cgroup_driver="systemd", cgroup_parent="vk.slice")) == []
