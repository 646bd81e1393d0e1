"""What a version answered to the rows of a suite."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Texts = NDArray[np.str_]
Floats = NDArray[np.float64]
Ratios = Mapping[str, tuple[Floats, Floats]]
"""By metric what a row adds above and below the line."""


@dataclass(frozen=True, eq=False)
class Answers:
    """One version's answers to one suite: parallel arrays of one entry a row, in the suite's order.

    `confidence` is the probability that it gave its answer, `ms` the milliseconds that one took; both may be unknown.
    With `numeric`, truth and prediction are numbers as text: there is no right and wrong, only how far off. Answers in
    words have `words`, by which each row is measured.
    """

    ids: Texts
    clusters: Texts
    truth: Texts
    prediction: Texts
    confidence: Floats | None = None
    ms: Floats | None = None
    numeric: bool = False
    words: Ratios = field(default_factory=dict)

    @staticmethod
    def of(
        ids: Collection[str],
        clusters: Collection[str],
        truth: Collection[str],
        prediction: Collection[str],
        *,
        confidence: Collection[float] | None = None,
        ms: Collection[float] | None = None,
        numeric: bool = False,
        words: Ratios | None = None,
    ) -> "Answers":
        """From columns. Raises ValueError when they differ in length."""
        columns = (ids, clusters, truth, prediction, confidence, ms)
        if len({len(column) for column in columns if column is not None}) > 1:
            raise ValueError("columns differ in length")
        return Answers(
            _texts(ids),
            _texts(clusters),
            _texts(truth),
            _texts(prediction),
            _numbers(confidence),
            _numbers(ms),
            numeric,
            words or {},
        )

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def labelled(self) -> bool:
        """Whether an answer is one of a list of labels, and so right or wrong."""
        return not self.numeric and not self.words

    @property
    def correct(self) -> NDArray[np.bool_]:
        return np.asarray(self.truth == self.prediction)

    @property
    def off(self) -> Floats:
        """How far above the truth each number is."""
        return np.asarray(self.prediction.astype(np.float64) - self.truth.astype(np.float64))

    def among(self, labels: Collection[str]) -> "Answers":
        """Only the rows whose truth is one of `labels`; answers outside of them stay, as mistakes."""
        return self.only(np.isin(self.truth, np.array(sorted(labels), dtype=np.str_)))

    def common(self, other: "Answers") -> "Answers":
        """Only the rows that the other answered too."""
        return self.only(np.isin(self.ids, other.ids))

    def only(self, rows: NDArray[np.bool_]) -> "Answers":
        return Answers(
            self.ids[rows],
            self.clusters[rows],
            self.truth[rows],
            self.prediction[rows],
            None if self.confidence is None else self.confidence[rows],
            None if self.ms is None else self.ms[rows],
            self.numeric,
            {name: (above[rows], below[rows]) for name, (above, below) in self.words.items()},
        )

    def tally(self, places: dict[str, int]) -> "Tally | Errors | Sums":
        """Counts per cluster; `places` gives each cluster its row in the counts."""
        if self.words:
            return self._sums(places)
        if self.numeric:
            return self._errors(places)
        classes, truth = np.unique(self.truth, return_inverse=True)
        where = np.searchsorted(classes, self.prediction).clip(max=max(len(classes) - 1, 0))
        known = classes[where] == self.prediction if len(classes) else np.zeros(0, dtype=bool)
        rows = np.array([places[cluster] for cluster in self.clusters.tolist()], dtype=np.intp)
        shape = (len(places), len(classes))
        counts = [np.zeros(shape, dtype=np.float32) for _ in range(3)]
        np.add.at(counts[0], (rows, truth), 1)
        np.add.at(counts[1], (rows[known], where[known]), 1)
        np.add.at(counts[2], (rows[self.correct], truth[self.correct]), 1)
        return Tally(*counts)

    def _sums(self, places: dict[str, int]) -> "Sums":
        rows = np.array([places[cluster] for cluster in self.clusters.tolist()], dtype=np.intp)

        def summed(column: Floats) -> Floats:
            return np.bincount(rows, column, minlength=len(places)).astype(np.float64)

        return Sums({name: (summed(above), summed(below)) for name, (above, below) in self.words.items()})

    def _errors(self, places: dict[str, int]) -> "Errors":
        rows = np.array([places[cluster] for cluster in self.clusters.tolist()], dtype=np.intp)
        absolute, squared, size = np.abs(self.off), self.off**2, len(places)
        return Errors(
            np.bincount(rows, minlength=size).astype(np.float64),
            np.bincount(rows, absolute, minlength=size).astype(np.float64),
            np.bincount(rows, squared, minlength=size).astype(np.float64),
        )


def wins(ours: Answers, theirs: Answers) -> Answers:
    """Ours, of the rows that both answered, with `win_rate` too: 1 where our answer is the more like the true one, a
    half where neither is. Whose answer is whose, and in which order they are looked at, can't matter to it."""
    both, other = ours.common(theirs), theirs.common(ours)
    place = {id: at for at, id in enumerate(other.ids.tolist())}
    rows = [place[id] for id in both.ids.tolist()]
    (mine, _), (their, _) = both.words["similarity"], other.words["similarity"]
    won = (1 + np.sign(mine - their[rows])) / 2
    return replace(both, words={**both.words, "win_rate": (won, np.ones(len(won)))})


def _texts(column: Collection[str]) -> Texts:
    return np.array(list(column), dtype=np.str_)


def _numbers(column: Collection[float] | None) -> Floats | None:
    return None if column is None else np.array(list(column), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Tally:
    """Rows of each class of the suite, by cluster: [clusters, classes]; answers of other classes only miss."""

    truth: NDArray[np.float32]
    answered: NDArray[np.float32]
    hits: NDArray[np.float32]

    def measure(self, weights: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Each metric under each row of `weights` [samples, clusters].

        Macro-F1 averages the classes that have rows in the sample; a sample without rows measures NaN. The counts are
        small whole numbers, exact in single precision, so the same weights measure the same on every machine.
        """
        truth, answered, hits = (weights @ counts for counts in (self.truth, self.answered, self.hits))
        with np.errstate(invalid="ignore", divide="ignore"):
            f1 = np.where(truth > 0, 2.0 * hits / (truth + answered).astype(np.float64), 0.0)
            return {
                "macro_f1": f1.sum(axis=1) / (truth > 0).sum(axis=1),
                "accuracy": hits.sum(axis=1, dtype=np.float64) / truth.sum(axis=1, dtype=np.float64),
            }


@dataclass(frozen=True, eq=False)
class Errors:
    """Rows, and sums of what numbers are off and of its square, by cluster."""

    rows: Floats
    absolute: Floats
    squared: Floats

    def measure(self, weights: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Each metric under each row of `weights` [samples, clusters]; a sample without rows measures NaN."""
        counts = weights.astype(np.float64)
        rows, absolute, squared = (counts @ sums for sums in (self.rows, self.absolute, self.squared))
        with np.errstate(invalid="ignore", divide="ignore"):
            return {"mae": absolute / rows, "rmse": np.sqrt(squared / rows)}


@dataclass(frozen=True, eq=False)
class Sums:
    """By metric what rows add above and below the line, by cluster."""

    parts: Ratios

    def measure(self, weights: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Each metric under each row of `weights` [samples, clusters]; a sample without rows measures NaN."""
        counts = weights.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {name: (counts @ above) / (counts @ below) for name, (above, below) in self.parts.items()}
