"""What a cell of a table says as a value of an observation."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from math import isfinite, isnan
from typing import Any

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
NOTHING = ("", "nan", "null", "none")
"""What people write into a cell, in any case, that has no value."""


def cell(value: Any, *, text: bool = False) -> float | str | None:
    """A number, a text (with `text` even what looks like a number), or nothing. Raises ValueError: what is expected."""
    if value is None or (isinstance(value, str) and value.strip().lower() in NOTHING):
        return None
    if isinstance(value, date):
        return str(value.isoformat())
    if not isinstance(value, str | bool | int | float | Decimal):
        raise ValueError("a number or a text")
    if text or (isinstance(value, str) and not NUMBER.fullmatch(value.strip())):
        return str(value)
    number = float(value)
    if not isfinite(number) and not isnan(number):
        raise ValueError("a finite number")
    return None if isnan(number) else number
