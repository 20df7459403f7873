"""Env files, which a container writes into a volume for another one (`fileKeyRef`, KEP-3721).

Their syntax is a small part of what a shell reads: `NAME='value'`, with nothing expanded and nothing escaped.
"""

from __future__ import annotations

_BLANK = " \t"


def parse_env_file(data: bytes) -> dict[str, str]:
    """The variables of an env file, in the order of their first definition; the last definition of a name counts.

    Lines that are empty or begin with `#`, behind blanks, say nothing. A value goes to the next quote, over several
    lines if need be; behind it only a comment may follow. `NAME= ` with a blank before the value is empty, as in a
    shell. Bytes that are not UTF-8 become surrogates (`surrogateescape`).

    Raises:
        ValueError: the file is none; the message has the number of the line and nothing of its content.
    """
    lines = [line.removesuffix("\r") for line in data.decode("utf-8", "surrogateescape").split("\n")]
    variables: dict[str, str] = {}
    number = 0
    while number < len(lines):
        line = lines[number].lstrip(_BLANK)
        if not line or line.startswith("#"):
            number += 1
            continue
        name, value = _assignment(line, number)
        if value[:1] in {" ", "\t"}:
            variables[name] = ""
            number += 1
        else:
            variables[name], number = _quoted(value, lines, number)
    return variables


def _assignment(line: str, index: int) -> tuple[str, str]:
    name, equals, value = line.partition("=")
    if not equals:
        raise _problem(index, "expected NAME='value'")
    if not name:
        raise _problem(index, "expected a name before the equals sign")
    if name[-1] in _BLANK:
        raise _problem(index, "expected no blank before the equals sign")
    return name, value


def _quoted(value: str, lines: list[str], first: int) -> tuple[str, int]:
    """The value that begins with a quote on a line, and the number of the first line behind it."""
    if not value.startswith("'"):
        raise _problem(first, "expected a value in single quotes")
    parts: list[str] = []
    rest = value[1:]
    for index in range(first, len(lines)):
        if index > first:
            rest = lines[index]
        part, quote, behind = rest.partition("'")
        parts.append(part)
        if quote:
            behind = behind.lstrip(_BLANK)
            if behind and not behind.startswith("#"):
                raise _problem(index, "expected nothing but a comment behind the closing quote")
            return "\n".join(parts), index + 1
    raise _problem(first, "expected a closing quote")


def _problem(index: int, expected: str) -> ValueError:
    return ValueError(f"line {index + 1}: {expected}")
