"""`$(NAME)` in environment variables, `command`, `args` and `subPathExpr`, as the Kubernetes API documents it.

It is not a shell: there is no `$NAME`, no `${NAME}` and no nesting, and what does not resolve stays as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_DOLLAR = re.compile(r"\$(?:\$|\(([^)]*)\))")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replaces `$(NAME)` by the variable of that name.

    `$$` is a dollar sign, so `$$(NAME)` is the text `$(NAME)`. A reference to an unknown name stays, as does `$(`
    without a `)` behind it. A name is all that stands between `$(` and the next `)`. What a variable is replaced by is
    not looked at again. Takes linear time on any text.
    """
    if "$" not in text:
        return text

    def replacement(match: re.Match[str]) -> str:
        name = match[1]
        return "$" if name is None else variables.get(name, match[0])

    end = _end_of_references(text)
    return _DOLLAR.sub(replacement, text[:end]) + text[end:].replace("$$", "$")


def references(text: str) -> Iterator[str]:
    """The names that `expand` would look up, in their order, as often as they occur."""
    return (match[1] for match in _DOLLAR.finditer(text, 0, _end_of_references(text)) if match[1] is not None)


def _end_of_references(text: str) -> int:
    """Behind the last `)`: searching from each `$(` for one that is not there would take quadratic time."""
    return text.rfind(")") + 1
