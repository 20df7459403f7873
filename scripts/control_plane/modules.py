"""Single programs of other Go modules, each built once by its version and kept in the user's cache."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from scripts.control_plane.cache import cache_folder, only_one, say
from scripts.control_plane.golang import go_environment, go_toolchain, run_go


def installed(
    module: str, command: str, version: str, *, finish: Callable[[Path, Path], None] = lambda _module, _folder: None
) -> Path:
    """The folder that holds the program `command` of a module, built now if need be (about 2 minutes on 2 cores).

    Args:
        module: the module's path, such as `sigs.k8s.io/kwok`.
        command: the name of the folder under its `cmd`.
        version: a version with its `v`.
        finish: takes the module's source folder and the folder of the program, to add what else is needed of it.

    Raises:
        BuildError: it cannot be built.
    """
    folder = cache_folder() / f"{command}-{version}"
    with only_one(command):
        if not folder.exists():
            say(f"building {command} {version}: once, about 2 minutes on 2 cores, kept in {folder}")
            with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=cache_folder()) as scratch:
                partial = Path(scratch) / "programs"
                partial.mkdir()
                run_go(["install", "-v", f"{module}/cmd/{command}@{version}"], extra={"GOBIN": str(partial)})
                finish(Path(go_environment(go_toolchain())["GOMODCACHE"]) / f"{module}@{version}", partial)
                partial.rename(folder)
    return folder
