"""Where containers have their logs, named as kubelet does."""

from __future__ import annotations

from pathlib import Path

from vk_core.api.pod import Pod


def log_directory(log_root: Path, pod: Pod) -> Path:
    """Returns the folder of a pod's logs; `_` is in no name of a pod or namespace."""
    meta = pod.metadata
    return log_root / f"{meta.namespace}_{meta.name}_{meta.uid}"


def pod_uid_of_logs(folder: str) -> str:
    """Returns the UID of the pod that a folder of logs belongs to."""
    return folder.rpartition("_")[2]


def log_path(container_name: str, attempt: int) -> str:
    """Returns a container's log below its pod's folder."""
    return f"{container_name}/{attempt}.log"
