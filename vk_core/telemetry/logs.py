"""Logs: one line per record on standard error, as text for people or as JSON for programs.

Library code logs to `logging.getLogger("virtual_kubelet.<area>")` and names what a record is about with `extra`, such
as `extra={"namespace": ..., "pod": ..., "uid": ...}`. Times are UTC. Only bugs take more than one line of text.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
from typing import Literal, TextIO, TypeAlias

from vk_core.telemetry.sink import ThreadedHandler

Format: TypeAlias = Literal["text", "json"]

ROOT = "virtual_kubelet"
"""The logger above all loggers of this project."""

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
"""Levels by the names of `--log-level`."""

_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127, 0x85, 0x2028, 0x2029)}
_ESCAPES = _CONTROL | {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}


def setup(level: str = "info", form: Format = "text", stream: TextIO | None = None) -> None:
    """Sends all log records to one stream, instead of wherever they went before.

    Args:
        level: one of `LEVELS`. Other people's libraries are held to warnings: at lower levels some of them print
            what they send, tokens included.
        form: `text` or `json`.
        stream: where to; standard error unless told otherwise.
    """
    handler = ThreadedHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    for old in root.handlers[:]:
        old.flush()
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(LEVELS[level], logging.WARNING))
    logging.getLogger(ROOT).setLevel(LEVELS[level])
    logging.captureWarnings(True)


def extras(record: logging.LogRecord) -> dict[str, object]:
    """What a record is about: the keys of its `extra`."""
    return {key: value for key, value in vars(record).items() if key not in _OF_EVERY_RECORD}


def timestamp(record: logging.LogRecord) -> str:
    """When it happened, in UTC with milliseconds: `2026-11-21T09:34:01.123Z`."""
    moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def area(record: logging.LogRecord) -> str:
    """The part of this project that a record comes from, or the library."""
    return record.name.removeprefix(f"{ROOT}.")


class TextFormatter(logging.Formatter):
    """`2026-11-21T09:34:01.123Z INFO    pod: Started pod=web-1 namespace=default`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, followed by the traceback if there is one."""
        about = "".join(f" {key}={value}" for key, value in extras(record).items())
        message = (record.getMessage() + about).translate(_ESCAPES)
        line = f"{timestamp(record)} {record.levelname:<7} {area(record)}: {message}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One object per line: `time`, `level`, `logger`, `message`, `error` for a traceback, and the record's extras."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        fields: dict[str, object] = {
            "time": timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json.dumps(extras(record) | fields, default=str, ensure_ascii=False)
