"""What a container that has ended says about it: `terminationMessagePath` and `terminationMessagePolicy`.

For providers, which know the container's file and log; they put the message into the status of the container.
"""

from __future__ import annotations

DEFAULT_TERMINATION_PATH = "/dev/termination-log"
"""Where a container writes its message if its specification names no other path."""

FALLBACK_TO_LOGS = "FallbackToLogsOnError"
"""The policy that takes the end of the log if a container has failed without a message."""

LONGEST_MESSAGE = 4096
LONGEST_LOG_MESSAGE = 2048
MOST_LOG_LINES = 80
LONGEST_POD_MESSAGES = 12 * 1024
"""How many bytes all containers of a pod may say together."""

_MOST_CONTINUATIONS = 3
_CONTINUATION, _CONTINUATION_MASK = 0b1000_0000, 0b1100_0000


def termination_message(policy: str, *, file: bytes | None, log_tail: bytes, exit_code: int) -> str:
    """Returns the message of a container that has ended: the end of its file, or of its log.

    Args:
        policy: `File` or `FallbackToLogsOnError`; empty is `File`.
        file: content of the file at its termination message path, or the last 4096 bytes; None if there is none.
        log_tail: the last lines of its log, stdout and stderr as they came; more than 80 lines or 2048 bytes are of
            no use.
        exit_code: what it ended with.
    """
    if file:
        return _end(file, LONGEST_MESSAGE)
    if policy != FALLBACK_TO_LOGS or exit_code == 0:
        return ""
    lines = log_tail[-LONGEST_LOG_MESSAGE:].split(b"\n")
    most = MOST_LOG_LINES if lines[-1] else MOST_LOG_LINES + 1
    return _end(b"\n".join(lines[-most:]), LONGEST_LOG_MESSAGE)


def fit_message(message: str, containers: int) -> str:
    """Cuts a message to its container's share of what a pod may say.

    Args:
        message: the termination message.
        containers: how many containers the pod has, init containers included.
    """
    longest = LONGEST_POD_MESSAGES // max(containers, 1)
    if len(message) * 4 <= longest:
        return message
    return message.encode(errors="replace")[:longest].decode(errors="ignore")


def _end(data: bytes, longest: int) -> str:
    """The last bytes as text, from the first whole character on; what is no UTF-8 becomes a replacement character."""
    kept = data[-longest:]
    if len(kept) == longest:
        kept = kept[_bytes_of_a_cut_character(kept) :]
    text = kept.decode(errors="replace")
    encoded = text.encode()
    return text if len(encoded) <= longest else encoded[-longest:].decode(errors="ignore")


def _bytes_of_a_cut_character(data: bytes) -> int:
    """How many bytes at the beginning continue a character that began before them: at most three."""
    count = 0
    while count < min(_MOST_CONTINUATIONS, len(data)) and data[count] & _CONTINUATION_MASK == _CONTINUATION:
        count += 1
    return count
