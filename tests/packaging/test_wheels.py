"""What users install: the wheels of all packages, in an environment that knows nothing of this clone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Protocol

import pytest

from vk_core.version import __version__

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = {
    "vk-core": ROOT,
    "vk-mock": ROOT / "plugins" / "vk-mock",
    "vk-process": ROOT / "examples" / "vk-process",
}

pytestmark = pytest.mark.timeout(400)  # downloads all dependencies the first time


class Run(Protocol):
    def __call__(self, *command: str) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for source in PACKAGES.values():
        build = [sys.executable, "-m", "build", "--installer", "uv", "--wheel", "--outdir", str(folder), str(source)]
        subprocess.run(build, check=True)
    return folder


@pytest.fixture(scope="module")
def run(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a command of a clean environment in an empty folder, where `vk_core` can only come from the wheel."""
    folder = tmp_path_factory.mktemp("clean")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment |= {"NO_COLOR": "1", "COLUMNS": "120"}
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # First everything that the wheels need, then by name with the index out of reach: a package of the same name
    # on the index cannot stand in for ours.
    ours = [str(wheel) for wheel in wheels.glob("vk_*.whl")]
    subprocess.run([*pip, "download", "--dest", str(wheels), *ours], check=True, env=environment)
    offline = ["install", "--no-index", "--find-links", str(wheels)]
    subprocess.run([*pip, *offline, "vk-core", "vk-mock"], check=True, env=environment)

    def run_command(*command: str) -> subprocess.CompletedProcess[str]:
        program = folder / "venv" / "bin" / command[0]
        return subprocess.run(
            [str(program), *command[1:]], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    return run_command


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_has_its_package_with_types_and_nothing_else(wheels: Path, package: str) -> None:
    name = package.replace("-", "_")
    wheel = wheels / f"{name}-{__version__}-py3-none-any.whl"
    files = zipfile.ZipFile(wheel).namelist()
    assert f"{name}/py.typed" in files
    assert not [file for file in files if not file.startswith((f"{name}/", f"{name}-{__version__}.dist-info/"))]


def test_the_version_is_that_of_the_wheel(run: Run) -> None:
    done = run("virtual-kubelet", "version")
    assert (done.returncode, __version__ in done.stdout) == (0, True), done.stderr


def test_help_needs_nothing_else(run: Run) -> None:
    done = run("virtual-kubelet", "--help")
    assert (done.returncode, "run" in done.stdout) == (0, True), done.stderr


def test_the_mock_is_found_as_a_provider(run: Run) -> None:
    done = run("virtual-kubelet", "providers", "list", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert [row["name"] for row in json.loads(done.stdout)] == ["mock"]


def test_the_mock_is_good_without_settings(run: Run) -> None:
    done = run("virtual-kubelet", "providers", "check", "mock")
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_plugins_there_is_no_provider(run: Run) -> None:
    done = run("virtual-kubelet", "run", "--provider", "nosuch")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr


def test_nothing_is_missing_among_the_dependencies(run: Run) -> None:
    done = run("pip", "check")
    assert done.returncode == 0, done.stdout
