"""A second pass over columns of numbers: histograms between bounds that the first has found, and the rows far out."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from millrace.datasets.profile.declared import Declared
from millrace.datasets.profile.numbers import matrix
from millrace.datasets.profile.reading import batches, mixed
from millrace.datasets.profile.tallies import cell

BINS = 32
FAR = 3.0
"""Spans between the quartiles beyond which a value is far out."""
SHOWN, A_COLUMN = 12, 3
"""Rows far out that are shown, and of one column."""


@dataclass
class Shapes:
    declared: Declared
    figures: dict[str, dict[str, Any]]
    counts: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    far: dict[str, int] = field(default_factory=dict)
    _farthest: dict[str, list[tuple[float, int, dict[str, Any]]]] = field(default_factory=dict)

    def edges(self, name: str) -> Any:
        """Between the first and the last hundredth and a bit, where what lies beyond is more than twice as wide.

        Few whole numbers have a column each.
        """
        column = self.figures[name]
        low, high = column["low"], column["high"]
        inner = column["p99"] - column["p1"]
        if inner > 0 and high - low > 2 * inner:
            low, high = max(low, column["p1"] - inner / 4), min(high, column["p99"] + inner / 4)
        if column["whole"] and high - low < 2**52:
            wide = max(-(-int(high - low + 1) // BINS), 1)
            first = int(low) - 0.5
            return first + wide * np.arange(-(-int(high - low + 1) // wide) + 1)
        return np.linspace(low, high if high > low else low + 1, BINS + 1)

    def take(self, paths: Sequence[Path], parent: Sequence[Path] | None) -> None:
        there = [name for name in self.declared.numbers if self.figures[name]["count"]]
        for batch in batches(paths, [*dict.fromkeys([*self.declared.names, *there])]):
            for name in there:
                values = matrix(batch, [name])[:, 0]
                self._count(self.counts, name, values)
                self._measure(name, values, batch)
        for batch in batches(parent or (), there):
            for name in there:
                self._count(self.before, name, matrix(batch, [name])[:, 0])

    def _count(self, counts: dict[str, Any], name: str, values: Any) -> None:
        edges = self.edges(name)
        clipped = np.clip(values[np.isfinite(values)], edges[0], edges[-1])
        counts[name] = counts.get(name, 0) + np.histogram(clipped, edges)[0]

    def _measure(self, name: str, values: Any, batch: dict[str, Any]) -> None:
        """How far each value is from the quartiles, in spans between them."""
        column = self.figures[name]
        span = column["p75"] - column["p25"]
        if not span:
            self.far[name] = 0
            return
        with np.errstate(invalid="ignore"):
            distance = np.maximum(column["p25"] - values, values - column["p75"]) / span
        out = np.flatnonzero(distance > FAR)
        self.far[name] = self.far.get(name, 0) + len(out)
        if len(out):
            self._show(name, values, distance, out, batch)

    def _show(self, name: str, values: Any, distance: Any, out: Any, batch: dict[str, Any]) -> None:
        """The farthest; of several as far, those whose names hash lowest, however the rows were paged."""
        draws = mixed([batch[each].take(out) for each in self.declared.names or (name,)])
        order = np.lexsort((draws, -distance[out]))[:A_COLUMN]
        kept = self._farthest.setdefault(name, [])
        for place in order.tolist():
            row = int(out[place])
            told = {"column": name, "value": float(values[row]), "spans": float(distance[row])}
            told["row"] = {each: cell(batch[each][row]) for each in self.declared.names}
            kept.append((-float(distance[row]), int(draws[place]), told))
        kept.sort(key=lambda each: each[:2])
        del kept[A_COLUMN:]

    def farthest(self) -> list[dict[str, Any]]:
        """Rows far out, the farthest first, with what is usual of their column."""
        found = heapq.nsmallest(
            SHOWN,
            ((*each[:2], name, each[2]) for name, kept in self._farthest.items() for each in kept),
            key=lambda each: each[:3],
        )
        return [told | {"usual": [self.figures[name]["p25"], self.figures[name]["p75"]]} for _, _, name, told in found]
