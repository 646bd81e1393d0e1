"""What a workspace's own rules (`data.quality`) have against a record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from math import isfinite

from millrace.events import Reason
from millrace.ingestion.domain.measures import FIGURES, Measured
from millrace.workspace import MEASURES, Quality, Typed, bounds, compiled, phrases

Value = float | str | None

_NUMBER = re.compile(r"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]{1,4})?")
_TYPES = {
    "text": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date such as 2026-01-31",
    "time": "a time such as 2026-01-31T09:30:00Z",
}


def of_text(text: str, quality: Quality) -> Iterator[Reason]:
    """Reasons against a masked text. They say figures and never what the text says."""
    own = {name: None if limit is None else (limit.min, limit.max) for name, limit in quality.limits.items()}
    measured = Measured(text)
    for name, (least, most) in bounds(quality.presets, own).items():
        if name not in FIGURES:  # of a newer release
            continue
        figure = FIGURES[name](measured)
        if (least is not None and figure < least) or (most is not None and figure > most):
            means = MEASURES[name].means
            yield Reason(code=name, field="text", expected=f"{_within(least, most)} {means}, not {shown(figure)}")
    for pattern in quality.deny:
        if compiled(pattern).search(text):
            yield Reason(code="denied", field="text", expected=f"nothing that matches {pattern}")
    for pattern in quality.require:
        if not compiled(pattern).search(text):
            yield Reason(code="not_matched", field="text", expected=f"something that matches {pattern}")
    if quality.blocked_words and (times := phrases(quality.blocked_words).found(text)):
        expected = f"none of the {len(quality.blocked_words)} blocked words, not {times}"
        yield Reason(code="blocked_words", field="text", expected=expected)


def shown(figure: float) -> str:
    """Three digits that tell, and all of a whole number."""
    return f"{figure:,.0f}" if abs(figure) >= 100 or figure == int(figure) else f"{figure:.3g}"


def of_metadata(metadata: Mapping[str, str], quality: Quality) -> Iterator[Reason]:
    yield from _fields("metadata", metadata, quality.metadata)


def of_values(values: Mapping[str, Value], quality: Quality) -> Iterator[Reason]:
    yield from _fields("values", values, quality.values)


def _fields(section: str, given: Mapping[str, Value], declared: Mapping[str, Typed]) -> Iterator[Reason]:
    for key, typed in declared.items():
        value = given.get(key)
        if value is None or value == "":
            expected = f"{_expected(typed)}, which is required" if typed.required else ""
        else:
            expected = _expected(typed) if _wrong(value, typed) else ""
        if expected:
            yield Reason(code="field", field=f"{section}.{key}", expected=expected)


def _expected(typed: Typed) -> str:
    if typed.one_of is not None:
        return f"one of {', '.join(typed.one_of)}"[:500]
    if typed.pattern is not None:
        return f"text of the form {typed.pattern}"
    bounded = typed.min is not None or typed.max is not None
    said = _TYPES[typed.type or ("number" if bounded else "text")]
    return f"{said}, {_within(typed.min, typed.max)}" if bounded else said


def _within(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f"{least:g} to {most:g}"
    return f"at least {least:g}" if least is not None else f"at most {most:g}"


def _wrong(value: float | str, typed: Typed) -> bool:
    if typed.type is not None and not _is_of(value, typed.type):
        return True
    if typed.min is not None or typed.max is not None:
        number = _number(value)
        if number is None:
            return True
        return (typed.min is not None and number < typed.min) or (typed.max is not None and number > typed.max)
    text = value if isinstance(value, str) else f"{value:g}"
    if typed.one_of is not None and text not in typed.one_of:
        return True
    return typed.pattern is not None and not compiled(typed.pattern).fullmatch(text)


def _is_of(value: float | str, kind: str) -> bool:
    if kind in ("integer", "number"):
        number = _number(value)
        return number is not None and (kind == "number" or number == int(number))
    if not isinstance(value, str):
        return False
    if kind == "boolean":
        return value.lower() in ("true", "false")
    if kind == "date":
        return _reads(date.fromisoformat, value)
    return kind != "time" or _reads(datetime.fromisoformat, value)


def _number(value: float | str) -> float | None:
    """The number that a value is or spells."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        return None
    number = float(value)
    return number if isfinite(number) else None


def _reads(read: Callable[[str], object], value: str) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True
