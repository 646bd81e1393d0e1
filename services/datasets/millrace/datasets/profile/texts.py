"""What texts look like, in figures: lengths, words, and those that are far longer or shorter than the rest."""

from collections import Counter
from typing import Any

from millrace.datasets.profile.tallies import Tally
from millrace.datasets.profile.words import quantiles

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
NAMES = ("low", "p5", "p25", "p50", "p75", "p95", "high")
SHOWN = 30
BINS = 40
SPANS = 3
"""Spans between the quartiles beyond which a text is far longer than the rest."""
SHORT = 2
"""Words of a text that hardly says anything."""
ROUND = (1, 2, 5)


def texts(now: Tally, before: Tally | None) -> dict[str, Any]:
    long = _long(now.characters)
    return {
        "characters": _lengths(now.characters, before.characters if before else None),
        "words": _lengths(now.lengths, before.lengths if before else None),
        "vocabulary": {
            "different": len(now.words.counts),
            "in_all": now.words.total,
            "top": [list(one) for one in now.words.top(SHOWN)],
        },
        "short": sum(count for length, count in now.lengths.items() if length <= SHORT),
        "long": long,
        "longest": [told for _, _, told in now.longest if told["characters"] > long["characters"]],
        "shortest": [told for _, _, told in now.shortest if told["words"] <= SHORT],
    }


def _long(lengths: Counter[int]) -> dict[str, int]:
    cuts = quantiles(lengths, (0.25, 0.75))
    bound = cuts.get("p75", 0) + SPANS * max(cuts.get("p75", 0) - cuts.get("p25", 0), 1)
    return {"characters": bound, "rows": sum(count for length, count in lengths.items() if length > bound)}


def _lengths(lengths: Counter[int], before: Counter[int] | None) -> dict[str, Any]:
    cuts = list(quantiles(lengths, QUANTILES).values())
    bound = quantiles(lengths, (0.995,)).get("p99.5", 0)
    width = _wide(bound + 1)
    return {
        "quantiles": dict(zip(NAMES, cuts, strict=False)),
        "mean": sum(length * count for length, count in lengths.items()) / max(lengths.total(), 1),
        "width": width,
        "counts": _binned(lengths, width, bound),
        "before": _binned(before, width, bound) if before else None,
    }


def _wide(lengths: int) -> int:
    """A round width of at most BINS columns for so many lengths."""
    unit = 1
    while True:
        for factor in ROUND:
            if unit * factor * BINS >= lengths:
                return unit * factor
        unit *= 10


def _binned(lengths: Counter[int], width: int, bound: int) -> list[int]:
    """Bins of equal width; the last takes what is beyond as well."""
    counts = [0] * (bound // width + 1)
    for length, count in lengths.items():
        counts[min(length // width, len(counts) - 1)] += count
    return counts
