"""Installs the provider `vk_ledger` for one test and reads what it has noted."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path


class LedgerFolder:
    """The back end of one test: pods that run, and every start there ever was."""

    def __init__(self, folder: Path) -> None:
        self.pods_folder = folder / "pods"
        self.pods_folder.mkdir()
        self._site = folder / "site"
        info = self._site / "vk_ledger-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vk-ledger\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[virtual_kubelet.providers]\nledger = vk_ledger:PROVIDER\n")
        shutil.copy(Path(__file__).with_name("vk_ledger.py"), self._site)

    @property
    def environment(self) -> dict[str, str]:
        """Makes the provider one of the installed ones."""
        return {"PYTHONPATH": os.pathsep.join([str(self._site), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)}

    def settings(self, *, start_seconds: float = 0.0, stop_seconds: float = 0.0, volumes: bool = False) -> str:
        """The provider's settings file."""
        return (
            f'folder = "{self.pods_folder}"\nstart_seconds = {start_seconds}\nstop_seconds = {stop_seconds}\n'
            f"volumes = {str(volumes).lower()}\n"
        )

    def running(self) -> set[str]:
        """UIDs of the pods that the back end has."""
        return {path.stem for path in self.pods_folder.glob("*.json")}

    def started_twice(self) -> list[str]:
        """UIDs that were started more than once."""
        starts = self.pods_folder / "starts"
        counted = Counter(starts.read_text().split()) if starts.exists() else Counter[str]()
        return [uid for uid, times in counted.items() if times > 1]
