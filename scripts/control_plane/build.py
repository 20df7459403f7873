"""Builds the control plane's programs once and keeps them in the user's cache.

`python -m scripts.control_plane build` prints the folder they are in. `KUBEBUILDER_ASSETS`, the variable of
controller-runtime's envtest, names such a folder already made and turns building off.
"""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from pathlib import Path

from scripts.control_plane.cache import cache_folder, only_one, say
from scripts.control_plane.golang import GO_VERSION, BuildError, run_go

SOURCES = Path(__file__).parent
KUBERNETES = "k8s.io/kubernetes"
REQUIRED = ("etcd", "kube-apiserver", "kubectl")
OPTIONAL = ("kube-controller-manager", "kube-scheduler")


def assets() -> Path:
    """The folder that holds the programs, built now if need be (about 5 minutes on 2 cores).

    Raises:
        BuildError: they cannot be built, or `KUBEBUILDER_ASSETS` names a folder without them.
    """
    given = os.environ.get("KUBEBUILDER_ASSETS")
    if given:
        return _checked(Path(given))
    folder = cache_folder() / f"control-plane-{_key()}"
    if not folder.exists():
        with only_one("control-plane"):
            if not folder.exists():
                _build(folder)
    return folder


def kubernetes_version() -> str:
    """The version of Kubernetes that go.mod asks for, such as `v1.36.3`."""
    for line in (SOURCES / "go.mod").read_text().splitlines():
        words = line.split()
        if words[:1] == [KUBERNETES]:
            return words[1]
    raise BuildError(f"{SOURCES / 'go.mod'}: no requirement on {KUBERNETES}")


def _checked(folder: Path) -> Path:
    missing = [name for name in REQUIRED if not os.access(folder / name, os.X_OK)]
    if missing:
        raise BuildError(f"KUBEBUILDER_ASSETS: {folder}: expected the programs {', '.join(missing)}")
    return folder


def _key() -> str:
    digest = hashlib.sha256(f"{GO_VERSION} {platform.system()} {platform.machine()} {_linker_flags()}".encode())
    for name in ("main.go", "go.mod", "go.sum"):
        digest.update((SOURCES / name).read_bytes())
    return digest.hexdigest()[:12]


def _linker_flags() -> str:
    version = kubernetes_version()
    major, minor, _ = version.removeprefix("v").split(".", 2)
    stamps = {
        "k8s.io/component-base/version.gitVersion": version,
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
        "k8s.io/client-go/pkg/version.gitVersion": version,
    }
    return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in stamps.items())])


def _build(folder: Path) -> None:
    say(f"building Kubernetes {kubernetes_version()} for tests: once, about 5 minutes on 2 cores, kept in {folder}")
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=cache_folder()) as scratch:
        partial = Path(scratch) / "programs"
        partial.mkdir()
        target = ["-o", str(partial / "controlplane"), "."]
        options = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", _linker_flags()]
        run_go(["build", "-v", *options, *target], folder=SOURCES)
        for name in (*REQUIRED, *OPTIONAL):
            (partial / name).symlink_to("controlplane")
        partial.rename(folder)
