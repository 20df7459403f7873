"""Names that come from users: which of them may become names of files, and the errors for those that may not.

Pure. The API server refuses most of what is refused here; this is the last place before the disk, and trusts nobody.
"""

from __future__ import annotations

import os

from vk_core.errors import InvalidInput, MaterialMissing

LONGEST_NAME = 255
LONGEST_PATH = 4096
_LONGEST_SHOWN = 256

FAILED_MOUNT = "FailedMount"
CONFIG_ERROR = "CreateContainerConfigError"


def is_name(name: str) -> bool:
    """Whether a name can be that of an entry of a directory, and of nothing else."""
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        return False
    try:
        return len(os.fsencode(name)) <= LONGEST_NAME
    except UnicodeEncodeError:
        return False


def checked(name: str, what: str) -> str:
    """The name of a pod, volume or container that becomes a folder of ours.

    Names that begin with a dot are ours alone.

    Raises:
        InvalidInput: it cannot be one; the message says `what` it was.
    """
    if not is_name(name) or name.startswith("."):
        raise InvalidInput(f"{what} {name!r} cannot be the name of a folder")
    return name


def split_path(path: str) -> tuple[str, ...]:
    """The parts of a relative path, which stays below where it begins.

    Raises:
        ValueError: it is absolute, empty, too long, or has a part that is no name (`..` among them).
    """
    parts = tuple(path.split("/"))
    if not all(is_name(part) for part in parts) or len(os.fsencode(path)) > LONGEST_PATH:
        raise ValueError(f"the path {_shown(path)} must be relative, without '..' and of parts of at most 255 bytes")
    return parts


def sub_path_parts(path: str) -> tuple[str, ...]:
    """The parts of a sub path, where empty parts and `.` count for nothing, as in a kubelet.

    Raises:
        ValueError: it is absolute, too long, or has a part that is no name (`..` among them).
    """
    if path.startswith("/"):
        raise ValueError(f"the sub path {_shown(path)} must be relative")
    parts = [part for part in path.split("/") if part not in {"", "."}]
    return split_path("/".join(parts)) if parts else ()


def _shown(path: str) -> str:
    return repr(path if len(path) <= _LONGEST_SHOWN else f"{path[:_LONGEST_SHOWN]}...")


def failed_mount(volume: str, why: object) -> MaterialMissing:
    """That a volume could not be set up, in kubelet's words."""
    return MaterialMissing(f'MountVolume.SetUp failed for volume "{volume}" : {why}', reason=FAILED_MOUNT)


def failed_sub_path(volume: str, container: str, why: object) -> MaterialMissing:
    """That a sub path could not be given to a container, in kubelet's words."""
    return MaterialMissing(
        f'failed to prepare subPath for volumeMount "{volume}" of container "{container}": {why}',
        reason=CONFIG_ERROR,
        container_name=container,
    )


def wording(error: Exception) -> str:
    """What an error says, without its number."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.strerror}: {os.fsdecode(error.filename)!r}"
    return str(error)
