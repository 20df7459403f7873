"""Selectors mean what they mean to kubectl and to the scheduler."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.api.selectors import label_selector, node_selector, parse_field_selector, parse_label_selector


@dataclass(frozen=True)
class Expression:
    key: str
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Term:
    match_expressions: tuple[Expression, ...] = field(default=())
    match_fields: tuple[Expression, ...] = field(default=())


LABELS = {"app": "web", "tier": "front", "example.com/rank": "7", "empty": ""}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app=web,tier=back", False),
        ("app!=web", False),
        ("missing!=web", True),
        ("app in (db, web)", True),
        ("app notin (db,web)", False),
        ("missing notin (x)", True),
        ("app", True),
        ("!app", False),
        ("!missing , app", True),
        ("empty=", True),
        ("empty in ()", True),
        ("example.com/rank>6", True),
        ("example.com/rank<7", False),
        ("app>6", False),
        ("in in (notin)", False),
    ],
)
def test_a_label_selector_in_text_form_selects(text: str, matches: bool) -> None:
    assert parse_label_selector(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("app=web,", "expected a label key, found the end"),
        ("=web", "expected a label key, found '='"),
        ("app in web", r"expected '\(', found 'web'"),
        ("app in (web", r"expected '\)', found the end"),
        ("app web", "expected one of = == != > < in notin, found 'web'"),
        ("-app=web", "is not a label key"),
        ("app=web!", "expected ',', found '!'"),
        ("app=a:b", "is not a label value"),
        ("rank>high", "needs exactly one integer"),
    ],
)
def test_a_wrong_label_selector_is_refused_with_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_label_selector(text)


def test_a_label_selector_object_needs_its_labels_and_its_expressions() -> None:
    selector = label_selector({"app": "web"}, (Expression("tier", "In", ("front", "back")), Expression("x", "Exists")))
    assert not selector.matches(LABELS)
    assert selector.matches({**LABELS, "x": "1"})
    assert label_selector(None).matches(None)


@pytest.mark.parametrize(
    "expression",
    [Expression("a", "in", ("x",)), Expression("a", "In"), Expression("a", "Exists", ("x",)), Expression("a", "Gt")],
)
def test_an_expression_whose_values_do_not_fit_its_operator_is_refused(expression: Expression) -> None:
    with pytest.raises(ValueError, match="operator"):
        label_selector(None, (expression,))


def test_a_field_selector_compares_text_and_takes_a_missing_field_as_empty() -> None:
    selector = parse_field_selector(r"spec.nodeName=n1,status.phase!=Failed,note==a\,b\=c")
    assert selector.fields == {"spec.nodeName", "status.phase", "note"}
    assert selector.required("spec.nodeName") == "n1"
    assert selector.required("status.phase") is None
    assert selector.matches({"spec.nodeName": "n1", "note": "a,b=c"})
    assert not selector.matches({"spec.nodeName": "n1", "note": "a,b=c", "status.phase": "Failed"})
    assert parse_field_selector("spec.nodeName=").matches({})


@pytest.mark.parametrize("text", ["spec.nodeName", "=x", "a=b=c", "a=\\x", "a=b\\"])
def test_a_wrong_field_selector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid field selector"):
        parse_field_selector(text)


def test_one_matching_node_selector_term_is_enough_and_an_empty_term_matches_nothing() -> None:
    rank = Term(match_expressions=(Expression("example.com/rank", "Gt", ("9",)),))
    name = Term(match_fields=(Expression("metadata.name", "In", ("n1",)),))
    assert node_selector((rank, name)).matches(labels=LABELS, name="n1")
    assert not node_selector((rank, name)).matches(labels=LABELS, name="n2")
    both = Term(match_expressions=rank.match_expressions, match_fields=name.match_fields)
    assert not node_selector((both,)).matches(labels=LABELS, name="n1")
    assert not node_selector((Term(),)).matches(labels=LABELS, name="n1")


@given(st.text(alphabet="ab=!<>,() innot/.-\\", max_size=30))
def test_any_text_is_either_a_selector_or_a_value_error(text: str) -> None:
    for parse in (parse_label_selector, parse_field_selector):
        try:
            selector = parse(text)
        except ValueError:
            continue
        assert selector.matches({}) in {True, False}
