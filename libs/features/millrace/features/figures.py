"""The figures of a window: each depends on which values are in it, never on the order in which they came."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

Number = float | int | None
Cell = float | str
"""What an observation says of one value."""


def count(cells: Sequence[Cell]) -> int:
    return len(cells)


def distinct(cells: Sequence[Cell]) -> int:
    return len({(isinstance(cell, str), cell) for cell in cells})


def total(numbers: Sequence[float]) -> Number:
    """Their exact sum, rounded once; None where a float can't hold it. Of nothing it is 0."""
    return _finite(_sum(numbers))


def mean(numbers: Sequence[float]) -> Number:
    """None of nothing."""
    if not numbers:
        return None
    added = _sum(numbers)
    if math.isfinite(added):
        return added / len(numbers)
    return float(sum(map(Fraction, numbers)) / len(numbers))  # the mean fits where the sum does not


def least(numbers: Sequence[float]) -> Number:
    return min(numbers, default=None)


def most(numbers: Sequence[float]) -> Number:
    return max(numbers, default=None)


def std(numbers: Sequence[float]) -> Number:
    """Of the population: 0 for one number, None for none or where a float can't hold it.

    In two passes, since the mean of squares less the square of the mean loses every digit of values that differ little,
    and less what the mean was rounded by (Chan, Golub and LeVeque 1983): equal numbers have no deviation.
    """
    middle = mean(numbers)
    if middle is None:
        return None
    apart = [number - middle for number in numbers]
    squares = [one * one for one in apart]
    if not all(map(math.isfinite, squares)) or not math.isfinite(added := _sum(squares)):
        return None
    rounded = _sum(apart)
    return math.sqrt(max(0.0, added - rounded * (rounded / len(apart))) / len(apart))


def _sum(numbers: Sequence[float]) -> float:
    """By fsum, which rounds once; where its partial sums overflow, by fractions."""
    try:
        return math.fsum(numbers)
    except OverflowError:
        exact = sum(map(Fraction, numbers))
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _finite(number: float) -> Number:
    return number if math.isfinite(number) else None


OF_CELLS: dict[str, Callable[[Sequence[Cell]], int]] = {"count": count, "distinct": distinct}
OF_NUMBERS: dict[str, Callable[[Sequence[float]], Number]] = {
    "sum": total,
    "mean": mean,
    "min": least,
    "max": most,
    "std": std,
}
