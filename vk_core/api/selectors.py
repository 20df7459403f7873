"""Label, field and node selectors: parsed once, matched many times.

Label selectors come as text (`kubectl -l`, query parameters), as `metav1.LabelSelector` and inside node affinity; field
selectors as text only. Everything here is pure and knows nothing of objects: a label selector is matched against a map
of labels, a field selector against a map from field path to text. Which fields a kind offers is its owner's business.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

Operator: TypeAlias = Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]

_KEY = re.compile(
    r"(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_TOKEN = re.compile(r"\s*(?:(?P<symbol>!=|==|[=!<>,()])|(?P<word>[^\s=!<>,()]+))")
_OPERATORS: dict[str, Operator] = {
    "In": "In",
    "NotIn": "NotIn",
    "Exists": "Exists",
    "DoesNotExist": "DoesNotExist",
    "Gt": "Gt",
    "Lt": "Lt",
}
_SYMBOLS: dict[str, Operator] = {"=": "In", "==": "In", "!=": "NotIn", ">": "Gt", "<": "Lt"}


class Expression(Protocol):
    """What `LabelSelectorRequirement` and `NodeSelectorRequirement` have in common."""

    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def operator(self) -> str: ...  # noqa: D102
    @property
    def values(self) -> Sequence[str]: ...  # noqa: D102


class Term(Protocol):
    """A `NodeSelectorTerm`: its expressions and fields all have to match."""

    @property
    def match_expressions(self) -> Sequence[Expression]: ...  # noqa: D102
    @property
    def match_fields(self) -> Sequence[Expression]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one key. As in Kubernetes, `NotIn` and `DoesNotExist` hold when the key is missing."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, values: Mapping[str, str]) -> bool:
        """Tells whether the requirement holds for these labels or fields."""
        value = values.get(self.key)
        if value is None:
            return self.operator in {"NotIn", "DoesNotExist"}
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Gt" | "Lt":
                return self._compares(value)
        return self.operator == "Exists"

    def _compares(self, value: str) -> bool:
        (bound,) = self.values
        actual = _integer(value)
        if actual is None:
            return False
        return actual > int(bound) if self.operator == "Gt" else actual < int(bound)


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Requirements that all have to hold; none at all matches everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Tells whether all requirements hold; `None` is no labels."""
        return all(requirement.matches(labels or {}) for requirement in self.requirements)


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Conditions `field = value` or `field != value` that all have to hold. A field that is missing is empty."""

    terms: tuple[tuple[str, bool, str], ...] = ()
    """Field path, whether it has to be equal, value."""

    @property
    def fields(self) -> frozenset[str]:
        """The field paths asked for, to be checked against what a kind offers."""
        return frozenset(field for field, _, _ in self.terms)

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Tells whether all conditions hold for an object's fields."""
        return all((fields.get(field, "") == value) == equal for field, equal, value in self.terms)

    def required(self, field: str) -> str | None:
        """Returns the one value that a field must have, if the selector says so: an index can be used then."""
        return next((value for name, equal, value in self.terms if equal and name == field), None)


@dataclass(frozen=True, slots=True)
class NodeSelector:
    """Terms of which one has to match; a term holds requirements on labels and on fields (`metadata.name`)."""

    terms: tuple[tuple[tuple[Requirement, ...], tuple[Requirement, ...]], ...] = ()

    def matches(self, *, labels: Mapping[str, str] | None, name: str) -> bool:
        """Tells whether a node with these labels and this name is selected; an empty term selects nothing."""
        fields = {"metadata.name": name}
        return any(
            (expressions or on_fields)
            and all(requirement.matches(labels or {}) for requirement in expressions)
            and all(requirement.matches(fields) for requirement in on_fields)
            for expressions, on_fields in self.terms
        )


def requirement(key: str, operator: str, values: Iterable[str] = ()) -> Requirement:
    """Makes one checked requirement.

    Raises:
        ValueError: an unknown operator, or a key or values that the operator cannot have.
    """
    known = _OPERATORS.get(operator)
    wanted = frozenset(values)
    if known is None:
        raise ValueError(f"{operator!r} is not an operator: expected one of {', '.join(_OPERATORS)}")
    _check_key(key)
    if known in {"In", "NotIn"} and not wanted:
        raise ValueError(f"{key}: operator {operator} needs at least one value")
    if known in {"Exists", "DoesNotExist"} and wanted:
        raise ValueError(f"{key}: operator {operator} takes no values")
    if known in {"Gt", "Lt"} and (len(wanted) != 1 or any(_integer(value) is None for value in wanted)):
        raise ValueError(f"{key}: operator {operator} needs exactly one integer")
    return Requirement(key, known, wanted)


def parse_label_selector(text: str) -> LabelSelector:
    """Parses the text form: `a=b,c!=d,e in (x,y),f notin (z),g,!h,i>5`.

    Raises:
        ValueError: the text is not a label selector; the message names what was expected where.
    """
    return LabelSelector(tuple(_Parser(text).requirements()))


def label_selector(match_labels: Mapping[str, str] | None, expressions: Iterable[Expression] = ()) -> LabelSelector:
    """Makes a selector from the two parts of a `metav1.LabelSelector`; both empty selects everything.

    Raises:
        ValueError: a key, operator or list of values is not valid.
    """
    equal = [requirement(key, "In", (value,)) for key, value in sorted((match_labels or {}).items())]
    return LabelSelector((*equal, *(_checked(expression) for expression in expressions)))


def node_selector(terms: Iterable[Term]) -> NodeSelector:
    """Makes a selector from `nodeSelectorTerms` of a required node affinity.

    Raises:
        ValueError: a key, operator or list of values is not valid.
    """
    return NodeSelector(
        tuple(
            (
                tuple(_checked(expression) for expression in term.match_expressions),
                tuple(_checked(expression) for expression in term.match_fields),
            )
            for term in terms
        )
    )


def parse_field_selector(text: str) -> FieldSelector:
    r"""Parses `spec.nodeName=x,status.phase!=Failed`; `\`, `,` and `=` in a value are escaped by a backslash.

    Raises:
        ValueError: the text is not a field selector.
    """
    return FieldSelector(tuple(_field_term(part) for part in re.findall(r"(?:\\.|[^,\\]|\\$)+", text, re.DOTALL)))


def _field_term(text: str) -> tuple[str, bool, str]:
    match = re.fullmatch(r"([^=!\\]+)(!=|==|=)((?:\\[\\,=]|[^\\=])*)", text, re.DOTALL)
    if match is None:
        raise ValueError(f"invalid field selector {text!r}: expected field=value, field==value or field!=value")
    return match[1].strip(), match[2] != "!=", re.sub(r"\\(.)", r"\1", match[3])


def _checked(expression: Expression) -> Requirement:
    return requirement(expression.key, expression.operator, expression.values)


def _check_key(key: str) -> None:
    if not _KEY.fullmatch(key) or len(key.rpartition("/")[0]) > 253:  # noqa: PLR2004 - length of a DNS name
        raise ValueError(f"{key!r} is not a label key: expected [prefix/]name with letters, digits, '-', '_' and '.'")


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,19}", text) else None


class _Parser:
    """Recursive descent over the tokens of one label selector."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [match["symbol"] or match["word"] for match in _TOKEN.finditer(text)]
        self._next = 0

    def requirements(self) -> Iterable[Requirement]:
        while self._next < len(self._tokens):
            yield self._requirement()
            if self._next < len(self._tokens):
                self._expect(",")
                if self._next == len(self._tokens):
                    raise self._error("a label key")

    def _requirement(self) -> Requirement:
        if self._peek() == "!":
            self._next += 1
            return requirement(self._word("a label key"), "DoesNotExist")
        key = self._word("a label key")
        symbol = self._peek()
        if symbol in {None, ","}:
            return requirement(key, "Exists")
        self._next += 1
        if symbol in {"in", "notin"}:
            return self._set(key, "In" if symbol == "in" else "NotIn")
        operator = _SYMBOLS.get(symbol or "")
        if operator is None:
            raise self._error("one of = == != > < in notin", before=1)
        return requirement(key, operator, (self._value(),))

    def _set(self, key: str, operator: Operator) -> Requirement:
        self._expect("(")
        values = [self._value()]
        while self._peek() == ",":
            self._next += 1
            values.append(self._value())
        self._expect(")")
        return requirement(key, operator, values)

    def _value(self) -> str:
        if self._peek() in {None, ",", ")"}:
            return ""
        value = self._word("a label value")
        if not _VALUE.fullmatch(value):
            raise ValueError(
                f"{value!r} is not a label value: expected at most 63 letters, digits, '-', '_' and '.', "
                "beginning and ending with a letter or digit"
            )
        return value

    def _word(self, expected: str) -> str:
        token = self._peek()
        if token is None or _TOKEN.fullmatch(token) is None or token[0] in "=!<>,()":
            raise self._error(expected)
        self._next += 1
        return token

    def _expect(self, symbol: str) -> None:
        if self._peek() != symbol:
            raise self._error(repr(symbol))
        self._next += 1

    def _peek(self) -> str | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _error(self, expected: str, *, before: int = 0) -> ValueError:
        at = self._next - before
        found = repr(self._tokens[at]) if at < len(self._tokens) else "the end"
        return ValueError(f"unable to parse label selector {self._text!r}: expected {expected}, found {found}")
