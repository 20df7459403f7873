"""The tutorial works: its commands are run as a newcomer would, in two terminals, and print what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.control_plane.build import assets
from tests.support.tutorial import Terminals

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial"

pytestmark = pytest.mark.e2e


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Terminals]:
    terminals = Terminals(tmp_path, assets())
    yield terminals
    terminals.kill()


@pytest.mark.parametrize("page", ["first-steps.md", "write-a-provider.md"])
def test_every_command_of_the_tutorial_prints_what_it_shows(terminals: Terminals, page: str) -> None:
    terminals.follow((TUTORIAL / page).read_text(encoding="utf-8"))
    terminals.press_ctrl_c()
