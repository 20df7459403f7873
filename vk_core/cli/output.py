"""How commands print: tables for people, plain columns for pipes, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

import typer

Format: TypeAlias = Literal["table", "json"]

OutputOption: TypeAlias = Annotated[
    Format, typer.Option("--output", "-o", metavar="table|json", help="What to print: a table, or JSON for programs.")
]
"""The option `-o` of every command that prints a table."""


def warn(line: str) -> None:
    """Prints a line for the operator on standard error."""
    print(f"virtual-kubelet: {line}", file=sys.stderr)


def print_json(value: Any) -> None:
    """Prints a value as indented JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows under headings: fitted to the screen on a terminal, never wrapped or cut in a pipe."""
    if sys.stdout.isatty():
        _print_on_terminal(columns, rows)
        return
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        print("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_on_terminal(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
