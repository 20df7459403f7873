"""What `dev` shows of pods: a line when something changed, or a table of those that changed last."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from vk_core.api.meta import ObjectMeta
from vk_core.api.pod import Pod
from vk_core.api.podstatus import PodStatus
from vk_core.cli.podview import PodLines, PodTable


def pod(name: str, phase: str = "Pending", *, uid: str = "") -> Pod:
    return Pod(metadata=ObjectMeta(name=name, namespace="default", uid=uid or name), status=PodStatus(phase=phase))


def test_a_line_is_printed_when_the_status_changed_and_only_then() -> None:
    printed: list[str] = []
    lines = PodLines(printed.append)
    pending, running = pod("web"), pod("web", "Running")
    lines.changed(None, pending)
    lines.changed(pending, msgspec.structs.replace(pending))
    lines.changed(pending, running)
    lines.changed(running, None)
    lines.changed(None, pod("web", uid="another"))
    assert printed == ["default/web Pending", "default/web Running", "default/web gone", "default/web Pending"]


def shown(table: PodTable, console: Console) -> list[str]:
    with console.capture() as capture:
        console.print(table.table())
    return [line.strip() for line in capture.get().splitlines()]


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=120, height=9)


def test_the_table_has_the_pods_that_changed_last_in_order_of_their_names(console: Console) -> None:
    table = PodTable(console, lambda: None)
    assert "no pods yet" in shown(table, console)
    for name in "dcba":
        table.changed(None, pod(name))
    table.changed(pod("d"), pod("d", "Running"))
    table.changed(pod("b"), None)
    head, *rows = shown(table, console)
    assert head.split() == ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE", "NODE"]
    assert [row.split()[1] for row in rows] == ["a", "c", "d"]
    table.changed(None, pod("e"))
    *rows, caption = shown(table, console)
    assert [row.split()[1] for row in rows[1:]] == ["a", "d", "e"]
    assert caption == "and 1 more, which changed longer ago"
