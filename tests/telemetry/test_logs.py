"""Log records are one line each, in UTC, and say what they are about."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

from vk_core.telemetry import logs, sink

MOMENT = 1795253641.1234


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger(logs.ROOT)
    before = root.handlers[:], root.level, own.level
    yield
    root.handlers[:], root.level, own.level = before
    logging.captureWarnings(False)


def record(message: str, **about: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "virtual_kubelet.pod", "levelname": "INFO", "msg": message, **about})
    made.created = MOMENT
    return made


def written(stream: io.StringIO) -> str:
    """All that was logged to a stream so far."""
    logging.getLogger().handlers[-1].flush()
    return stream.getvalue()


def failure() -> logging.LogRecord:
    try:
        raise KeyError("bug")
    except KeyError:
        return record("failed", exc_info=sys.exc_info())


def test_text_has_time_level_area_message_and_what_it_is_about() -> None:
    line = logs.TextFormatter().format(record("Started", namespace="default", pod="web-1"))
    assert line == "2026-11-21T09:34:01.123Z INFO    pod: Started namespace=default pod=web-1"


@pytest.mark.parametrize("evil", ["a\nb", "a\r\nb", "a\x1b[2Jb", "a\u2028b", "a\x85b"])
def test_what_others_write_into_a_message_cannot_look_like_another_line(evil: str) -> None:
    for made in (record(evil), record("message", pod=evil)):
        line = logs.TextFormatter().format(made)
        assert len(line.splitlines()) == 1
        assert line.isprintable()
        assert len(logs.JsonFormatter().format(made).split("\n")) == 1


def test_a_bug_shows_its_traceback() -> None:
    first, *rest = logs.TextFormatter().format(failure()).splitlines()
    assert first.endswith("pod: failed")
    assert rest[-1] == "KeyError: 'bug'"
    assert json.loads(logs.JsonFormatter().format(failure()))["error"].endswith("KeyError: 'bug'")


def test_json_has_a_field_for_everything() -> None:
    line = logs.JsonFormatter().format(record("Started %s", args=("now",), pod="web-1", uid=object, time="mine"))
    assert json.loads(line) == {
        "time": "2026-11-21T09:34:01.123Z",
        "level": "info",
        "logger": "virtual_kubelet.pod",
        "message": "Started now",
        "pod": "web-1",
        "uid": "<class 'object'>",
    }


def test_the_level_is_ours_and_libraries_are_held_to_warnings() -> None:
    stream = io.StringIO()
    logs.setup("debug", "text", stream)
    logging.getLogger("virtual_kubelet.node").debug("ours")
    logging.getLogger("aiohttp.client").info("token=secret")
    logging.getLogger("aiohttp.client").warning("theirs")
    assert [line.split(maxsplit=2)[2] for line in written(stream).splitlines()] == [
        "node: ours",
        "aiohttp.client: theirs",
    ]
    logs.setup("error", "text", stream)
    logging.getLogger("aiohttp.client").warning("theirs again")
    assert "again" not in written(stream)


def test_warnings_of_python_become_records() -> None:
    stream = io.StringIO()
    logs.setup("info", "json", stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old way", DeprecationWarning, stacklevel=1)
    assert "old way" in json.loads(written(stream))["message"]


class StuckStream(io.StringIO):
    """A pipe that nobody reads until it is told so."""

    def __init__(self) -> None:
        super().__init__()
        self.reader = threading.Event()
        self.stuck = threading.Event()

    def write(self, text: str) -> int:
        self.stuck.set()
        self.reader.wait(10)
        return super().write(text)


def test_a_standard_error_that_nobody_reads_stops_nothing_and_costs_the_last_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sink, "MOST_WAITING", 2)
    stream = StuckStream()
    logs.setup("info", "text", stream)
    log = logging.getLogger("virtual_kubelet.test")
    log.info("first")
    assert stream.stuck.wait(10)
    for count in range(5):
        log.info("line %d", count)
    stream.reader.set()
    *lines, note = written(stream).splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == ["first", "line 0", "line 1"]
    assert note == "(3 lines are missing here: standard error was not read)"
