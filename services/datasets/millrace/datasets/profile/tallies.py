"""The first pass over a version's rows: everything that can be counted as they stream by."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.datasets.profile.declared import Declared
from millrace.datasets.profile.numbers import Numbers
from millrace.datasets.profile.reading import batches, hashes, mixed
from millrace.datasets.profile.words import Words, counted, lengths_of, pairs, words_of

KINDS = 5_000
"""Different values of a category that are counted; those that come later are counted together."""
OTHERS = "(others)"
EXAMPLES = 3
"""Rows of each label that are shown: those whose ids hash lowest, wherever they stand."""
CHARACTERS = 400
"""Of a text that is shown."""
EXTREME = 5
"""Texts that are shown as the longest and as the shortest, and rows where there are no texts."""
FEATURES = 8
"""Of a row that is shown as an example of its label."""


@dataclass
class Tally:
    """Counts of one version. Texts, rows and clusters are held as eight bytes each."""

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
    longest: list[tuple[int, int, dict[str, Any]]] = field(default_factory=list)
    shortest: list[tuple[int, int, dict[str, Any]]] = field(default_factory=list)
    drawn: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    numbers: Numbers | None = None
    texts: list[Any] = field(default_factory=list)
    contents: list[Any] = field(default_factory=list)
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
            self.truths.append(hashes(batch[declared.label]))
        if declared.text:
            self._texts(batch)
        elif declared.features:
            self._rows(batch)
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
        lengths = lengths_of(words)
        characters = pc.fill_null(pc.utf8_length(texts.cast(pa.string())), 0).to_numpy(zero_copy_only=False)
        self.words.take(words)
        self.characters.update(counted(characters))
        self.lengths.update(counted(lengths))
        self.contents.append(hashes(texts))
        draws = hashes(batch[self.declared.id] if self.declared.id else texts)
        self._extremes(characters, lengths, draws, batch)
        if self.declared.label:
            labels = [str(label) for label in batch[self.declared.label].to_pylist()]
            for label, length in zip(labels, lengths.tolist(), strict=True):
                self.by_label[label][length] += 1
            self._examples(labels, draws, lambda row: (self._told(batch, row)["id"], self._told(batch, row)["text"]))

    def _extremes(self, characters: Any, words: Any, draws: Any, batch: dict[str, Any]) -> None:
        """The longest and the shortest; of several as long, those whose ids hash lowest, however rows were paged."""
        for kept, order in ((self.longest, -characters), (self.shortest, characters)):
            for row in np.lexsort((draws, order))[:EXTREME].tolist():
                told = {"characters": int(characters[row]), "words": int(words[row]), **self._told(batch, row)}
                kept.append((int(order[row]), int(draws[row]), told))
            kept.sort(key=lambda each: each[:2])
            del kept[EXTREME:]

    def _told(self, batch: dict[str, Any], row: int) -> dict[str, str]:
        declared = self.declared
        said = {"id": declared.id, "text": declared.text, "label": declared.label, "split": declared.split}
        return {what: cut(str(batch[name][row].as_py() or "")) if name else "" for what, name in said.items()}

    def _rows(self, batch: dict[str, Any]) -> None:
        """Rows that are no texts are known by what a model looks at."""
        declared = self.declared
        self.contents.append(mixed([batch[name] for name in declared.features]))
        draws = mixed([batch[name] for name in declared.names or declared.features])
        for row in np.argsort(draws, kind="stable")[:EXTREME].tolist():
            self.drawn.append((int(draws[row]), {name: cell(batch[name][row]) for name in declared.columns}))
        self.drawn.sort(key=lambda each: each[0])
        del self.drawn[EXTREME:]
        if declared.label:
            labels = [str(label) for label in batch[declared.label].to_pylist()]
            self._examples(labels, draws, lambda row: self._described(batch, row))

    def _described(self, batch: dict[str, Any], row: int) -> tuple[str, str]:
        declared = self.declared
        features = [name for name in declared.features if name != declared.label][:FEATURES]
        said = ", ".join(f"{name} {cell(batch[name][row])}" for name in features)
        return " ".join(cell(batch[name][row]) for name in declared.names), said

    def _examples(self, labels: Sequence[str], draws: Any, said: Callable[[int], tuple[str, str]]) -> None:
        """`said` gives the id and the text of a row."""
        for row, (label, draw) in enumerate(zip(labels, draws.tolist(), strict=True)):
            kept = self.examples[label]
            if len(kept) < EXAMPLES or draw < kept[-1][0]:
                kept.append((draw, *said(row)))
                kept.sort()
                del kept[EXAMPLES:]


def cell(scalar: Any) -> str:
    """A value as people read it."""
    value = scalar.as_py()
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def cut(text: str) -> str:
    return text if len(text) <= CHARACTERS else text[:CHARACTERS] + "…"


def tally(paths: Sequence[Path], declared: Declared) -> Tally:
    """One pass over every column that means something."""
    time = declared.times[0] if declared.times else None
    made = Tally(declared, numbers=Numbers(declared.numbers, time) if declared.numbers else None)
    for batch in batches(paths, declared.columns):
        made.take(batch)
    return made


def _empty(column: Any) -> int:
    if not pa.types.is_string(column.type):
        return 0
    return int(pc.sum(pc.equal(column, "")).as_py() or 0)


def _count(counts: Counter[str], column: Any) -> None:
    said = {True: "yes", False: "no"} if pa.types.is_boolean(column.type) else {}
    for value, count in pairs(pc.drop_null(column)):
        name = said.get(value) or str(value)
        counts[name if name in counts or len(counts) < KINDS else OTHERS] += count


def _hours(counts: Counter[int], column: Any) -> None:
    if pa.types.is_timestamp(column.type):
        seconds = pc.drop_null(column).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        counts.update(dict(pairs(pc.divide(seconds, 3_600_000_000))))
