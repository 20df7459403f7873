"""What protoc makes is committed, so that nobody who installs the package needs it."""

from __future__ import annotations

from pathlib import Path

from vk_cri.api.generate import ROOT, generate


def test_the_committed_modules_are_those_that_protoc_makes_today(tmp_path: Path) -> None:
    (tmp_path / "vk_cri" / "api").mkdir(parents=True)
    generate(tmp_path)
    made = {path.name: path.read_text() for path in (tmp_path / "vk_cri" / "api").iterdir()}
    assert sorted(made) == ["runtime_pb2.py", "runtime_pb2.pyi"]
    for name, text in made.items():
        assert (ROOT / "vk_cri" / "api" / name).read_text() == text, "run: python -m vk_cri.api.generate"
