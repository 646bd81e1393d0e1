"""How right the answers are, as far as labels tell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

Z = 1.959964


@dataclass(frozen=True, slots=True)
class Judged:
    """A labelled answer."""

    version: str
    arm: str
    predicted_at: datetime
    correct: bool


@dataclass(frozen=True, slots=True)
class Point:
    """The accuracy of `n` successive labelled answers, the last of them at `at`."""

    at: datetime
    accuracy: float
    n: int


@dataclass(frozen=True, slots=True)
class Quality:
    """The accuracy of a version in an arm over its `n` latest labelled answers, with Wilson's 95 % interval."""

    version: str
    arm: str
    n: int
    correct: int
    accuracy: float
    low: float
    high: float
    series: list[Point]


def qualities(judged: Sequence[Judged], points: int) -> list[Quality]:
    """One for each version and arm; each series has at most about `points` points of at least ten answers."""
    ordered = sorted(judged, key=lambda one: (one.version, one.arm, one.predicted_at))
    groups = groupby(ordered, key=lambda one: (one.version, one.arm))
    return [_quality(version, arm, list(answers), points) for (version, arm), answers in groups]


def _quality(version: str, arm: str, answers: list[Judged], points: int) -> Quality:
    n, right = len(answers), sum(one.correct for one in answers)
    low, high = wilson(right, n)
    step = max(10, math.ceil(n / points))
    parts = [answers[end - step : end] for end in range(step, n + 1, step)]
    series = [Point(part[-1].predicted_at, sum(one.correct for one in part) / step, step) for part in parts]
    return Quality(version, arm, n, right, right / n, low, high, series)


def wilson(right: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a proportion (Wilson 1927)."""
    share, square = right / n, Z * Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = Z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
