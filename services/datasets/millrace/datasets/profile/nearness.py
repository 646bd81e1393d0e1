"""How near each text is to its own label and to the others, by TF-IDF over the most frequent words.

No matrix library has a part in it, whose sums depend on the machine's threads: the same rows give the same figures.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.datasets.profile.declared import Declared
from millrace.datasets.profile.reading import batches, hashes
from millrace.datasets.profile.tallies import Tally, cut
from millrace.datasets.profile.words import counted, quantiles, words_of

WORDS = 2048
SHOWN, INFORMING, ALONE = 12, 24, 6
"""Texts that look like another label, words that say most about labels, and texts like none, that are shown."""
FENCE = 1.5
"""Spans between the quartiles below which a text is like no label (Tukey 1977)."""
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
    """Texts that lie nearest to another label than their own, by how much: mistakes of labelling, or hard cases.

    And texts that lie far from every label.
    """
    stride = max(ceil(words * len(space.labels) / EFFORT), 1)
    looked = nearer = 0
    worst: list[tuple[float, int, dict[str, Any]]] = []
    lonely = Lonely(space)
    for texts in space.rows(paths):
        picked = _picked(texts, space, stride)
        near = _nearness(texts, units, picked)
        rows = np.flatnonzero(picked & (texts.label >= 0))
        lonely.take(texts, near, rows)
        for row in rows.tolist():
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
    return {"looked_at": looked, "nearer_to_another": nearer, "every": stride, "texts": shown} | lonely.told()


@dataclass
class Lonely:
    """How near texts are to the label that is nearest, in hundredths, and those that are least so. Empty ones are not:
    they are told of as empty."""

    space: Space
    nearness: Counter[int] = field(default_factory=Counter)
    least: list[tuple[int, int, dict[str, Any]]] = field(default_factory=list)

    def take(self, texts: "Sparse", near: Any, rows: Any) -> None:
        declared = self.space.declared
        assert declared.text
        said = texts.batch[declared.text]
        rows = rows[pc.fill_null(pc.greater(pc.utf8_length(said.cast(pa.string())), 0), False).to_numpy(False)[rows]]
        hundredths = np.floor(near[rows].max(axis=1, initial=0.0) * 100).astype(int)
        self.nearness.update(counted(hundredths))
        draws = hashes(texts.batch[declared.id or declared.text])[rows]
        for place in np.lexsort((draws, hundredths))[:ALONE].tolist():
            row = int(rows[place])
            best = int(near[row].argmax())
            told = _told(texts, self.space, row, best, near[row, texts.label[row]], near[row, best])
            self.least.append((int(hundredths[place]), int(draws[place]), told))
        self.least.sort(key=lambda each: each[:2])
        del self.least[ALONE:]

    def told(self) -> dict[str, Any]:
        cuts = quantiles(self.nearness, (0.25, 0.75))
        bound = cuts.get("p25", 0) - FENCE * (cuts.get("p75", 0) - cuts.get("p25", 0))
        return {
            "alone": sum(count for near, count in self.nearness.items() if near < bound),
            "lonely": [told for near, _, told in self.least if near < bound],
        }


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


TELLS = 10.83
"""The log-likelihood ratio above which a word is no accident at one in a thousand (chi-square, one degree)."""


def telling(space: Space, counts: Any, most: int = 6) -> dict[str, list[str]]:
    """The words that tell each label from the rest, by the log-likelihood ratio (Dunning 1993)."""
    words, ratios = space.words.to_pylist(), _ratios(counts)
    found = {}
    for number, label in enumerate(space.labels):
        score = ratios[number]
        order = sorted(np.flatnonzero(score > TELLS).tolist(), key=lambda each: (-score[each], words[each]))
        found[label] = [words[each] for each in order[:most]]
    return found


def informing(space: Space, counts: Any) -> list[dict[str, Any]]:
    """The words that say most about the label: their ratio over all labels, and the label that each speaks for most."""
    words, ratios = space.words.to_pylist(), _ratios(counts)
    if len(space.labels) < 2 or not len(words):
        return []
    total = np.round(np.abs(ratios).sum(axis=0), 6)
    order = sorted(range(len(words)), key=lambda each: (-total[each], words[each]))[:INFORMING]
    found = []
    for word in order:
        label, times = int(ratios[:, word].argmax()), int(counts[:, word].sum())
        if ratios[label, word] > TELLS:
            own = int(counts[label, word])
            found.append({"word": words[word], "times": times, "label": space.labels[label], "own": own})
    return found


def _ratios(counts: Any) -> Any:
    """Dunning's G2 of each label and word, below nought where the word is rarer with the label than elsewhere."""
    counts = counts.astype(np.float64)
    own, word, label, whole = counts, counts.sum(axis=0), counts.sum(axis=1, keepdims=True), counts.sum()
    ratio = np.zeros_like(own)
    with np.errstate(divide="ignore", invalid="ignore"):
        for seen, rows, columns in (
            (own, label, word),
            (word - own, whole - label, word),
            (label - own, label, whole - word),
            (whole - label - word + own, whole - label, whole - word),
        ):
            expected = rows * columns / whole
            ratio += np.where(seen > 0, seen * np.log(seen / expected), 0.0)
        more = own * (whole - label) > (word - own) * label
    return np.round(np.where(more, 2 * ratio, -2 * ratio), 6)
