"""Which paths a volume may have inside it: none that leave it, none that its layout on disk uses for itself.

The API server refuses most of these too, but objects reach a node from more than one place and the check is cheap.
"""

from __future__ import annotations

from functools import lru_cache

LONGEST_PATH = 4096
LONGEST_NAME = 255


@lru_cache(maxsize=4096)
def clean_path(path: str) -> str:
    """Returns the path of a file in a volume in its shortest form: `./a//b` is `a/b`.

    Names are measured in bytes, as file systems do. A first part that begins with `..` belongs to the layout of
    the volume itself (`..data`), so no file may have it.

    Raises:
        ValueError: the path leaves the volume, names no file, or no file system could store it.
    """
    if path.startswith("/"):
        raise ValueError(f"invalid path: must be relative path: {path}")
    if "\0" in path:
        raise ValueError(f"invalid path: must not contain a NUL character: {path!r}")
    if len(_encoded(path)) > LONGEST_PATH:
        raise ValueError(f"invalid path: must be less than or equal to {LONGEST_PATH} characters")
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if not parts:
        raise ValueError(f"invalid path: must not be empty: {path!r}")
    if ".." in parts:
        raise ValueError(f"invalid path: must not contain '..': {path}")
    if parts[0].startswith(".."):
        raise ValueError(f"invalid path: must not start with '..': {path}")
    if any(len(_encoded(part)) > LONGEST_NAME for part in parts):
        raise ValueError(f"invalid path: filenames must be less than or equal to {LONGEST_NAME} characters")
    return "/".join(parts)


def clean_sub_path(path: str) -> str:
    """Returns a sub path of a volume in its shortest form; empty for the volume itself.

    Raises:
        ValueError: it is absolute, leads upwards or could be no path.
    """
    if path.startswith("/"):
        raise ValueError(f"error SubPath `{path}` must not be an absolute path")
    if "\0" in path:
        raise ValueError(f"unable to provision SubPath {path!r}: must not contain a NUL character")
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise ValueError(f"unable to provision SubPath `{path}`: must not contain '..'")
    return "/".join(parts)


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
