"""Conditions such as `golden.macro_f1 >= best - 0.03`: parsed into a small tree, never evaluated as code.

condition = metric operator linear
linear    = term [("+" | "-") number]  |  number
term      = reference  |  number "*" reference  |  reference "*" number
reference = "production" | "best" | metric
metric    = name {"." name}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

Operator = Literal[">", ">=", "<", "<="]
BASELINES = ("production", "best")
CONDITION_EXPECTED = "a condition such as 'fresh.macro_f1 > production' or 'latency.p99 <= 1.5 * production'"
LONGEST = 200

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)|(?P<sign>>=|<=|>|<|\+|-|\*))"
)


class ConditionUnreadable(ValueError):
    """The text isn't in the grammar; `expected` says what should have stood there."""

    def __init__(self, text: str, expected: str) -> None:
        self.text = text
        self.expected = expected
        super().__init__(expected)


@dataclass(frozen=True)
class Metric:
    """A measured number. `suite` is what it is measured on (`fresh`, `latency`), None for a bare name."""

    suite: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.suite}.{self.name}" if self.suite else self.name


@dataclass(frozen=True)
class Baseline:
    """The left metric as another version has it: `production`'s now, or the `best` ever in production."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Linear:
    """`factor * of + offset`; a constant has `of` None, factor 0 and its value as offset."""

    factor: float
    of: Baseline | Metric | None
    offset: float

    def at(self, value: float) -> float:
        """The bound when the reference measures `value` (ignored by a constant)."""
        return self.factor * value + self.offset

    def __str__(self) -> str:
        if self.of is None:
            return _number(self.offset)
        term = str(self.of) if self.factor == 1 else f"{_number(self.factor)} * {self.of}"
        if self.offset == 0:
            return term
        return f"{term} {'+' if self.offset > 0 else '-'} {_number(abs(self.offset))}"


@dataclass(frozen=True)
class Condition:
    left: Metric
    op: Operator
    right: Linear

    def __str__(self) -> str:
        return f"{self.left} {self.op} {self.right}"

    @property
    def baseline(self) -> str | None:
        """`production` or `best` when the condition leans on one, else None."""
        return self.right.of.name if isinstance(self.right.of, Baseline) else None

    @staticmethod
    def parse(text: str) -> Condition:
        """Read a condition; `parse(str(condition)) == condition`. Raises ConditionUnreadable."""
        return _Reader(text).condition()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.at = 0

    def condition(self) -> Condition:
        left = _metric(self.take("name", "a metric such as fresh.macro_f1"))
        if str(left) in BASELINES:
            raise ConditionUnreadable(self.text, f"a metric left of the comparison, not {str(left)!r}")
        op = self.take("sign", "one of >, >=, <, <=")
        if op not in (">", ">=", "<", "<="):
            raise ConditionUnreadable(self.text, f"one of >, >=, <, <= after {left}, not {op!r}")
        right = self.linear()
        if self.at < len(self.tokens):
            raise ConditionUnreadable(self.text, f"nothing more after '{left} {op} {right}'")
        return Condition(left, cast(Operator, op), right)

    def linear(self) -> Linear:
        if self.kind() == "number":
            number = float(self.take("number", "a number"))
            if self.sign() != "*":
                return Linear(0.0, None, number)
            self.at += 1
            factor, of = number, self.reference()
        else:
            factor, of = 1.0, self.reference()
            if self.sign() == "*":
                self.at += 1
                factor = float(self.take("number", "a number after *"))
        if factor == 0:
            raise ConditionUnreadable(self.text, "a factor above 0")
        return Linear(factor, of, self.offset())

    def offset(self) -> float:
        sign = self.sign()
        if sign not in ("+", "-"):
            return 0.0
        self.at += 1
        number = float(self.take("number", f"a number after {sign}"))
        return -number if sign == "-" and number else number

    def reference(self) -> Baseline | Metric:
        name = self.take("name", "production, best, a metric or a number right of the comparison")
        return Baseline(name) if name in BASELINES else _metric(name)

    def kind(self) -> str | None:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else None

    def sign(self) -> str | None:
        return self.tokens[self.at][1] if self.kind() == "sign" else None

    def take(self, kind: str, expected: str) -> str:
        if self.kind() != kind:
            raise ConditionUnreadable(self.text, expected)
        self.at += 1
        return self.tokens[self.at - 1][1]


def _tokens(text: str) -> list[tuple[str, str]]:
    if len(text) > LONGEST:
        raise ConditionUnreadable(text[:LONGEST], f"a condition of at most {LONGEST} characters")
    found: list[tuple[str, str]] = []
    body, at = text.rstrip(), 0
    while at < len(body):
        match = _TOKEN.match(body, at)
        if match is None:
            raise ConditionUnreadable(text, f"{CONDITION_EXPECTED}; {body[at:].strip()[:20]!r} can't be read")
        kind = cast(str, match.lastgroup)
        if kind == "number" and not isfinite(float(match[kind])):
            raise ConditionUnreadable(text, "a finite number")
        found.append((kind, match[kind]))
        at = match.end()
    return found


def _metric(text: str) -> Metric:
    suite, dot, name = text.partition(".")
    return Metric(suite, name) if dot else Metric(None, text)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _condition(value: Any) -> Condition:
    if isinstance(value, Condition):
        return value
    if not isinstance(value, str):
        raise ConditionUnreadable(repr(value), CONDITION_EXPECTED)
    return Condition.parse(value)


ConditionText = Annotated[
    Condition,
    BeforeValidator(_condition),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "description": CONDITION_EXPECTED}),
]
