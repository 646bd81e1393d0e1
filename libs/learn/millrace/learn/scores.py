"""Scores of labelled predictions, and how sure they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def accuracy(truth: Labels, predicted: Labels) -> float:
    return float((truth == predicted).mean())


def macro_f1(truth: Labels, predicted: Labels) -> float:
    """The mean F1 of the classes that ``truth`` contains; codes are small integers from 0."""
    classes = int(max(truth.max(), predicted.max())) + 1
    hits = np.bincount(truth[truth == predicted], minlength=classes)
    there = np.bincount(truth, minlength=classes)
    said = np.bincount(predicted, minlength=classes)
    present = there > 0
    return float((2 * hits[present] / (there[present] + said[present])).mean())


def standard_error(
    score: Callable[[Labels, Labels], float],
    truth: Labels,
    predicted: Labels,
    clusters: Sequence[str],
    seed: int,
    resamples: int = 200,
) -> float:
    """Bootstrap over clusters: rows of one cluster are near duplicates and count as one piece of evidence."""
    return spread(lambda rows: score(truth[rows], predicted[rows]), clusters, seed, resamples)


def spread(score: Callable[[Labels], float], clusters: Sequence[str], seed: int, resamples: int = 200) -> float:
    """The standard error of a score of rows, by bootstrap over their clusters."""
    _, codes = np.unique(np.asarray(clusters), return_inverse=True)
    members = [np.flatnonzero(codes == code) for code in range(int(codes.max()) + 1)]
    chance = np.random.default_rng(seed)
    drawn = []
    for _ in range(resamples):
        rows = np.concatenate([members[pick] for pick in chance.integers(0, len(members), len(members))])
        drawn.append(score(rows))
    return float(np.std(drawn))


def calibration_error(correct: npt.NDArray[np.bool_], confidence: Floats, bins: int = 15) -> float:
    """Expected calibration error with bins of equal width (Guo et al. 2017)."""
    slot = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(float(correct[slot == b].mean() - confidence[slot == b].mean())) * float((slot == b).mean())
        for b in np.unique(slot)
    ]
    return float(sum(gaps))


def codes_of(*columns: Sequence[str]) -> list[Labels]:
    """Columns of labels as integer codes over one common, sorted set of names."""
    names = {name: code for code, name in enumerate(sorted(set().union(*columns)))}
    return [np.array([names[label] for label in column], dtype=np.int64) for column in columns]
