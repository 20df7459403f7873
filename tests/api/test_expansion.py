"""References in texts become values exactly where the documentation says so, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.api.expansion import expand, references

VARIABLES = {"A": "1", "B": "$(A)", "EMPTY": "", "$(A": "odd", "": "nameless", "a.b-c": "dots"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        pytest.param("plain", "plain", id="no reference"),
        pytest.param("<$(A)>", "<1>", id="reference"),
        pytest.param("$(A)$(A)", "11", id="twice"),
        pytest.param("$(EMPTY)", "", id="empty value"),
        pytest.param("$(a.b-c)", "dots", id="dots and dashes"),
        pytest.param("$(NONE)", "$(NONE)", id="unknown stays"),
        pytest.param("$(B)", "$(A)", id="a value is not expanded again"),
        pytest.param("$$(A)", "$(A)", id="escaped"),
        pytest.param("$$$(A)", "$1", id="escaped dollar before a reference"),
        pytest.param("$$$$(A)", "$$(A)", id="two escaped dollars"),
        pytest.param("a$$b", "a$b", id="doubled dollar alone"),
        pytest.param("$(A", "$(A", id="unclosed"),
        pytest.param("$(A)$(A$$", "1$(A$", id="unclosed behind a reference"),
        pytest.param("$($(A))", "odd)", id="a name goes to the first bracket, nesting or not"),
        pytest.param("$($(X))", "$($(X))", id="nested and unknown"),
        pytest.param("$A ${A} (A)", "$A ${A} (A)", id="no shell syntax"),
        pytest.param("$", "$", id="lone dollar"),
        pytest.param("$()", "nameless", id="empty name"),
    ],
)
def test_a_text_is_expanded_as_documented(text: str, expanded: str) -> None:
    assert expand(text, VARIABLES) == expanded


def model(text: str, variables: dict[str, str]) -> str:
    """The documentation read from left to right, one piece at a time."""
    done = ""
    while text:
        if text.startswith("$$"):
            done, text = done + "$", text[2:]
        elif text.startswith("$(") and ")" in text:
            name, _, text = text[2:].partition(")")
            done += variables.get(name, f"$({name})")
        else:
            done, text = done + text[0], text[1:]
    return done


class Recording(dict[str, str]):
    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables)
        self.asked: list[str] = []

    def get(self, name: str, default: str) -> str:  # type: ignore[override]
        self.asked.append(name)
        return super().get(name, default)


TEXTS = st.lists(st.sampled_from(["$", "$$", "(", ")", "$(", "$(A)", "A", "B", " ", "é\n"]), max_size=20).map("".join)


@given(TEXTS, st.dictionaries(st.sampled_from(["A", "B", "", "$(A", "AB"]), TEXTS))
def test_expansion_agrees_with_the_documentation_and_tells_the_names_it_needs(
    text: str, variables: dict[str, str]
) -> None:
    recording = Recording(variables)
    assert expand(text, recording) == model(text, variables)
    assert list(references(text)) == recording.asked


def test_hostile_text_takes_linear_time() -> None:
    text = "$(" * 1_000_000  # for ever, if each were searched to the end
    assert expand(text, VARIABLES) == text
    assert list(references(text)) == []
    assert expand("$$" * 1_000_000, VARIABLES) == "$" * 1_000_000
