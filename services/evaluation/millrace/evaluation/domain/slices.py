"""How well parts of a suite are answered, and which answers changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from millrace.evaluation.domain.answers import Answers, Texts
from millrace.evaluation.domain.bounds import Interval, effective, wilson

LEAST = 10
"""Rows of a slice that are worth a figure."""
MOST = 12
"""Slices of one kind, the largest."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows that are alike in one thing. `production` is its accuracy on the same rows, where it answered them."""

    kind: str
    name: str
    rows: int
    accuracy: float
    interval: Interval
    production: float | None = None


def slices(answers: Answers, kinds: Mapping[str, Texts], other: Answers | None = None) -> list[Slice]:
    """Accuracy by every kind, an array of names, one a row; Wilson's intervals, of the rows that clusters are worth."""
    right = dict(zip(other.ids.tolist(), other.correct.tolist(), strict=True)) if other is not None else {}
    found = []
    for kind, names in kinds.items():
        values, counts = np.unique(names, return_counts=True)
        order = sorted(zip(-counts, values.tolist(), strict=True))[:MOST]
        for count, name in order:
            if name and -count >= LEAST:
                found.append(_slice(kind, name, answers.only(names == name), right))
    return found


def _slice(kind: str, name: str, part: Answers, right: Mapping[str, bool]) -> Slice:
    _, members = np.unique(part.clusters, return_inverse=True)
    share = float(part.correct.mean())
    known = [right[id] for id in part.ids.tolist() if id in right]
    before = float(np.mean(known)) if len(known) == len(part) else None
    return Slice(kind, name, len(part), share, wilson(share, effective(part.correct, members)), before)


def lengths(characters: Sequence[int | None]) -> Texts:
    """A name for each text by its length, the thirds of the suite; none for one that is not there."""
    known = np.array([size for size in characters if size is not None])
    if not len(known):
        return np.zeros(len(characters), dtype=np.str_)
    low, high = np.quantile(known, (1 / 3, 2 / 3), method="lower")
    named = ("short", "middle", "long")
    told = ["" if size is None else named[int(size > low) + int(size > high)] for size in characters]
    return np.array(told, dtype=np.str_)


@dataclass(frozen=True, slots=True)
class Flips:
    """Rows that one of two versions answers rightly and the other wrongly: (id, truth, now, before), by their ids."""

    mended: list[tuple[str, str, str, str]]
    broken: list[tuple[str, str, str, str]]


def flips(now: Answers, before: Answers) -> Flips:
    """Over the rows that both answered."""
    former = dict(zip(before.ids.tolist(), before.prediction.tolist(), strict=True))
    mended: list[tuple[str, str, str, str]] = []
    broken: list[tuple[str, str, str, str]] = []
    for id, truth, answer in zip(now.ids.tolist(), now.truth.tolist(), now.prediction.tolist(), strict=True):
        was = former.get(id)
        if was is None or (was == truth) == (answer == truth):
            continue
        (mended if answer == truth else broken).append((id, truth, answer, was))
    return Flips(sorted(mended), sorted(broken))
