"""The last words of a container, as kubelet takes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.provider.termination import fit_message, termination_message

FALLBACK = "FallbackToLogsOnError"


@pytest.mark.parametrize(
    ("policy", "file", "exit_code", "message"),
    [
        pytest.param("File", b"why", 1, "why", id="file"),
        pytest.param("", b"why", 0, "why", id="file, also after success"),
        pytest.param("File", b"", 1, "", id="empty file"),
        pytest.param("File", None, 1, "", id="no file"),
        pytest.param(FALLBACK, b"why", 1, "why", id="file before the log"),
        pytest.param(FALLBACK, b"", 1, "log\n", id="log for an empty file"),
        pytest.param(FALLBACK, None, 1, "log\n", id="log for no file"),
        pytest.param(FALLBACK, None, 0, "", id="no log after success"),
    ],
)
def test_the_policy_chooses_file_or_log(policy: str, file: bytes | None, exit_code: int, message: str) -> None:
    assert termination_message(policy, file=file, log_tail=b"log\n", exit_code=exit_code) == message


def test_the_end_of_a_long_file_is_kept() -> None:
    assert termination_message("File", file=b"x" + b"a" * 4095, log_tail=b"", exit_code=1) == "x" + "a" * 4095
    assert termination_message("File", file=b"x" + b"a" * 4096, log_tail=b"", exit_code=1) == "a" * 4096


@pytest.mark.parametrize("end", [pytest.param(b"\n", id="ended line"), pytest.param(b"", id="open line")])
def test_the_last_80_lines_of_a_log_are_kept(end: bytes) -> None:
    lines = [f"line {number}\r" for number in range(100)]
    log = "\n".join(lines).encode() + end
    kept = "\n".join(lines[20:]) + end.decode()
    assert termination_message(FALLBACK, file=None, log_tail=log, exit_code=1) == kept


def test_the_last_2048_bytes_of_a_log_are_kept() -> None:
    log = b"x" + b"a" * 2000 + b"\n" + b"b" * 47
    assert termination_message(FALLBACK, file=None, log_tail=log, exit_code=1) == log[1:].decode()


@pytest.mark.parametrize("size", [pytest.param(size, id=f"{size} bytes more") for size in range(4)])
def test_a_character_that_is_cut_is_left_out(size: int) -> None:
    text = "😀" * 1024 + "a" * size
    message = termination_message("File", file=text.encode(), log_tail=b"", exit_code=1)
    assert message == ("😀" * (1024 - (size > 0)) + "a" * size)


@given(st.one_of(st.binary(max_size=64), st.binary(min_size=1, max_size=8).map(lambda data: data * 1000)))
def test_any_bytes_become_text_of_bounded_length(data: bytes) -> None:
    from_file = termination_message("File", file=data, log_tail=b"", exit_code=1)
    from_log = termination_message(FALLBACK, file=None, log_tail=data, exit_code=1)
    assert len(from_file.encode()) <= 4096
    assert len(from_log.encode()) <= 2048
    if len(data) <= 64:
        assert from_file == data.decode(errors="replace")


def test_all_containers_of_a_pod_together_have_12_kib() -> None:
    assert fit_message("a" * 4096, 3) == "a" * 4096
    assert fit_message("a" * 4096, 4) == "a" * 3072
    assert fit_message("é" * 2048, 7) == "é" * 877  # 1755 bytes
    assert fit_message("short", 2000) == "short"
    assert fit_message("any", 0) == "any"
