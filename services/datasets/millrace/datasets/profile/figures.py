"""A version's profile as figures: what its page shows, and nothing that its rows and its parent's do not give."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from millrace.datasets.profile import nearness
from millrace.datasets.profile.declared import VERSION, Declared
from millrace.datasets.profile.notes import notes
from millrace.datasets.profile.numbers import Shapes
from millrace.datasets.profile.reading import batches
from millrace.datasets.profile.tallies import Tally, tally
from millrace.datasets.profile.words import Words, js_distance, ks_statistic, quantiles

FORMAT = 1
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
NAMES = ("low", "p5", "p25", "p50", "p75", "p95", "high")
SHOWN = 30
RARE = 5
"""A word that came fewer times is neither new nor gone."""
BINS = 40
PERIODS = 48
DIGITS = 6


def profile(
    paths: Sequence[Path],
    *,
    about: Mapping[str, Any],
    declared: Declared = VERSION,
    parent: Sequence[Path] | None = None,
) -> dict[str, Any]:
    """The figures of a version's files, beside its parent's where there is one. `about` is shown as it is given."""
    now = tally(paths, declared)
    before = tally(parent, declared) if parent else None
    found: dict[str, Any] = {
        "format": FORMAT,
        "version": dict(about),
        "rows": now.rows,
        "weight": now.weight,
        "labels": _labels(now, before),
        "categories": {name: _category(counts) for name, counts in now.categories.items()},
        "missing": {name: now.missing[name] for name in declared.columns},
        "optional": list(declared.optional),
        "times": {name: _times(hours) for name, hours in now.hours.items() if hours},
        "texts": _texts(now, before) if declared.text else None,
        "duplicates": _duplicates(now, about),
        "numbers": _numbers(now, before, paths),
        "near": None,
        "drift": None,
    }
    if declared.text and declared.label and now.labels:
        found |= _near(now, before, paths, parent)
    elif before is not None:
        found["drift"] = _drift(now, before, {})
    found["notes"] = notes(found)
    settled: dict[str, Any] = rounded(found)
    return settled


def encoded(figures: Mapping[str, Any]) -> bytes:
    """The same figures, the same bytes."""
    return orjson.dumps(figures, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2) + b"\n"


def rounded(value: Any) -> Any:
    """Floats to DIGITS significant digits, keys in order: machines agree on as much."""
    if isinstance(value, Mapping):
        return {str(key): rounded(one) for key, one in sorted(value.items(), key=lambda item: str(item[0]))}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") + 0.0
    return value


def _labels(now: Tally, before: Tally | None) -> list[dict[str, Any]]:
    """The most frequent first."""
    names = sorted({*now.labels, *(before.labels if before else ())}, key=lambda name: (-now.labels[name], name))
    rows, former = max(now.labels.total(), 1), max(before.labels.total(), 1) if before else 1
    return [
        {
            "label": name,
            "rows": now.labels[name],
            "share": now.labels[name] / rows,
            "before": before.labels[name] / former if before else None,
            "splits": {split: counts[name] for split, counts in sorted(now.by_split.items()) if counts[name]},
            "words": quantiles(now.by_label[name], (0.5,)).get("p50"),
            "examples": [{"id": id, "text": text} for _, id, text in now.examples.get(name, [])],
        }
        for name in names
    ]


def _category(counts: Counter[str]) -> dict[str, Any]:
    top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {"kinds": len(counts), "rows": counts.total(), "top": [[name, count] for name, count in top[:SHOWN]]}


def _times(hours: Counter[int]) -> dict[str, Any]:
    """Rows by time, in as many equal periods as fit."""
    first, last = min(hours), max(hours)
    step = next(step for step in (1, 6, 24, 168, 720, 8760, 87600) if (last - first) // step < PERIODS or step == 87600)
    start = first // step
    counts = [0] * (last // step - start + 1)
    for hour, count in hours.items():
        counts[hour // step - start] += count
    return {"first_hour": start * step, "step_hours": step, "counts": counts}


def _texts(now: Tally, before: Tally | None) -> dict[str, Any]:
    top = now.words.top(SHOWN)
    return {
        "characters": _lengths(now.characters, before.characters if before else None),
        "words": _lengths(now.lengths, before.lengths if before else None),
        "vocabulary": {
            "different": len(now.words.counts),
            "in_all": now.words.total,
            "top": [list(one) for one in top],
        },
        "short": sum(count for length, count in now.lengths.items() if length <= 2),
        "long": _long(now.characters),
    }


def _long(lengths: Counter[int]) -> dict[str, int]:
    """Texts beyond three spans of the quartiles."""
    cuts = quantiles(lengths, (0.25, 0.75))
    bound = cuts.get("p75", 0) + 3 * max(cuts.get("p75", 0) - cuts.get("p25", 0), 1)
    return {"characters": bound, "rows": sum(count for length, count in lengths.items() if length > bound)}


def _lengths(lengths: Counter[int], before: Counter[int] | None) -> dict[str, Any]:
    cuts = list(quantiles(lengths, QUANTILES).values())
    bound = quantiles(lengths, (0.995,)).get("p99.5", 0)
    width = max(-(-(bound + 1) // BINS), 1)
    return {
        "quantiles": dict(zip(NAMES, cuts, strict=False)),
        "mean": sum(length * count for length, count in lengths.items()) / max(lengths.total(), 1),
        "width": width,
        "counts": _binned(lengths, width, bound),
        "before": _binned(before, width, bound) if before else None,
    }


def _binned(lengths: Counter[int], width: int, bound: int) -> list[int]:
    """Bins of equal width; the last takes what is beyond as well."""
    counts = [0] * (bound // width + 1)
    for length, count in lengths.items():
        counts[min(length // width, len(counts) - 1)] += count
    return counts


def _duplicates(now: Tally, about: Mapping[str, Any]) -> dict[str, Any]:
    """Dropped ones by their kind when the version was cut; rows that share a cluster or a whole text; two truths."""
    found: dict[str, Any] = {"dropped": dict(about.get("duplicated") or {}), "weight": now.weight - now.rows}
    if now.clusters:
        _, sizes = np.unique(np.concatenate(now.clusters), return_counts=True)
        counted = Counter(_class(size) for size in sizes.tolist())
        found["clusters"] = {"all": len(sizes), "largest": int(sizes.max(initial=0)), "sizes": dict(counted)}
    if now.texts:
        texts = np.concatenate(now.texts)
        found["same_text"] = len(texts) - len(np.unique(texts))
        if now.truths:
            pair = np.stack([texts, np.concatenate(now.truths)], axis=1)
            _, labels = np.unique(np.unique(pair, axis=0)[:, 0], return_counts=True)
            found["two_labels"] = int((labels > 1).sum())
    return found


def _class(size: int) -> str:
    return next(
        (name for most, name in ((1, "1"), (2, "2"), (4, "3-4"), (9, "5-9"), (49, "10-49")) if size <= most), "50+"
    )


def _numbers(now: Tally, before: Tally | None, paths: Sequence[Path]) -> dict[str, Any] | None:
    if now.numbers is None:
        return None
    figures = now.numbers.figures()
    former = before.numbers.figures() if before and before.numbers else {}
    shapes = Shapes(figures)
    for batch in batches(paths, now.declared.numbers):
        shapes.take(batch)
    columns = {}
    for name, column in figures.items():
        columns[name] = column | {"before": former.get(name, {}).get("p50"), "far": shapes.far.get(name, 0)}
        if name in shapes.counts:
            edges = shapes.edges(name)
            columns[name] |= {"from": float(edges[0]), "to": float(edges[-1]), "counts": shapes.counts[name].tolist()}
    return {"order": list(now.declared.numbers), "columns": columns, "correlations": now.numbers.correlations()}


def _near(now: Tally, before: Tally | None, paths: Sequence[Path], parent: Sequence[Path] | None) -> dict[str, Any]:
    space = nearness.Space.of(now)
    units, counts = nearness.centroids(space, paths)
    near = nearness.strangers(space, paths, units, now.words.total)
    near["telling"] = nearness.telling(space, counts)
    if before is None:
        return {"near": near}
    _, former = nearness.centroids(space, parent or ())
    words = {
        label: js_distance(_counted(counts[number]), _counted(former[number]))
        for number, label in enumerate(space.labels)
    }
    return {"near": near, "drift": _drift(now, before, words)}


def _counted(row: Any) -> dict[int, int]:
    return {int(word): int(row[word]) for word in np.flatnonzero(row)}


def _drift(now: Tally, before: Tally, words: Mapping[str, float | None]) -> dict[str, Any]:
    return {
        "rows": now.rows - before.rows,
        "labels": js_distance(now.labels, before.labels),
        "vocabulary": js_distance(now.words.counts, before.words.counts),
        "characters": ks_statistic(now.characters, before.characters),
        "words": ks_statistic(now.lengths, before.lengths),
        "categories": {name: js_distance(now.categories[name], before.categories[name]) for name in now.categories},
        "by_label": dict(words),
        "new_labels": sorted(now.labels.keys() - before.labels.keys()),
        "gone_labels": sorted(before.labels.keys() - now.labels.keys()),
        "new_words": _only(now.words, before.words),
        "gone_words": _only(before.words, now.words),
    }


def _only(here: Words, there: Words) -> list[list[Any]]:
    """Words that came often here and never there."""
    found = [(word, count) for word, count in here.counts.items() if count >= RARE and word not in there.counts]
    return [list(one) for one in sorted(found, key=lambda each: (-each[1], each[0]))[:SHOWN]]
