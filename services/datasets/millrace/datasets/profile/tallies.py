"""The first pass over a version's rows: everything that can be counted as they stream by."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.datasets.profile.declared import Declared
from millrace.datasets.profile.numbers import Numbers
from millrace.datasets.profile.reading import batches, hashed, hashes
from millrace.datasets.profile.words import Words, pairs, words_of

KINDS = 5_000
"""Different values of a category that are counted; those that come later are counted together."""
OTHERS = "(others)"
EXAMPLES = 3
"""Rows of each label that are shown: those whose ids hash lowest, wherever they stand."""
CHARACTERS = 400
"""Of a text that is shown."""


@dataclass
class Tally:
    """Counts of one version. Texts and clusters are held as eight bytes a row."""

    declared: Declared
    rows: int = 0
    weight: float = 0.0
    missing: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    by_split: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    categories: dict[str, Counter[str]] = field(default_factory=dict)
    hours: dict[str, Counter[int]] = field(default_factory=dict)
    characters: Counter[int] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)
    by_label: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    words: Words = field(default_factory=Words)
    examples: defaultdict[str, list[tuple[int, str, str]]] = field(default_factory=lambda: defaultdict(list))
    numbers: Numbers | None = None
    texts: list[Any] = field(default_factory=list)
    truths: list[Any] = field(default_factory=list)
    clusters: list[Any] = field(default_factory=list)

    def take(self, batch: dict[str, Any]) -> None:
        declared = self.declared
        self.rows += len(next(iter(batch.values())))
        for name, column in batch.items():
            self.missing[name] += column.null_count + _empty(column)
        for name in declared.categories:
            _count(self.categories.setdefault(name, Counter()), batch[name])
        for name in declared.times:
            _hours(self.hours.setdefault(name, Counter()), batch[name])
        if declared.weight:
            self.weight += float(pc.sum(pc.fill_null(batch[declared.weight].cast(pa.float64()), 1.0)).as_py() or 0)
        if declared.cluster:
            self.clusters.append(hashes(batch[declared.cluster]))
        if declared.label:
            _count(self.labels, batch[declared.label])
            self._splits(batch)
        if declared.text:
            self._texts(batch)
        if self.numbers is not None:
            self.numbers.take(batch)

    def _splits(self, batch: dict[str, Any]) -> None:
        assert self.declared.label
        split = (
            batch[self.declared.split] if self.declared.split else pa.array(["all"] * len(batch[self.declared.label]))
        )
        for label, place in zip(batch[self.declared.label].to_pylist(), split.to_pylist(), strict=True):
            if label is not None:
                self.by_split[str(place)][str(label)] += 1

    def _texts(self, batch: dict[str, Any]) -> None:
        assert self.declared.text
        texts = batch[self.declared.text]
        words = words_of(texts)
        lengths = pc.list_value_length(words)
        self.words.take(words)
        self.characters.update(dict(pairs(pc.fill_null(pc.utf8_length(texts), 0))))
        self.lengths.update(dict(pairs(lengths)))
        self.texts.append(hashes(texts))
        if self.declared.label:
            labels = [str(label) for label in batch[self.declared.label].to_pylist()]
            self.truths.append(np.array([hashed(label) for label in labels], np.uint64))
            for label, length in zip(labels, lengths.to_pylist(), strict=True):
                self.by_label[label][length] += 1
            self._examples(labels, batch)

    def _examples(self, labels: Sequence[str], batch: dict[str, Any]) -> None:
        assert self.declared.text
        ids = batch[self.declared.id] if self.declared.id else batch[self.declared.text]
        for number, (label, draw) in enumerate(zip(labels, hashes(ids).tolist(), strict=True)):
            shown = self.examples[label]
            if len(shown) < EXAMPLES or draw < shown[-1][0]:
                text = str(batch[self.declared.text][number].as_py() or "")
                shown.append((draw, str(ids[number].as_py())[:100], cut(text)))
                shown.sort()
                del shown[EXAMPLES:]


def cut(text: str) -> str:
    return text if len(text) <= CHARACTERS else text[:CHARACTERS] + "…"


def tally(paths: Sequence[Path], declared: Declared) -> Tally:
    """One pass over every column that means something."""
    made = Tally(declared, numbers=Numbers(declared.numbers) if declared.numbers else None)
    for batch in batches(paths, declared.columns):
        made.take(batch)
    return made


def _empty(column: Any) -> int:
    if not pa.types.is_string(column.type):
        return 0
    return int(pc.sum(pc.equal(column, "")).as_py() or 0)


def _count(counts: Counter[str], column: Any) -> None:
    for value, count in pairs(pc.drop_null(column)):
        name = str(value)
        counts[name if name in counts or len(counts) < KINDS else OTHERS] += count


def _hours(counts: Counter[int], column: Any) -> None:
    if pa.types.is_timestamp(column.type):
        seconds = pc.drop_null(column).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        counts.update(dict(pairs(pc.divide(seconds, 3_600_000_000))))
