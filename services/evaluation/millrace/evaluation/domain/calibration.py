"""Whether a version's confidence can be believed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from millrace.evaluation.domain.answers import Answers
from millrace.evaluation.domain.bounds import Floats, Interval

BINS = 15
DRAWS = 500


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows of like confidence: their mean confidence, and the share that was right."""

    confidence: float
    right: float
    rows: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """The expected calibration error with its interval, and the bins that it is made of, those with rows."""

    error: float
    interval: Interval
    bins: tuple[Bin, ...]


def calibration(answers: Answers, *, seed: int) -> Calibration | None:
    """Bins of equal width (Guo et al. 2017); the interval is of a bootstrap over clusters. None without confidences."""
    if answers.confidence is None or not len(answers):
        return None
    slots = np.minimum((answers.confidence * BINS).astype(np.intp), BINS - 1)
    clusters, members = np.unique(answers.clusters, return_inverse=True)
    sums = [np.zeros((len(clusters), BINS)) for _ in range(3)]
    for kind, values in zip(sums, (np.ones(len(answers)), answers.correct, answers.confidence), strict=True):
        np.add.at(kind, (members, slots), values)
    rows, right, told = (kind.sum(axis=0) for kind in sums)
    chance = np.random.default_rng(seed)
    drawn = chance.multinomial(len(clusters), np.full(len(clusters), 1 / len(clusters)), size=DRAWS).astype(np.float64)
    samples = np.array([_error(*(weights @ kind for kind in sums)) for weights in drawn])
    error = _error(rows, right, told)
    low, high = np.quantile(samples, (0.025, 0.975))
    there = np.flatnonzero(rows)
    return Calibration(
        error,
        # a resample is calibrated no better than the rows are, so its quantiles lie above: the estimate is inside
        Interval(min(float(low), error), max(float(high), error)),
        tuple(Bin(float(told[at] / rows[at]), float(right[at] / rows[at]), int(rows[at])) for at in there),
    )


def _error(rows: NDArray[np.float64], right: Floats, told: Floats) -> float:
    return float(np.abs(right - told).sum() / max(rows.sum(), 1.0))
