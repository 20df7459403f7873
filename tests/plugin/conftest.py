"""Packages that are installed for one test, and uninstalled after it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

PROVIDERS = "virtual_kubelet.providers"
HOOKS = "virtual_kubelet.hooks"

PROVIDER_MODULE = """
    import msgspec
    from vk_core.provider import ProviderPlugin

    class Settings(msgspec.Struct):
        cpu: int = 1

    PROVIDER = ProviderPlugin(api={api}, description="For a test.", settings=Settings, create=lambda context: None)
"""


class Packages:
    """A folder on sys.path, with distributions in it as pip would leave them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self, name: str, module: str | None, *, group: str = PROVIDERS, version: str = "1.0", points: str = ""
    ) -> str:
        """Installs a package with one module of its own name; returns the name of that module."""
        import_name = name.replace("-", "_")
        info = self.folder / f"{import_name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{points or f'{name} = {import_name}:PROVIDER'}\n")
        if module is not None:
            self.write(import_name, module)
        return import_name

    def write(self, import_name: str, module: str) -> None:
        """Writes a module anew."""
        (self.folder / f"{import_name}.py").write_text(dedent(module))

    def add_provider(self, name: str, *, api: int = 1) -> str:
        """Installs a provider that works."""
        return self.add(name, PROVIDER_MODULE.format(api=api))


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # a child that imports them must not change the folder either
    before = set(sys.modules)
    yield Packages(folder)
    for name in set(sys.modules) - before:
        module_file = getattr(sys.modules[name], "__file__", None) or ""
        if module_file.startswith(str(folder)):
            del sys.modules[name]
