"""Columns of numbers: moments and correlations exactly, quantiles from a sample that is the same every time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite, sqrt
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SAMPLE = 100_000
"""Values of a column that quantiles are read from; a column with no more has exact ones."""
SHARES = {"p1": 0.01, "p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}
CORRELATED = 40
"""Columns, in their order, that are correlated: their pairs grow with the square."""
PERIODS, FEW = 24, 5
"""Equal periods by which columns are followed, and values below which a period says nothing."""


@dataclass
class Numbers:
    """A pass over columns of numbers. Sums are of distances from the first value, so that large ones lose nothing.

    No matrix library takes part: its sums would depend on the machine's threads.
    """

    names: Sequence[str]
    time: str | None = None
    rows: int = 0
    zeros: Any = None
    low: Any = None
    high: Any = None
    whole: Any = None
    _shift: Any = None
    _sums: dict[str, Any] = field(default_factory=dict)
    _pairs: dict[str, Any] = field(default_factory=dict)
    _sample: Any = None
    _draw: Any = None
    _random: Any = None

    def __post_init__(self) -> None:
        width = len(self.names)
        self._random = np.random.Generator(np.random.PCG64(7))
        self.zeros, self.whole = np.zeros(width, np.int64), np.full(width, True)
        self.low, self.high = np.full(width, np.inf), np.full(width, -np.inf)
        self._shift = np.full(width, np.nan)
        self._sums = {name: np.zeros(width) for name in ("n", "x", "xx")}
        most = min(width, CORRELATED)
        self._pairs = {name: np.zeros((most, most)) for name in ("n", "x", "y", "xx", "yy", "xy")}
        self._sample, self._draw = np.empty((0, width + 1)), np.empty(0)

    def take(self, batch: dict[str, Any]) -> None:
        values = matrix(batch, self.names)
        there = np.isfinite(values)
        self.rows += len(values)
        self.zeros += ((values == 0) & there).sum(axis=0)
        self.whole &= ((values == np.floor(values)) | ~there).all(axis=0)
        self.low = np.minimum(self.low, np.where(there, values, np.inf).min(axis=0, initial=np.inf))
        self.high = np.maximum(self.high, np.where(there, values, -np.inf).max(axis=0, initial=-np.inf))
        self._add(values, there)
        self._keep(np.column_stack([values, _hours(batch, self.time, len(values))]))

    def _add(self, values: Any, there: Any) -> None:
        for column in np.flatnonzero(np.isnan(self._shift)):
            first = values[there[:, column], column][:1]
            if len(first):
                self._shift[column] = first[0]
        known = there.astype(np.float64)
        moved = np.where(there, values - np.nan_to_num(self._shift), 0.0)
        square = moved * moved
        for name, values in (("n", known), ("x", moved), ("xx", square)):
            self._sums[name] += values.sum(axis=0)
        known, moved, square = (each[:, :CORRELATED] for each in (known, moved, square))
        for name, left, right in (
            ("n", known, known), ("x", moved, known), ("y", known, moved), ("xx", square, known),
            ("yy", known, square), ("xy", moved, moved),
        ):  # fmt: skip
            self._pairs[name] += np.einsum("ri,rj->ij", left, right, optimize=False)

    def _keep(self, values: Any) -> None:
        """The rows with the lowest draws so far."""
        self._sample = np.concatenate([self._sample, values])
        self._draw = np.concatenate([self._draw, self._random.random(len(values))])
        if len(self._draw) > 2 * SAMPLE:
            self._trim()

    def _trim(self) -> None:
        lowest = np.sort(np.argsort(self._draw, kind="stable")[:SAMPLE])
        self._sample, self._draw = self._sample[lowest], self._draw[lowest]

    def figures(self) -> dict[str, dict[str, Any]]:
        """By column: count, missing, mean, spread, lowest and highest, zeros, quantiles."""
        if len(self._draw) > SAMPLE:
            self._trim()
        return {name: self._column(number) for number, name in enumerate(self.names)}

    def _column(self, number: int) -> dict[str, Any]:
        count = int(self._sums["n"][number])
        told: dict[str, Any] = {"count": count, "missing": self.rows - count, "zeros": int(self.zeros[number])}
        if not count:
            return told
        mean = self._sums["x"][number] / count
        spread = sqrt(max(self._sums["xx"][number] / count - mean * mean, 0.0))
        seen = self.sample(number)
        cuts = np.quantile(seen, list(SHARES.values()), method="nearest") if len(seen) else []
        return told | {
            "mean": float(mean + self._shift[number]),
            "spread": spread,
            "low": float(self.low[number]),
            "high": float(self.high[number]),
            "whole": bool(self.whole[number]),
            "exact": self.rows <= SAMPLE,
            **{name: float(value) for name, value in zip(SHARES, cuts, strict=False)},
        }

    def sample(self, number: int) -> Any:
        """Values of a column: all of them, where there are no more than SAMPLE rows."""
        return self._sample[np.isfinite(self._sample[:, number]), number]

    def correlations(self) -> list[list[float | None]]:
        """Pearson's, over the rows that have both."""
        n, x, y = (self._pairs[name] for name in ("n", "x", "y"))
        with np.errstate(divide="ignore", invalid="ignore"):
            covariance = self._pairs["xy"] - x * y / n
            own = (self._pairs["xx"] - x * x / n) * (self._pairs["yy"] - y * y / n)
            found = covariance / np.sqrt(own)
        return [[float(value) if isfinite(value) else None for value in row] for row in found.tolist()]

    def periods(self) -> dict[str, Any] | None:
        """The quartiles of each column in equal periods of time; None where all is of one hour."""
        hours = self._sample[:, -1]
        timed = np.isfinite(hours)
        first, last = hours[timed].min(initial=np.inf), hours[timed].max(initial=-np.inf)
        if not last > first:
            return None
        of = np.minimum((hours[timed] - first) * (PERIODS / (last - first)), PERIODS - 1).astype(int)
        rows = self._sample[timed]
        columns = {
            name: [_quartiles(rows[of == period, number]) for period in range(PERIODS)]
            for number, name in enumerate(self.names)
        }
        return {"first_hour": int(first), "last_hour": int(last), "columns": columns}


def _quartiles(values: Any) -> list[float] | None:
    there = values[np.isfinite(values)]
    if len(there) < FEW:
        return None
    return [float(cut) for cut in np.quantile(there, (0.25, 0.5, 0.75), method="nearest")]


def apart(one: Any, other: Any) -> float | None:
    """Kolmogorov and Smirnov's statistic of two samples. None where one is empty."""
    if not len(one) or not len(other):
        return None
    both = np.concatenate([one, other])
    gaps = np.searchsorted(np.sort(one), both, "right") / len(one)
    gaps -= np.searchsorted(np.sort(other), both, "right") / len(other)
    return float(np.abs(gaps).max())


def _hours(batch: dict[str, Any], time: str | None, rows: int) -> Any:
    if time is None or not pa.types.is_timestamp(batch[time].type):
        return np.full(rows, np.nan)
    seconds = batch[time].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return np.floor(pc.fill_null(seconds.cast(pa.float64()), float("nan")).to_numpy(False) / 3_600_000_000)


def matrix(batch: dict[str, Any], names: Sequence[str]) -> Any:
    """Columns as floats, NaN where missing."""
    columns = [pc.fill_null(batch[name].cast(pa.float64()), float("nan")).to_numpy(False) for name in names]
    return np.column_stack(columns) if columns else np.empty((0, 0))
