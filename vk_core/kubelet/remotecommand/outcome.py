"""How a command ended, and how the client is told: the last thing that goes over the error channel.

Pure. Since `v4.channel.k8s.io` it is a `metav1.Status` in JSON, before that plain text. Clients take an error channel
that ends without a word for success, so every ending has its status.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

HIGHEST_EXIT_CODE = 255
"""Clients read the exit code with eight bits."""

STATUS_VERSION = 4
"""The first version of the remote command protocol that has a Status; older ones have text."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a session.

    Attributes:
        exit_code: 0 to 255, 128 + n after signal n; attaching has 0 always.
        error: why the command could not be run to its end; empty if it was.
    """

    exit_code: int = 0
    error: str = ""

    @property
    def message(self) -> str:
        """A sentence for people; empty for success."""
        if self.error:
            return f"Internal error occurred: {self.error}"
        if self.exit_code:
            return f"command terminated with non-zero exit code: exit code {self.exit_code}"
        return ""


def exited(code: object) -> Outcome:
    """The outcome for the exit code that a provider gave.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(code, int) or isinstance(code, bool) or not 0 <= code <= HIGHEST_EXIT_CODE:
        raise ValueError(f"expected an exit code from 0 to {HIGHEST_EXIT_CODE}, got {code!r}")
    return Outcome(exit_code=code)


def status_of(outcome: Outcome, version: int) -> bytes:
    """What goes over the error channel in this version of the protocol; nothing only for success before version 4."""
    if version < STATUS_VERSION:
        return outcome.message.encode()
    return msgspec.json.encode(_status(outcome))


def _status(outcome: Outcome) -> dict[str, object]:
    status: dict[str, object] = {"metadata": {}, "status": "Failure" if outcome.message else "Success"}
    if outcome.error:
        details = {"causes": [{"message": outcome.error}]}
        return {**status, "message": outcome.message, "reason": "InternalError", "details": details, "code": 500}
    if outcome.exit_code:
        causes = [{"reason": "ExitCode", "message": str(outcome.exit_code)}]
        return {**status, "message": outcome.message, "reason": "NonZeroExitCode", "details": {"causes": causes}}
    return status
