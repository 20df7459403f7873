"""What the provider can be told in its TOML file. Everything has a default, so that it runs without a file as well."""

from __future__ import annotations

import datetime as dt
from pathlib import PurePosixPath
from typing import Annotated, Literal

import msgspec

from vk_core.provider import Duration, Quantity
from vk_cri import endpoint

Count = Annotated[int, msgspec.Meta(ge=1)]

_CONTAINERD = "unix:///run/containerd/containerd.sock"


class Pulls(msgspec.Struct, frozen=True, kw_only=True):
    """How images are fetched.

    Attributes:
        parallel: how many at a time.
        time_out: after which a pull is given up, to be tried again with back-off.
    """

    parallel: Count = 5
    time_out: Duration = dt.timedelta(hours=1)


class Logs(msgspec.Struct, frozen=True, kw_only=True):
    """How long containers' logs may get.

    Attributes:
        max_size: a file that is larger is put aside and a new one begun; kubelet's `containerLogMaxSize`.
        max_files: how many files there are of each container, the present one included; `containerLogMaxFiles`.
        interval: how often the sizes are looked at.
    """

    max_size: Quantity = "10Mi"
    max_files: Annotated[int, msgspec.Meta(ge=2)] = 5
    interval: Duration = dt.timedelta(seconds=10)


class CriSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the provider for container runtimes.

    Attributes:
        runtime_endpoint: where the runtime listens.
        image_endpoint: where its image service listens, if that is elsewhere.
        request_time_out: how long a call may take, beside what it is asked to wait.
        log_root: the folder of the containers' logs, in one folder for each pod.
        volume_root: the folder of the pods' volumes.
        cgroup_parent: the cgroup that all pods are in.
        cgroup_driver: how cgroups are written; the runtime has to be set up in the same way.
        pulls: how images are fetched.
        logs: how long logs may get.
    """

    runtime_endpoint: str = _CONTAINERD
    image_endpoint: str | None = None
    request_time_out: Duration = dt.timedelta(minutes=2)
    log_root: str = "/var/log/vk-cri"
    volume_root: str = "/run/vk-cri/volumes"
    cgroup_parent: str = "/vk-cri"
    cgroup_driver: Literal["cgroupfs", "systemd"] = "cgroupfs"
    pulls: Pulls = Pulls()
    logs: Logs = Logs()


def problems(settings: CriSettings) -> list[str]:
    """What types alone cannot say: that paths are absolute, and that thresholds and times are in order."""
    found = []
    endpoints = {"runtime_endpoint": settings.runtime_endpoint, "image_endpoint": settings.image_endpoint}
    for key, text in endpoints.items():
        if text is not None and (problem := endpoint.problem(text)):
            found.append(f"{key}: {problem}")
    paths = {"log_root": settings.log_root, "volume_root": settings.volume_root}
    found += [f"{key}: expected an absolute path, got {path!r}" for key, path in paths.items() if not _is_plain(path)]
    if not _is_plain(settings.cgroup_parent) and settings.cgroup_driver != "systemd":
        found.append(f"cgroup_parent: expected an absolute path such as /vk-cri, got {settings.cgroup_parent!r}")
    spans = {"request_time_out": settings.request_time_out, "pulls.time_out": settings.pulls.time_out}
    spans["logs.interval"] = settings.logs.interval
    found += [f"{key}: expected more than 0s" for key, span in spans.items() if not span]
    return found


def _is_plain(path: str) -> bool:
    """Whether a path is absolute and has no `..` in it, and is not the root itself."""
    pure = PurePosixPath(path)
    return pure.is_absolute() and ".." not in pure.parts and len(pure.parts) > 1
