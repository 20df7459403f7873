"""Quantities are exact, are printed as Kubernetes prints them, and never blow up on hostile text."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.api.quantity import LARGEST, format_quantity, milli, parse_quantity, quantity_format, whole


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("2", 2),
        ("-3", -3),
        ("+3", 3),
        ("100m", Fraction(1, 10)),
        ("1.5", Fraction(3, 2)),
        (".5", Fraction(1, 2)),
        ("1.", 1),
        ("1Ki", 1024),
        ("1.5Gi", 3 * 2**29),
        ("1E", 10**18),
        ("1e3", 1000),
        ("1E3", 1000),
        ("12e-1", Fraction(6, 5)),
        ("5k", 5000),
        ("0.1n", Fraction(1, 10**9)),
        ("10E", LARGEST),
        ("-10Ei", -LARGEST),
        ("1e999999999", LARGEST),
        ("1e-999999999", Fraction(1, 10**9)),
    ],
)
def test_a_quantity_has_an_exact_value(text: str, value: int | Fraction) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize(
    "text", ["", ".", "1 Gi", "1gi", "1K", "abc", "1e", "0x10", "1.2.3", "--1", "1Gi ", "²", "9" * 300]
)
def test_what_is_not_a_quantity_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity: expected a number"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1.5Gi", "1536Mi"),
        ("1024Mi", "1Gi"),
        ("0.5Ki", "512"),
        ("1000m", "1"),
        ("1.5", "1500m"),
        ("0.0001", "100u"),
        ("1000000", "1M"),
        ("1234", "1234"),
        ("1e3", "1e3"),
        ("12e4", "120e3"),
        ("0Mi", "0"),
        ("-2048", "-2048"),
        ("-2048Ki", "-2Mi"),
    ],
)
def test_a_quantity_is_printed_in_its_canonical_form(text: str, canonical: str) -> None:
    assert format_quantity(parse_quantity(text), like=text) == canonical


def test_scheduling_counts_are_rounded_up() -> None:
    assert (milli("100m"), milli("2"), milli("0.0001"), milli("-1500u")) == (100, 2000, 1, -1)
    assert (whole("1Ki"), whole("100m"), whole("1.5")) == (1024, 1, 2)


@given(st.integers(-LARGEST, LARGEST), st.sampled_from(["DecimalSI", "BinarySI", "DecimalExponent"]))
def test_every_whole_value_survives_printing_and_parsing(value: int, format: str) -> None:
    text = format_quantity(value, format=format)  # type: ignore[arg-type]
    assert parse_quantity(text) == value


@given(st.integers(-(10**15), 10**15))
def test_every_value_in_nano_units_survives_printing_and_parsing(nanos: int) -> None:
    assert parse_quantity(format_quantity(Fraction(nanos, 10**9))) == Fraction(nanos, 10**9)


@given(st.text(alphabet="0123456789.eE+-KMGTPinumk ", max_size=40) | st.text(max_size=12))
def test_any_text_is_either_a_quantity_with_a_stable_canonical_form_or_a_value_error(text: str) -> None:
    try:
        value = parse_quantity(text)
    except ValueError:
        return
    canonical = format_quantity(value, like=text)
    reparsed = parse_quantity(canonical)
    assert format_quantity(reparsed, format=quantity_format(text)) == canonical
    assert reparsed >= value if value >= 0 else reparsed <= value
