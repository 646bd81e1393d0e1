"""Durations (`10m`, `7d`) and rates (`1/50000`) as a person writes them, with one canonical text each."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

DURATION_EXPECTED = "a duration such as 30s, 10m, 1h, 7d or 2w"
RATE_EXPECTED = "a rate such as 1/50000"

_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"([0-9]{1,9})([smhdw])")
_RATE = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


def parse_duration(text: str) -> timedelta:
    """Read `<whole number><s|m|h|d|w>`, zero excluded. Raises ValueError saying what was expected."""
    match = _DURATION.fullmatch(text.strip())
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < seconds <= 100 * 365 * 86400:
        raise ValueError(DURATION_EXPECTED)
    return timedelta(seconds=seconds)


def format_duration(value: timedelta) -> str:
    """The shortest exact text: days where they divide, then hours, minutes and seconds (weeks are written as days)."""
    seconds = int(value.total_seconds())
    unit = next(unit for unit in ("d", "h", "m", "s") if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def parse_rate(text: str) -> Fraction:
    """Read `<whole>/<whole>` as a rate above 0 and at most 1. Raises ValueError saying what was expected."""
    match = _RATE.fullmatch(text.strip())
    if not match or not 0 < int(match[1]) <= int(match[2]):
        raise ValueError(RATE_EXPECTED)
    return Fraction(int(match[1]), int(match[2]))


def format_rate(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    return parse_duration(value if isinstance(value, str) else "")


def _rate(value: Any) -> Fraction:
    if isinstance(value, Fraction):
        return value
    return parse_rate(value if isinstance(value, str) else "")


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,9}[smhdw]$", "description": DURATION_EXPECTED}),
]
Rate = Annotated[
    Fraction,
    BeforeValidator(_rate),
    PlainSerializer(format_rate, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,9}/[0-9]{1,9}$", "description": RATE_EXPECTED}),
]
