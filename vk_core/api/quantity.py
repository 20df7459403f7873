"""Resource quantities: `100m`, `1Gi`, `2`, `1e3` as exact numbers, and back to the text Kubernetes prints.

Capacity, requests and limits travel as text. Arithmetic on them has to be exact (three times `100m` is `300m`), so a
quantity is an `int`, or a `Fraction` when it is not whole; never a float. The rules are those of
`k8s.io/apimachinery/pkg/api/resource`: nothing smaller than a nano-unit exists (the rest is rounded away from zero)
and nothing larger than 2**63 - 1 either (it is capped).
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Literal, TypeAlias

Quantity: TypeAlias = int | Fraction
QuantityFormat: TypeAlias = Literal["DecimalSI", "BinarySI", "DecimalExponent"]

LARGEST = 2**63 - 1
"""The largest absolute value a quantity can have."""

_GRAMMAR = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(?:\.(?P<part>[0-9]*))?(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE](?P<power>[+-]?[0-9]+))?"
)
_BINARY = {suffix: 1024**power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)}
_DECIMAL_POWERS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIXES = {power: suffix for suffix, power in _DECIMAL_POWERS.items()}
_NANO = 10**9
_LONGEST_TEXT = 256


def parse_quantity(text: str) -> Quantity:
    """Returns the exact value of a quantity: an `int` when whole, else a `Fraction`.

    Raises:
        ValueError: the text is not a quantity; the message says what one looks like.
    """
    if text.isascii() and text.isdigit() and len(text) < 19:  # noqa: PLR2004 - 18 digits always fit below LARGEST
        return int(text)
    return _parse_quantity(text)


@lru_cache(maxsize=4096)
def _parse_quantity(text: str) -> Quantity:
    match = _GRAMMAR.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if match is None or not (match["whole"] or match["part"]):
        shown = text if len(text) <= _LONGEST_TEXT else f"{text[:32]}..."
        expected = "expected a number with an optional suffix, such as 2, 500m, 1.5 or 1Gi"
        raise ValueError(f"{shown!r} is not a quantity: {expected}")
    digits, part, suffix = match["whole"], match["part"] or "", match["suffix"] or ""
    mantissa = int(digits + part)
    if suffix in _BINARY:
        size = _bounded(Fraction(mantissa * _BINARY[suffix], 10 ** len(part)))
    else:
        size = _scaled(mantissa, power=_power(suffix, match["power"]) - len(part))
    return -size if match["sign"] == "-" else size


def _power(suffix: str, exponent: str | None) -> int:
    return _DECIMAL_POWERS[suffix] if exponent is None else int(exponent)


def _scaled(mantissa: int, *, power: int) -> Quantity:
    """Scales by a power of ten without ever building an absurdly large number from a text such as `1e999999999`."""
    if mantissa == 0:
        return 0
    if power > _LONGEST_TEXT:
        return LARGEST
    if power < -2 * _LONGEST_TEXT:
        return Fraction(1, _NANO)
    return _bounded(Fraction(mantissa) * Fraction(10) ** power)


def _bounded(size: Fraction) -> Quantity:
    """Rounds a size that is not negative up to whole nano-units and caps it."""
    if size.denominator == 1:
        return min(size.numerator, LARGEST)
    nanos = -(-size.numerator * _NANO // size.denominator)
    rounded = Fraction(nanos, _NANO)
    if rounded >= LARGEST:
        return LARGEST
    return rounded.numerator if rounded.denominator == 1 else rounded


def quantity_format(text: str) -> QuantityFormat:
    """Returns the family of suffixes a quantity is written in; sums are printed in the format of their first operand.

    Raises:
        ValueError: the text is not a quantity.
    """
    parse_quantity(text)
    if text.endswith("i"):
        return "BinarySI"
    return "DecimalExponent" if "e" in text.lower() and not text.endswith("E") else "DecimalSI"


def format_quantity(value: Quantity, *, like: str | None = None, format: QuantityFormat = "DecimalSI") -> str:
    """Returns the canonical text: no fraction, the largest suffix that allows it; `1.5Gi` is `1536Mi`.

    Args:
        value: the quantity; what is smaller than a nano-unit is rounded away from zero.
        like: a quantity whose format is taken over, instead of `format`.
        format: the family of suffixes.
    """
    family = format if like is None else quantity_format(like)
    sign = "-" if value < 0 else ""
    size: Quantity = -value if value < 0 else value
    if family == "BinarySI" and size >= 1024:  # noqa: PLR2004 - smaller ones would only be rounded
        return sign + _format_binary(_ceiling(size))
    return sign + _format_decimal(size, exponent=family == "DecimalExponent")


def _format_binary(size: int) -> str:
    suffix = ""
    for name in _BINARY:
        if size % 1024:
            break
        size //= 1024
        suffix = name
    return f"{size}{suffix}"


def _format_decimal(size: Quantity, *, exponent: bool) -> str:
    fraction = Fraction(size)
    number, power = -(-fraction.numerator * _NANO // fraction.denominator), -9
    if number == 0:
        return "0"
    while number % 1000 == 0 and power < _DECIMAL_POWERS["E"]:
        number //= 1000
        power += 3
    if exponent:
        return f"{number}e{power}" if power else str(number)
    return f"{number}{_DECIMAL_SUFFIXES[power]}"


@lru_cache(maxsize=4096)
def milli(text: str) -> int:
    """Returns a quantity in thousandths, rounded up: how CPU is counted when scheduling (`100m` -> 100, `2` -> 2000).

    Raises:
        ValueError: the text is not a quantity.
    """
    return _ceiling(parse_quantity(text) * 1000)


@lru_cache(maxsize=4096)
def whole(text: str) -> int:
    """Returns a quantity in whole units, rounded up: how everything but CPU is counted when scheduling (`1Ki` -> 1024).

    Raises:
        ValueError: the text is not a quantity.
    """
    return _ceiling(parse_quantity(text))


def _ceiling(value: Quantity) -> int:
    return -(-value.numerator // value.denominator)
