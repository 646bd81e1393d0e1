"""A version's profile as figures: what its page shows, and nothing that its rows and its parent's do not give."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from millrace.datasets.profile import nearness
from millrace.datasets.profile.declared import VERSION, Declared
from millrace.datasets.profile.notes import notes
from millrace.datasets.profile.numbers import apart
from millrace.datasets.profile.shapes import Shapes
from millrace.datasets.profile.tallies import Tally, tally
from millrace.datasets.profile.texts import texts
from millrace.datasets.profile.words import Words, js_distance, ks_statistic, quantiles

FORMAT = 3
SHOWN = 30
RARE = 5
"""A word that came fewer times is neither new nor gone."""
PERIODS = 48
KEPT = ("count", "missing", "mean", "spread", "p50")
"""What is told of a column of the parent."""
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
        "declared": asdict(declared),
        "labels": _labels(now, before),
        "splits": {split: counts.total() for split, counts in now.by_split.items()},
        "categories": {name: _category(now, before, name) for name in declared.categories},
        "missing": {name: now.missing[name] for name in declared.columns},
        "times": {name: _times(hours) for name, hours in now.hours.items() if hours},
        "texts": texts(now, before) if declared.text else None,
        "duplicates": _duplicates(now, about),
        "numbers": _numbers(now, before, paths, parent),
        "drawn": [row for _, row in now.drawn],
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


def _category(now: Tally, before: Tally | None, name: str) -> dict[str, Any]:
    """The most frequent values, each with its share in the parent."""
    counts = now.categories.get(name, Counter())
    former = before.categories.get(name, Counter()) if before else None
    top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
    whole = max(former.total(), 1) if former else 1
    return {
        "kinds": len(counts),
        "rows": counts.total(),
        "top": [[name, count, former[name] / whole if former is not None else None] for name, count in top],
        "gone": sorted(former.keys() - counts.keys())[:SHOWN] if former else [],
    }


def _times(hours: Counter[int]) -> dict[str, Any]:
    """Rows by time, in as many equal periods as fit."""
    first, last = min(hours), max(hours)
    step = next(step for step in (1, 6, 24, 168, 720, 8760, 87600) if (last - first) // step < PERIODS or step == 87600)
    start = first // step
    counts = [0] * (last // step - start + 1)
    for hour, count in hours.items():
        counts[hour // step - start] += count
    return {"first_hour": start * step, "step_hours": step, "counts": counts}


def _duplicates(now: Tally, about: Mapping[str, Any]) -> dict[str, Any]:
    """Dropped ones by their kind when the version was cut; rows that share a cluster or a whole text; two truths."""
    found: dict[str, Any] = {"dropped": dict(about.get("duplicated") or {}), "weight": now.weight - now.rows}
    if now.clusters:
        _, sizes = np.unique(np.concatenate(now.clusters), return_counts=True)
        counted = Counter(_class(size) for size in sizes.tolist())
        found["clusters"] = {"all": len(sizes), "largest": int(sizes.max(initial=0)), "sizes": dict(counted)}
    if now.contents:
        contents = np.concatenate(now.contents)
        found["same"] = len(contents) - len(np.unique(contents))
        if now.truths:
            pair = np.stack([contents, np.concatenate(now.truths)], axis=1)
            _, labels = np.unique(np.unique(pair, axis=0)[:, 0], return_counts=True)
            found["two_labels"] = int((labels > 1).sum())
    return found


def _class(size: int) -> str:
    return next(
        (name for most, name in ((1, "1"), (2, "2"), (4, "3-4"), (9, "5-9"), (49, "10-49")) if size <= most), "50+"
    )


def _numbers(
    now: Tally, before: Tally | None, paths: Sequence[Path], parent: Sequence[Path] | None
) -> dict[str, Any] | None:
    if now.numbers is None:
        return None
    figures = now.numbers.figures()
    former = before.numbers.figures() if before and before.numbers else {}
    shapes = Shapes(now.declared, figures)
    shapes.take(paths, parent)
    columns = {}
    for name, column in figures.items():
        was = former.get(name)
        columns[name] = column | {"before": was and {cut: was.get(cut) for cut in KEPT}, "far": shapes.far.get(name, 0)}
        if name in shapes.counts:
            edges = shapes.edges(name)
            columns[name] |= {"from": float(edges[0]), "to": float(edges[-1]), "counts": shapes.counts[name].tolist()}
            if name in shapes.before and shapes.before[name].any():
                columns[name]["outline"] = shapes.before[name].tolist()
    return {
        "order": list(now.declared.numbers),
        "columns": columns,
        "correlations": now.numbers.correlations(),
        "periods": now.numbers.periods(),
        "farthest": shapes.farthest(),
    }


def _near(now: Tally, before: Tally | None, paths: Sequence[Path], parent: Sequence[Path] | None) -> dict[str, Any]:
    space = nearness.Space.of(now)
    units, counts = nearness.centroids(space, paths)
    near = nearness.strangers(space, paths, units, now.words.total)
    near["telling"] = nearness.telling(space, counts)
    near["informing"] = nearness.informing(space, counts)
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
        "numbers": _apart(now, before),
        "by_label": dict(words),
        "new_labels": sorted(now.labels.keys() - before.labels.keys()),
        "gone_labels": sorted(before.labels.keys() - now.labels.keys()),
        "new_words": _only(now.words, before.words),
        "gone_words": _only(before.words, now.words),
    }


def _apart(now: Tally, before: Tally) -> dict[str, float | None]:
    if now.numbers is None or before.numbers is None:
        return {}
    return {
        name: apart(now.numbers.sample(number), before.numbers.sample(number))
        for number, name in enumerate(now.numbers.names)
    }


def _only(here: Words, there: Words) -> list[list[Any]]:
    """Words that came often here and never there."""
    found = [(word, count) for word, count in here.counts.items() if count >= RARE and word not in there.counts]
    return [list(one) for one in sorted(found, key=lambda each: (-each[1], each[0]))[:SHOWN]]
