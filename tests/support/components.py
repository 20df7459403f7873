"""Real components that tests need and a machine may not have: skipped there, but never on CI, where all must run."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def lacking(reason: str) -> NoReturn:
    """End a test whose component is missing: on CI as a failure, elsewhere as a skip."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def need_root() -> None:
    """End a test that only root can run."""
    if os.geteuid() != 0:
        lacking("only root can do this")
