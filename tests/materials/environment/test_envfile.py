"""An env file is read as documented, and one that is none is refused without showing what is in it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.materials.environment.envfile import parse_env_file


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        pytest.param("", {}, id="empty"),
        pytest.param("A='1'", {"A": "1"}, id="without a newline at the end"),
        pytest.param("\n  \n# note\n \t# B='2'\n  A='1'\n", {"A": "1"}, id="blanks and comments"),
        pytest.param("A='1' # why\nB='2'#why\nC='3' \t\n", {"A": "1", "B": "2", "C": "3"}, id="comments behind"),
        pytest.param("A='x # y=$B \\n \"z\" '\n", {"A": 'x # y=$B \\n "z" '}, id="literal content"),
        pytest.param("A='one\n\n  # two\n'\nB=''\n", {"A": "one\n\n  # two\n", "B": ""}, id="several lines"),
        pytest.param("A= 'not the value'\nB=\t\nC='3'", {"A": "", "B": "", "C": "3"}, id="blank before the value"),
        pytest.param("A='1'\nB='2'\nA='3'", {"A": "3", "B": "2"}, id="the last definition counts"),
        pytest.param("A='1'\r\nB='x\r\ny'\r\n", {"A": "1", "B": "x\ny"}, id="Windows' line ends"),
        pytest.param("A.b-c='=x='", {"A.b-c": "=x="}, id="equals signs"),
    ],
)
def test_an_env_file_is_read_as_documented(text: str, variables: dict[str, str]) -> None:
    assert parse_env_file(text.encode()) == variables


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("A='1'\nhidden\n", "line 2: expected NAME='value'", id="no assignment"),
        pytest.param("\n='hidden'", "line 2: expected a name before the equals sign", id="no name"),
        pytest.param("A ='hidden'", "line 1: expected no blank before the equals sign", id="blank before"),
        pytest.param("A=hidden", "line 1: expected a value in single quotes", id="no quotes"),
        pytest.param('A="hidden"', "line 1: expected a value in single quotes", id="double quotes"),
        pytest.param("A=", "line 1: expected a value in single quotes", id="nothing"),
        pytest.param("#\nA='1\nhidden\n", "line 2: expected a closing quote", id="open quote"),
        pytest.param("A='1\n2'hidden", "line 2: expected nothing but a comment behind the closing quote", id="rest"),
    ],
)
def test_what_is_no_env_file_is_refused_by_line_and_not_shown(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_env_file(text.encode())
    assert str(caught.value) == message


def test_bytes_that_are_no_text_survive() -> None:
    value = parse_env_file(b"A='\xff\xc3'")["A"]
    assert value.encode("utf-8", "surrogateescape") == b"\xff\xc3"


STATEMENT = re.compile(
    r"""[ \t]* (?: \#[^\n]* )? (?:\n|\Z)
      | [ \t]* (?P<name> [^\#=\n \t] | [^\#=\n \t][^=\n]*[^=\n \t] ) =
        (?: (?P<empty> [ \t][^\n]* ) | '(?P<value>[^']*)' [ \t]* (?:\#[^\n]*)? ) (?:\n|\Z)
    """,
    re.VERBOSE,
)


def model(text: str) -> dict[str, str] | None:
    """The syntax as a grammar; None if the text is no sentence of it."""
    variables = {}
    place = 0
    while place < len(text):
        match = STATEMENT.match(text, place)
        if match is None:
            return None
        if match["name"]:
            variables[match["name"]] = match["value"] or ""
        place = match.end()
    return variables


PIECES = ["A", "B", "=", "'", "A='x'\n", "B='", "'\n", "\n", " ", "\t", "#", '"', "é", "SECRET"]


@given(st.lists(st.sampled_from(PIECES), max_size=16).map("".join))
def test_reading_agrees_with_the_grammar(text: str) -> None:
    expected = model(text)
    try:
        variables = parse_env_file(text.encode())
    except ValueError as problem:
        assert expected is None
        assert "SECRET" not in str(problem)
    else:
        assert variables == expected


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse_env_file(data)
    except ValueError as problem:
        assert re.fullmatch(r"line \d+: expected .*", str(problem))
