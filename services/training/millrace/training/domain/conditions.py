"""What runs are searched and sorted by: `scores.macro_f1 >= 0.9`, `method = full`, `started > 2026-11-01`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from millrace.chassis import Malformed

TEXTS = ("id", "workspace", "cycle", "method", "base", "state", "stage", "dataset", "version", "outcome", "failed")
NUMBERS = ("number", "step", "steps", "loss", "seconds", "bytes", "cost", "claims")
FLAGS = ("picked", "untrusted")
TIMES = ("opened", "started", "ended")
PARTS = ("scores", "parameters", "measured", "environment")
"""Fields that have names of their own in them, such as scores.macro_f1."""

FIELDS = (*TEXTS, *NUMBERS, *FLAGS, *TIMES, *(f"{part}.NAME" for part in PARTS))
CONDITION = re.compile(r"\s*([A-Za-z_]+(?:\.[\w.-]+)?)\s*(>=|<=|!=|=|>|<|~)\s*(.+?)\s*", re.DOTALL)
WHERE = "a condition such as 'scores.macro_f1 >= 0.9', 'method = full' or 'failed ~ memory'"
ORDERS = (">", ">=", "<", "<=")

Value = str | float | bool | datetime


@dataclass(frozen=True, slots=True)
class Field:
    """`name` within `part`, where it is of one."""

    part: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.part}.{self.name}" if self.part else self.name


@dataclass(frozen=True, slots=True)
class Condition:
    """`~` asks whether a text contains another, whatever the case of its letters."""

    field: Field
    operator: str
    value: Value


@dataclass(frozen=True, slots=True)
class Order:
    field: Field
    falling: bool


def condition(text: str) -> Condition:
    """Raises Malformed."""
    found = CONDITION.fullmatch(text)
    if found is None:
        raise Malformed("where", f"{WHERE}, not {text[:200]!r}")
    name, operator, told = found.groups()
    field = field_of(name, "where")
    value = _value(field, operator, told)
    if operator in ORDERS and isinstance(value, str | bool):
        raise Malformed("where", f"a number after {field} {operator}, not {told[:100]!r}")
    if operator == "~" and not isinstance(value, str):
        raise Malformed("where", f"=, !=, <, <=, > or >= after {field}: ~ is for texts")
    return Condition(field, operator, value)


def order(text: str) -> Order:
    """`-scores.macro_f1` has the highest first. Raises Malformed."""
    return Order(field_of(text.removeprefix("-").strip(), "sort"), text.startswith("-"))


def field_of(name: str, of: str) -> Field:
    """Raises Malformed, with the field that may have been meant."""
    part, dot, rest = name.partition(".")
    if dot and part in PARTS and rest:
        return Field(part, rest)
    if not dot and name in (*TEXTS, *NUMBERS, *FLAGS, *TIMES):
        return Field(None, name)
    meant = [f"{near}.{rest}" for near in get_close_matches(part, PARTS, n=1)] if dot and rest else FIELDS
    raise Malformed(of, f"a field of runs, not {name[:100]!r}{nearest(name, meant or FIELDS)}")


def nearest(name: str, known: Any) -> str:
    """` (did you mean ...?)`, or the names there are."""
    near = get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else f": one of {', '.join(sorted(known))}"


def _value(field: Field, operator: str, told: str) -> Value:
    told = told[1:-1] if len(told) > 1 and told[0] == told[-1] and told[0] in "\"'" else told
    if field.part:
        return told if operator == "~" or field.part == "environment" else _number_or_text(told)
    for names, read, expected in READ:
        if field.name in names:
            try:
                return read(told)
            except (ValueError, KeyError):
                raise Malformed("where", f"{expected} for {field}, not {told[:100]!r}") from None
    return told


def _number_or_text(told: str) -> Value:
    try:
        return float(told)
    except ValueError:
        return {"true": True, "false": False}.get(told, told)


def _flag(told: str) -> bool:
    return {"true": True, "yes": True, "false": False, "no": False}[told.lower()]


def _time(told: str) -> datetime:
    found = datetime.fromisoformat(told)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


READ: tuple[tuple[tuple[str, ...], Callable[[str], Value], str], ...] = (
    (NUMBERS, float, "a number"),
    (FLAGS, _flag, "true or false"),
    (TIMES, _time, "a time such as 2026-11-21 or 2026-11-21T10:00:00Z"),
)
