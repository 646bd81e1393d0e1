"""How one version differs from another, by streaming both: some forty bytes a row are held, never the rows."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from millrace.datasets.profile.words import (
    Words,
    counted,
    js_distance,
    ks_statistic,
    lengths_of,
    pairs,
    quantiles,
    words_of,
)

BATCH = 8192
SHOWN = 20
"""Examples of each kind, labels that changed into which, and words."""
CHARACTERS = 240
"""Of an example's text."""
RARE = 5
"""A word that came fewer times is neither new nor gone."""
QUANTILES = (0.05, 0.5, 0.95)


@dataclass
class Side:
    """What is held of a version's rows: hashes of ids and texts, a number for label and split, and counts."""

    labels: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    characters: Counter[int] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)
    words: Words = field(default_factory=Words)
    ids: Any = None
    texts: Any = None
    named: Any = None
    placed: Any = None


def compare(before: Sequence[Path], after: Sequence[Path], *, counted_as: str | None = None) -> dict[str, Any]:
    """Rows added, removed, relabelled, reworded and moved to another split, by document id; and how the rest moved."""
    names: dict[str, int] = {}
    left, right = (_read(paths, names, counted_as) for paths in (before, after))
    both, one, other = np.intersect1d(left.ids, right.ids, assume_unique=True, return_indices=True)
    relabelled = left.named[one] != right.named[other]
    reworded = left.texts[one] != right.texts[other]
    moved = left.placed[one] != right.placed[other]
    called = {number: name for name, number in names.items()}
    flows = Counter(zip(left.named[one][relabelled].tolist(), right.named[other][relabelled].tolist(), strict=True))
    was = dict(zip(both[relabelled].tolist(), left.named[one][relabelled].tolist(), strict=True))
    added, removed = np.setdiff1d(right.ids, both), np.setdiff1d(left.ids, both)
    examples = {
        "added": _examples(after, added),
        "removed": _examples(before, removed),
        "relabelled": _examples(after, both[relabelled]),
    }
    for example in examples["relabelled"]:
        example["was"] = called[was[_hash(example["id"])]]
    return {
        "rows": {"before": len(left.ids), "after": len(right.ids), "both": len(both)},
        "added": len(added),
        "removed": len(removed),
        "relabelled": int(relabelled.sum()),
        "reworded": int(reworded.sum()),
        "moved": int(moved.sum()),
        "relabelled_from_to": [
            {"from": called[a], "to": called[b], "rows": count}
            for (a, b), count in sorted(flows.items(), key=lambda flow: (-flow[1], flow[0]))[:SHOWN]
        ],
        "examples": examples,
        "labels": _labels(left, right),
        "lengths": _lengths(left, right),
        "vocabulary": _vocabulary(left, right),
    }


def _labels(left: Side, right: Side) -> dict[str, Any]:
    before, after = max(left.labels.total(), 1), max(right.labels.total(), 1)
    shares = {
        name: {"before": left.labels[name] / before, "after": right.labels[name] / after}
        for name in sorted({*left.labels, *right.labels})
    }
    return {
        "statistic": "Jensen-Shannon distance of label shares, base 2",
        "value": js_distance(left.labels, right.labels),
        "shares": shares,
        "new": sorted(right.labels.keys() - left.labels.keys()),
        "gone": sorted(left.labels.keys() - right.labels.keys()),
    }


def _lengths(left: Side, right: Side) -> dict[str, Any]:
    return {
        "statistic": "Kolmogorov-Smirnov statistic of characters and of words",
        "characters": {
            "value": ks_statistic(left.characters, right.characters),
            "before": quantiles(left.characters, QUANTILES),
            "after": quantiles(right.characters, QUANTILES),
        },
        "words": {
            "value": ks_statistic(left.lengths, right.lengths),
            "before": quantiles(left.lengths, QUANTILES),
            "after": quantiles(right.lengths, QUANTILES),
        },
    }


def _vocabulary(left: Side, right: Side) -> dict[str, Any]:
    return {
        "statistic": "Jensen-Shannon distance of word shares, base 2",
        "value": js_distance(left.words.counts, right.words.counts),
        "words": {"before": len(left.words.counts), "after": len(right.words.counts)},
        "new": only(right.words, left.words),
        "gone": only(left.words, right.words),
    }


def only(here: Words, there: Words) -> list[dict[str, Any]]:
    """Words that came often here and never there, the most frequent first."""
    found = [(word, count) for word, count in here.counts.items() if count >= RARE and word not in there.counts]
    return [{"word": word, "times": n} for word, n in sorted(found, key=lambda each: (-each[1], each[0]))[:SHOWN]]


def _read(paths: Sequence[Path], names: dict[str, int], counted_as: str | None) -> Side:
    side = Side()
    columns: dict[str, list[Any]] = {"ids": [], "texts": [], "named": [], "placed": []}
    for batch in batches(paths, ["id", "text", "label", "split"]):
        ids, texts, labels, splits = (batch.column(number) for number in range(4))
        words = words_of(texts)
        side.labels.update({counted_as: len(labels)} if counted_as else dict(pairs(labels)))
        side.splits.update(dict(pairs(splits)))
        side.characters.update(dict(pairs(pc.utf8_length(texts))))
        side.lengths.update(counted(lengths_of(words)))
        side.words.take(words)
        columns["ids"].append(np.array([_hash(value) for value in ids.to_pylist()], np.uint64))
        columns["texts"].append(np.array([_hash(value) for value in texts.to_pylist()], np.uint64))
        columns["named"].append(_numbers(labels, names))
        columns["placed"].append(_numbers(splits, names))
    kinds = {"ids": np.uint64, "texts": np.uint64, "named": np.int32, "placed": np.int32}
    for name, kind in kinds.items():
        setattr(side, name, np.concatenate(columns.pop(name) or [np.array([], kind)]))
    return side


def _numbers(values: Any, names: dict[str, int]) -> Any:
    return np.array([names.setdefault(value, len(names)) for value in values.to_pylist()], np.int32)


def _hash(value: str) -> int:
    return xxhash.xxh3_64_intdigest(value.encode("utf-8", "surrogatepass"))


def _examples(paths: Sequence[Path], wanted: Any) -> list[dict[str, Any]]:
    """The first rows, in the version's order, whose ids are among the wanted."""
    found: list[dict[str, Any]] = []
    for batch in batches(paths, ["id", "text", "label", "split"]) if len(wanted) else ():
        hashes = np.array([_hash(value) for value in batch.column(0).to_pylist()], np.uint64)
        for number in np.flatnonzero(np.isin(hashes, wanted))[: SHOWN - len(found)].tolist():
            row = batch.slice(number, 1).to_pylist()[0]
            found.append({**row, "text": row["text"][:CHARACTERS]})
        if len(found) == SHOWN:
            break
    return found


def batches(paths: Sequence[Path], columns: Sequence[str], size: int = BATCH) -> Iterator[Any]:
    for path in paths:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(size, columns=list(columns))
