"""How near each text is to its own label and to the others, by TF-IDF over the most frequent words.

No matrix library has a part in it, whose sums depend on the machine's threads: the same rows give the same figures.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.datasets.profile.declared import Declared
from millrace.datasets.profile.reading import batches, hashes
from millrace.datasets.profile.tallies import Tally, cut
from millrace.datasets.profile.words import words_of

WORDS = 2048
SHOWN = 12
EFFORT = 1_000_000_000
"""Products of words and labels that are computed; beyond, every so manyth text is looked at."""
LABELS = 1000
BATCH = 1024


@dataclass(frozen=True)
class Space:
    """The words that count, their weights, and the labels' order."""

    declared: Declared
    words: Any
    weights: Any
    labels: list[str]

    @classmethod
    def of(cls, seen: Tally) -> "Space":
        top = [(word, count) for word, count in seen.words.top(WORDS) if count > 1]
        weights = np.log1p(seen.rows / np.array([count for _, count in top] or [1], np.float64))
        labels = [label for label, _ in sorted(seen.labels.items(), key=lambda item: (-item[1], item[0]))[:LABELS]]
        return cls(seen.declared, pa.array([word for word, _ in top], pa.string()), weights, sorted(labels))

    def rows(self, paths: Sequence[Path]) -> Iterator["Sparse"]:
        declared = self.declared
        assert declared.text and declared.label
        columns = [name for name in (declared.id, declared.text, declared.label, declared.split) if name]
        known = pa.array(self.labels, pa.string())
        for batch in batches(paths, columns, BATCH):
            lists = words_of(batch[declared.text])
            of_row = pc.list_parent_indices(lists).to_numpy(False)
            index = pc.fill_null(pc.index_in(pc.list_flatten(lists), value_set=self.words), -1).to_numpy(False)
            label = pc.fill_null(pc.index_in(batch[declared.label].cast(pa.string()), value_set=known), -1)
            there = index >= 0
            yield Sparse(batch, of_row[there], index[there], label.to_numpy(False), self.weights)


@dataclass(frozen=True)
class Sparse:
    """A batch of texts as words that count: `row` and `word` of each."""

    batch: dict[str, Any]
    row: Any
    word: Any
    label: Any
    weights: Any

    def unit(self) -> Any:
        """The weight of each word, such that each text has length 1; a word that comes twice weighs twice."""
        many = len(self.weights)
        places, back, times = np.unique(self.row * many + self.word, return_inverse=True, return_counts=True)
        squares = np.bincount(places // many, weights=(times * self.weights[places % many]) ** 2)
        length = np.sqrt(squares)[self.row]
        return self.weights[self.word] / np.where(length > 0, length, 1.0) if len(back) else np.empty(0)


def centroids(space: Space, paths: Sequence[Path]) -> tuple[Any, Any]:
    """(unit vectors, word counts), a row for each label."""
    shape = (len(space.labels), max(len(space.weights), 1))
    sums, counts = np.zeros(shape), np.zeros(shape, np.int64)
    for texts in space.rows(paths):
        label = texts.label[texts.row]
        there = label >= 0
        place = label[there] * shape[1] + texts.word[there]
        sums += np.bincount(place, weights=texts.unit()[there], minlength=sums.size).reshape(shape)
        counts += np.bincount(place, minlength=sums.size).reshape(shape)
    length = np.sqrt((sums * sums).sum(axis=1, keepdims=True))
    return sums / np.where(length > 0, length, 1.0), counts


def strangers(space: Space, paths: Sequence[Path], units: Any, words: int) -> dict[str, Any]:
    """Texts that lie nearest to another label than their own, by how much: mistakes of labelling, or hard cases."""
    stride = max(ceil(words * len(space.labels) / EFFORT), 1)
    looked = nearer = 0
    worst: list[tuple[float, int, dict[str, Any]]] = []
    for texts in space.rows(paths):
        picked = _picked(texts, space, stride)
        near = _nearness(texts, units, picked)
        for row in np.flatnonzero(picked & (texts.label >= 0)).tolist():
            looked += 1
            own, best = near[row, texts.label[row]], int(near[row].argmax())
            if best == texts.label[row] or near[row, best] <= own:
                continue
            nearer += 1
            margin = float(near[row, best] - own)
            if len(worst) < SHOWN or margin > worst[0][0]:
                kept = (margin, -looked, _told(texts, space, row, best, own, near[row, best]))
                (heapq.heappushpop if len(worst) == SHOWN else heapq.heappush)(worst, kept)
    shown = [told for _, _, told in sorted(worst, key=lambda each: (-each[0], -each[1]))]
    return {"looked_at": looked, "nearer_to_another": nearer, "every": stride, "texts": shown}


def _picked(texts: Sparse, space: Space, stride: int) -> Any:
    name = space.declared.id or space.declared.text
    assert name
    if stride == 1:
        return np.ones(len(texts.label), bool)
    return hashes(texts.batch[name]) % np.uint64(stride) == 0


def _nearness(texts: Sparse, units: Any, picked: Any) -> Any:
    """The cosine of each picked text and each label."""
    found = np.zeros((len(texts.label), len(units)))
    chosen = picked[texts.row]
    row, word, weight = texts.row[chosen], texts.word[chosen], texts.unit()[chosen]
    if len(row):
        products = units[:, word].T * weight[:, None]
        starts = np.flatnonzero(np.r_[True, row[1:] != row[:-1]])
        found[row[starts]] = np.add.reduceat(products, starts, axis=0)
    return found


def _told(texts: Sparse, space: Space, row: int, best: int, own: float, other: float) -> dict[str, Any]:
    declared, batch = space.declared, texts.batch
    assert declared.text
    return {
        "id": str(batch[declared.id][row].as_py()) if declared.id else "",
        "text": cut(str(batch[declared.text][row].as_py() or "")),
        "split": str(batch[declared.split][row].as_py()) if declared.split else "",
        "label": space.labels[texts.label[row]],
        "nearest": space.labels[best],
        "own": float(own),
        "other": float(other),
    }


def telling(space: Space, counts: Any, most: int = 6) -> dict[str, list[str]]:
    """The words that tell each label from the rest: log odds over their own uncertainty, with a prior (Monroe 2008)."""
    words = space.words.to_pylist()
    total = counts.sum(axis=0)
    prior = total / max(total.sum(), 1) * 500.0 + 0.01
    found = {}
    for number, label in enumerate(space.labels):
        own, rest = counts[number], total - counts[number]
        here, there = own + prior, rest + prior
        odds = np.log(here / (here.sum() - here)) - np.log(there / (there.sum() - there))
        score = np.round(odds / np.sqrt(1 / here + 1 / there), 9)
        order = sorted(np.flatnonzero((own > 1) & (score > 1)).tolist(), key=lambda each: (-score[each], words[each]))
        found[label] = [words[each] for each in order[:most]]
    return found
