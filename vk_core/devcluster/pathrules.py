"""What paths below a volume may look like, and the modes of files in it."""

from __future__ import annotations

from vk_core.devcluster.statuses import Cause, required, wrong

_LARGEST_MODE = 0o777
_UP = ".."


def descending_causes(field: str, path: str) -> list[Cause]:
    """Returns what is wrong with a path that has to stay below where it begins."""
    causes = []
    if path.startswith("/"):
        causes.append(wrong(field, path, "must be a relative path"))
    return causes + upward_causes(field, path)


def upward_causes(field: str, path: str) -> list[Cause]:
    """Returns what is wrong with a path that must not lead upwards."""
    return [wrong(field, path, "must not contain '..'")] if _UP in path.split("/") else []


def file_path_causes(field: str, path: str) -> list[Cause]:
    """Returns what is wrong with the path of a file in a volume; a name that begins with two dots is kubelet's own."""
    if not path:
        return [required(field)]
    causes = descending_causes(field, path)
    if path.startswith(_UP) and not path.startswith("../"):
        causes.append(wrong(field, path, "must not start with '..'"))
    return causes


def mode_causes(field: str, mode: int | None) -> list[Cause]:
    """Returns what is wrong with the permissions of a file."""
    if mode is None or 0 <= mode <= _LARGEST_MODE:
        return []
    return [wrong(field, mode, "must be a number between 0 and 0777 (octal), both inclusive")]
