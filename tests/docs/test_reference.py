"""The reference pages say what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from vk_core.cli.reference import pages

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages()


@pytest.mark.parametrize("name", ["cli.md", "environment.md", "hooks.md", "mock.md"])
def test_a_reference_page_is_current(made: dict[str, str], name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == made[name], (
        "run: python -m vk_core.cli.reference docs/reference"
    )


def test_every_key_of_the_mock_says_what_it_means(made: dict[str, str]) -> None:
    rows = [line for line in made["mock.md"].splitlines() if line.startswith("| `")]
    assert rows
    assert not [row for row in rows if row.endswith("|  |")]
