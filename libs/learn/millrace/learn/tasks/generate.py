"""Generation: an answer in words to each text, as answers, better ones and ratings of people taught it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from millrace.learn.errors import TooFewRows, WrongRows
from millrace.learn.folder import Adapter, BaseName, Encoded, Made, Training
from millrace.learn.requests import TrainRequest
from millrace.learn.rows import read_as, text_of, weight_of
from millrace.learn.scores import Labels, spread
from millrace.workspace import Decoding, Prompt

METHODS = ("dpo", "kto", "prompt", "sft", "sft-lora")
TRAINING = "millrace.learn.language.training"
SCORING = "millrace.learn.language.scoring"
LOADING = "millrace.learn.language.model"
LONGEST = 8192
"""Tokens that a version is told and says, at most."""

Uses = Literal["answers", "pairs", "ratings"]
"""What of the rows a method learns from."""


class Version(Made):
    """Everything besides the weights that shapes an answer.

    ``weights`` says whose they are: the base's, the base's with an adapter of this version, or its own.
    """

    task: Literal["generate"]
    base: BaseName
    weights: Encoded
    adapter: Adapter | None = None
    prompt: Prompt
    decoding: Decoding
    max_length: int = Field(ge=8, le=LONGEST)
    training: Training
    environment: dict[str, str | int]

    @model_validator(mode="after")
    def _fits_together(self) -> Version:
        if (self.adapter is not None) != (self.weights == "adapted"):
            raise ValueError("an adapter, and weights that are adapted, come together")
        return self

    @property
    def base_needed(self) -> str | None:
        return self.base.name if self.weights != "own" else None


class Request(TrainRequest):
    """``prompt`` and ``decoding`` are those of ``start`` where they are not given."""

    base: str = "smollm2"
    max_length: int = Field(512, ge=8, le=LONGEST)
    labels: None = None
    pad_to: None = None
    prompt: Prompt | None = None
    decoding: Decoding | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A text and an answer to it; perhaps one that is worse, perhaps how the answer was rated, from -1 to 1."""

    id: str
    text: str
    answer: str
    rejected: str | None
    rating: float | None
    split: str
    cluster: str
    weight: float

    @property
    def is_good(self) -> bool:
        """Whether the answer may be learned as it is."""
        return self.rating is None or self.rating > 0

    def serves(self, uses: Uses) -> bool:
        if uses == "pairs":
            return self.rejected is not None
        return bool(self.rating) if uses == "ratings" else self.is_good


@dataclass(frozen=True)
class Prepared:
    train: list[Exchange]
    validation: list[Exchange]
    ignored: int


def read_exchanges(path: Path) -> list[Exchange]:
    """Rows in the file's order; raises WrongRows with the row's number (from 1) when one can't be used."""
    return read_as(path, _exchange)


def _exchange(path: Path, number: int, raw: dict[str, Any]) -> Exchange:
    def wrong(reason: str) -> WrongRows:
        return WrongRows(str(path), f"row {number}: {reason}")

    row_id, text, answer = (text_of(path, number, raw, name) for name in ("id", "text", "label"))
    rejected = text_of(path, number, raw, "rejected") if raw.get("rejected") is not None else None
    if not answer.strip():
        raise wrong("label, the answer, is empty")
    if rejected is not None and not rejected.strip():
        raise wrong("rejected is empty")
    if rejected is not None and rejected.strip() == answer.strip():
        raise wrong("label and rejected are the same, which prefers neither")
    rating = raw.get("rating")
    if rating is not None and (
        isinstance(rating, bool) or not isinstance(rating, int | float) or not -1 <= rating <= 1
    ):
        raise wrong(f"rating: {rating!r} is not a number from -1 to 1")
    split, cluster = str(raw.get("split") or ""), raw.get("cluster") or row_id
    return Exchange(row_id, text, answer, rejected, rating, split, cluster, weight_of(path, number, raw))


def prepare(path: Path, uses: Uses | None) -> Prepared:
    """Training rows that serve a method, none for one that learns nothing; and held-out rows with a good answer.

    Raises WrongRows, TooFewRows.
    """
    rows = read_exchanges(path)
    train = [row for row in rows if row.split == "train" and row.weight > 0 and uses and row.serves(uses)]
    validation = [row for row in rows if row.split == "validation" and row.is_good]
    if uses and not train:
        raise TooFewRows("train", 0, 1)
    if uses == "ratings":
        _both(path, train)
    if not validation:
        raise TooFewRows("validation", 0, 1)
    return Prepared(train, validation, len(rows) - len(train) - len(validation))


def _both(path: Path, rows: Sequence[Exchange]) -> None:
    found = Counter(row.is_good for row in rows)
    if len(found) == 1:
        told = "good" if found[True] else "bad"
        raise WrongRows(str(path), f"all {len(rows)} rated rows are {told}: ratings teach by what sets both apart")


@dataclass(frozen=True, slots=True)
class Told:
    """What a version says of a held-out row: the log-probability of its answer, of ``tokens``, and of the worse one."""

    id: str
    cluster: str
    tokens: int
    logp: float
    rejected_logp: float | None


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer to a row of a suite, the ``prediction``.

    ``logp`` is of its ``tokens`` together and ``top_probability`` the mean of one (geometric); ``truth_logp`` is of the
    ``truth_tokens`` of the truth; ``similarity`` is the cosine of both texts' embeddings, and ``exact`` is 1 where they
    are the same.
    """

    id: str
    cluster: str
    truth: str
    prediction: str
    ended: str
    tokens: int
    logp: float
    top_probability: float
    truth_tokens: int
    truth_logp: float
    similarity: float
    exact: float
    latency_ms: float


def validation_scores(told: Sequence[Told], seed: int) -> dict[str, float]:
    """``nll`` is of a token; ``preference_accuracy`` the share of pairs whose better answer is the likelier."""
    clusters = [row.cluster for row in told]
    tokens = np.array([row.tokens for row in told], dtype=np.float64)
    lost = -np.array([row.logp for row in told])

    def nll(rows: Labels) -> float:
        return float(lost[rows].sum() / tokens[rows].sum())

    scores = {"nll": nll(np.arange(len(told))), "nll_se": spread(nll, clusters, seed)}
    pairs = [row for row in told if row.rejected_logp is not None]
    if pairs:
        won = np.array([row.logp > (row.rejected_logp or 0.0) for row in pairs], dtype=np.float64)
        scores["preference_accuracy"] = float(won.mean())
        scores["preference_accuracy_se"] = spread(
            lambda rows: float(won[rows].mean()), [row.cluster for row in pairs], seed
        )
    counts = {"rows": len(told), "clusters": len(set(clusters)), "pairs": len(pairs)}
    return counts | {name: round(value, 6) for name, value in scores.items()}


def suite_scores(answered: Sequence[Answered]) -> dict[str, float]:
    def mean(values: Sequence[float]) -> float:
        return round(float(np.mean(values)), 6)

    return {
        "rows": len(answered),
        "clusters": len({row.cluster for row in answered}),
        "exact": mean([row.exact for row in answered]),
        "similarity": mean([row.similarity for row in answered]),
        "nll": round(-sum(row.truth_logp for row in answered) / sum(row.truth_tokens for row in answered), 6),
        "tokens": mean([row.tokens for row in answered]),
        "unfinished": mean([row.ended == "length" for row in answered]),
    }
