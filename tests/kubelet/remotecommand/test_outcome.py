"""Clients read the status word for word."""

from __future__ import annotations

import json

import pytest

from vk_core.kubelet.remotecommand.outcome import Outcome, exited, status_of


def test_success_is_a_status_without_an_exit_code() -> None:
    assert status_of(Outcome(), 4) == b'{"metadata":{},"status":"Success"}'


@pytest.mark.parametrize("code", [1, 3, 126, 127, 137, 255])
def test_an_exit_code_is_told_as_a_decimal_cause(code: int) -> None:
    status = json.loads(status_of(exited(code), 4))
    assert status.pop("message") == f"command terminated with non-zero exit code: exit code {code}"
    assert status == {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def test_an_error_is_an_internal_error_with_its_reason() -> None:
    assert json.loads(status_of(Outcome(error="error executing command in container: no such shell"), 4)) == {
        "metadata": {},
        "status": "Failure",
        "message": "Internal error occurred: error executing command in container: no such shell",
        "reason": "InternalError",
        "details": {"causes": [{"message": "error executing command in container: no such shell"}]},
        "code": 500,
    }


@pytest.mark.parametrize("version", [1, 2, 3])
def test_old_protocols_get_plain_text_and_nothing_on_success(version: int) -> None:
    assert status_of(Outcome(), version) == b""
    assert status_of(exited(3), version) == b"command terminated with non-zero exit code: exit code 3"
    assert status_of(Outcome(error="it broke"), version) == b"Internal error occurred: it broke"


@pytest.mark.parametrize("code", [-9, 256, True, None, "0"])
def test_what_is_no_exit_code_is_never_told_as_one(code: object) -> None:
    with pytest.raises(ValueError, match="expected an exit code from 0 to 255"):
        exited(code)
