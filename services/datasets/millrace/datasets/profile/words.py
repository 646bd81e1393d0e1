"""The words of texts, counted a batch at a time in bounded memory, and how far two counts lie apart."""

from collections.abc import Mapping
from math import fsum, log2, sqrt
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BETWEEN = r"[^\pL\pN]+"
LONGEST = 40
"""Characters of a word that is counted: longer ones are keys, hashes and languages without blanks."""
LIMIT = 100_000
"""Different words that are remembered; beyond twice as many the rarest are dropped."""


def words_of(texts: Any) -> Any:
    """A list of lower-case words for each text."""
    filled = pc.fill_null(texts.cast(pa.string()), "")
    return pc.split_pattern_regex(pc.utf8_lower(filled), pattern=BETWEEN)


def lengths_of(lists: Any) -> Any:
    """How many words each text has: none where nothing stands between two blanks, or before the first."""
    there = pc.not_equal(pc.list_flatten(lists), "").to_numpy(zero_copy_only=False)
    of_row = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    return np.bincount(of_row[there], minlength=len(lists))


def flat(lists: Any) -> Any:
    """All words of all texts, without the empty ones at their ends."""
    each = pc.list_flatten(lists)
    size = pc.utf8_length(each)
    return each.filter(pc.and_(pc.greater(size, 0), pc.less_equal(size, LONGEST)))


class Words:
    """How often each word came. Nothing is lost below LIMIT different words; above, only some of the rarest."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.total = 0

    def take(self, lists: Any) -> None:
        each = flat(lists)
        self.total += len(each)
        for value, count in pairs(each):
            self.counts[value] = self.counts.get(value, 0) + count
        if len(self.counts) > 2 * LIMIT:
            self.counts = dict(self.top(LIMIT))

    def top(self, most: int) -> list[tuple[str, int]]:
        """The most frequent, ties by the alphabet."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:most]


def counted(values: Any) -> dict[int, int]:
    """How often each of an array of whole numbers came."""
    found, times = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), times.tolist(), strict=True))


def pairs(values: Any) -> list[tuple[Any, int]]:
    """(value, count) of an array."""
    counted = pc.value_counts(values)
    return list(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True))


def js_distance(left: Mapping[Any, float], right: Mapping[Any, float]) -> float | None:
    """The Jensen-Shannon distance to base 2: 0 for equal shares, 1 for nothing in common. None where one is empty."""
    one, other = fsum(left.values()), fsum(right.values())
    if not one or not other:
        return None
    terms = []
    for key in sorted({*left, *right}, key=str):
        p, q = left.get(key, 0) / one, right.get(key, 0) / other
        middle = (p + q) / 2
        terms += [share * log2(share / middle) / 2 for share in (p, q) if share]
    return sqrt(max(fsum(terms), 0.0))


def ks_statistic(left: Mapping[int, int], right: Mapping[int, int]) -> float | None:
    """Kolmogorov and Smirnov's statistic of two counts of whole numbers: the widest gap of their distributions."""
    one, other = sum(left.values()), sum(right.values())
    if not one or not other:
        return None
    below, above, widest = 0, 0, 0.0
    for value in sorted({*left, *right}):
        below, above = below + left.get(value, 0), above + right.get(value, 0)
        widest = max(widest, abs(below / one - above / other))
    return widest


def quantiles(counts: Mapping[int, int], shares: tuple[float, ...]) -> dict[str, int]:
    """Exact quantiles of counted whole numbers, by the nearest rank."""
    total, found, seen = sum(counts.values()), dict[str, int](), 0
    wanted = list(shares)
    for value in sorted(counts):
        seen += counts[value]
        while wanted and total and seen >= wanted[0] * total:
            found[f"p{wanted.pop(0) * 100:g}"] = value
    return found
