"""Classification: one of a closed list of labels for each text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from millrace.learn import folder
from millrace.learn.errors import TooFewRows, UnknownLabel
from millrace.learn.folder import Reference
from millrace.learn.requests import TrainRequest
from millrace.learn.rows import Judged, Row
from millrace.learn.scores import (
    Floats,
    Labels,
    accuracy,
    calibration_error,
    codes_of,
    macro_f1,
    standard_error,
)

METHODS = ("declare", "full", "imported", "linear-probe", "lora")
Request = TrainRequest
Version = folder.Version
TRAINING = "millrace.learn.training"
SCORING = "millrace.learn.score"
LOADING = "millrace.learn.model"
REFERENCES = 512
"""Held-out embeddings that novelty is measured against: 0.8 MB at 384 dimensions."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """``probabilities`` in the order of the version's labels; ``entropy`` in nats, ``novelty`` a cosine distance."""

    label: str
    probabilities: list[float]
    top_probability: float
    entropy: float
    novelty: float
    tokens: int

    @property
    def value(self) -> None:
        """A label is no number."""


@dataclass(frozen=True)
class Examples:
    texts: list[str]
    targets: Labels
    weights: Floats
    rows: list[Row]


@dataclass(frozen=True)
class Prepared:
    labels: list[str]
    without_rows: list[str]
    train: Examples
    validation: Examples
    ignored: int


def prepare(rows: Sequence[Row], names: Sequence[str] | None, *, learned: bool = True) -> Prepared:
    """Training and validation rows with their targets.

    A validation row of a label without training rows can't be judged and is ignored like rows of other splits; where
    nothing is ``learned`` of the rows, each of ``names`` is answered all the same. Raises TooFewRows below two labels
    or without validation, UnknownLabel for a label that ``names`` leaves out.
    """
    splits = {split: [row for row in rows if row.split == split] for split in ("train", "validation")}
    trained = {row.label for row in splits["train"] if row.weight > 0}
    labels = [name for name in (names if names is not None else sorted(trained)) if name in trained or not learned]
    if names is not None:
        for row in (*splits["train"], *splits["validation"]):
            if row.label not in names:
                raise UnknownLabel(row.label, row.id, names)
    if len(labels) < 2:
        raise TooFewRows("train", len(labels), 2)
    codes = {label: code for code, label in enumerate(labels)}
    train, validation = (
        _examples([row for row in splits[split] if row.label in codes], codes) for split in ("train", "validation")
    )
    if not validation.texts:
        raise TooFewRows("validation", 0, 1)
    ignored = len(rows) - len(train.texts) - len(validation.texts)
    return Prepared(labels, [name for name in names or () if name not in trained], train, validation, ignored)


def _examples(rows: list[Row], codes: dict[str, int]) -> Examples:
    targets = np.array([codes[row.label] for row in rows], dtype=np.int64)
    weights = np.array([row.weight for row in rows], dtype=np.float64)
    return Examples([row.text for row in rows], targets, weights, rows)


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    scaled = logits / temperature
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def entropies(probabilities: Floats) -> Floats:
    """In nats, one a row."""
    return np.asarray(-(probabilities * np.log(np.maximum(probabilities, 1e-12))).sum(axis=1))


def nll(logits: Floats, targets: Labels, temperature: float = 1.0) -> float:
    of_truth = softmax(logits, temperature)[np.arange(len(targets)), targets]
    return float(-np.log(np.maximum(of_truth, 1e-12)).mean())


def temperature_for(logits: Floats, targets: Labels) -> float:
    """The temperature with the least validation NLL, by golden section on its logarithm (Guo et al. 2017).

    Bounded to 0.2..5: on a handful of rows that are all right, NLL would fall towards certainty for ever.
    """
    low, high, ratio = np.log(0.2), np.log(5.0), (5**0.5 - 1) / 2
    while high - low > 1e-4:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if nll(logits, targets, float(np.exp(left))) <= nll(logits, targets, float(np.exp(right))):
            high = right
        else:
            low = left
    return round(float(np.exp((low + high) / 2)), 4)


def references_of(targets: Labels, seed: int, most: int = REFERENCES) -> Labels:
    """Indices of the held-out rows to keep as references: by chance, in turn from each label, in rising order."""
    chance = np.random.default_rng(seed).permutation(len(targets))
    turn: Counter[int] = Counter()
    ranked = []
    for row in chance:
        ranked.append((turn[int(targets[row])], int(row)))
        turn[int(targets[row])] += 1
    return np.array(sorted(row for _, row in sorted(ranked, key=lambda pair: pair[0])[:most]), dtype=np.int64)


def novelty_among(embeddings: Floats, kept: Labels) -> Floats:
    """Distance of each held-out row to its nearest reference other than itself; 1 when there is no other."""
    near = embeddings @ embeddings[kept].T
    near[kept, np.arange(len(kept))] = -np.inf
    best = near.max(axis=1)
    return np.asarray(np.where(np.isfinite(best), np.maximum(1 - best, 0), 1.0))


def reference_of(labels: Sequence[str], predictions: Sequence[Prediction], kept: int) -> Reference:
    said = Counter(prediction.label for prediction in predictions)
    return Reference(
        rows=len(predictions),
        kept=kept,
        label_share={label: round(said[label] / len(predictions), 6) for label in labels},
        top_probability=round(float(np.mean([p.top_probability for p in predictions])), 6),
        entropy=round(float(np.mean([p.entropy for p in predictions])), 6),
        novelty=round(float(np.mean([p.novelty for p in predictions])), 6),
    )


def validation_scores(
    data: Examples, labels: Sequence[str], predictions: Sequence[Prediction], seed: int
) -> dict[str, float]:
    codes = {label: code for code, label in enumerate(labels)}
    predicted = np.array([codes[p.label] for p in predictions], dtype=np.int64)
    clusters = [row.cluster for row in data.rows]
    of_truth = [p.probabilities[target] for p, target in zip(predictions, data.targets, strict=True)]
    confidence = np.array([p.top_probability for p in predictions])
    scores = {
        "accuracy": accuracy(data.targets, predicted),
        "accuracy_se": standard_error(accuracy, data.targets, predicted, clusters, seed),
        "macro_f1": macro_f1(data.targets, predicted),
        "macro_f1_se": standard_error(macro_f1, data.targets, predicted, clusters, seed),
        "nll": float(-np.log(np.maximum(of_truth, 1e-12)).mean()),
        "ece": calibration_error(predicted == data.targets, confidence),
    }
    return {"rows": len(predictions), "clusters": len(set(clusters))} | {k: round(v, 6) for k, v in scores.items()}


def suite_scores(judged: Sequence[Judged]) -> dict[str, float]:
    truth, predicted = codes_of([row.truth for row in judged], [row.prediction for row in judged])
    return {
        "rows": len(judged),
        "clusters": len({row.cluster for row in judged}),
        "accuracy": round(accuracy(truth, predicted), 6),
        "macro_f1": round(macro_f1(truth, predicted), 6),
    }
