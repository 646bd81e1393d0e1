"""Tabular: a number or one of a list of labels, of features. A row's text is its features as a JSON object.

NaN and null say that a value is missing; what is infinite is refused with the feature and the row.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from millrace.learn.errors import TooFewRows, WrongFeature
from millrace.learn.folder import Made, Training
from millrace.learn.requests import TrainRequest
from millrace.learn.rows import Row
from millrace.learn.scores import Floats, Labels, spread
from millrace.workspace import Feature, Target

METHODS = ("imported", "lightgbm", "linear")
TRAINING = "millrace.learn.tabular.training"
SCORING = "millrace.learn.tabular.scoring"
LOADING = "millrace.learn.tabular.model"
REGRESSION = "regression"


class Request(TrainRequest):
    """``features`` and ``target`` as the workspace declares them; it stands on no base, and learns on the processor."""

    base: Literal[""] = ""
    features: dict[str, Feature] = Field(min_length=1)
    target: Target
    pad_to: None = None
    start: None = None
    device: Literal["cpu", "gpu-if-there"] = "cpu"
    precision: Literal["float32"] = "float32"
    accumulate: Literal[1] = 1

    @property
    def regresses(self) -> bool:
        return self.target.kind == REGRESSION


class Held(BaseModel):
    """What held-out rows looked like to this version; a regression tells only how far they lie apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    rows: int
    kept: int
    label_share: dict[str, float]
    top_probability: float | None = None
    entropy: float | None = None
    novelty: float


class Version(Made):
    """Everything besides the weights that shapes an answer; a regression has no labels."""

    task: Literal["tabular"]
    features: dict[str, Feature] = Field(min_length=1)
    target: Target
    labels: list[str]
    temperature: float = Field(1.0, gt=0)
    reference: Held
    training: Training
    environment: dict[str, str | int]

    @model_validator(mode="after")
    def _fits_together(self) -> Version:
        if self.regresses and self.labels:
            raise ValueError("a regression has no labels")
        if not self.regresses and (len(self.labels) < 2 or len(set(self.labels)) != len(self.labels)):
            raise ValueError("labels: at least two, each once")
        return self

    @property
    def regresses(self) -> bool:
        return self.target.kind == REGRESSION


@dataclass(frozen=True, slots=True)
class Prediction:
    """As that of a text. Of a regression the label is the number as text, and there are no probabilities."""

    label: str
    probabilities: list[float]
    top_probability: float | None
    entropy: float | None
    novelty: float
    tokens: int = 0

    @property
    def value(self) -> float | None:
        return None if self.probabilities else float(self.label)


@dataclass(frozen=True, slots=True)
class Valued:
    """One number predicted of a row whose own is known, both as text."""

    id: str
    cluster: str
    truth: str
    prediction: str
    novelty: float
    latency_ms: float


@dataclass(frozen=True)
class Numbers:
    """Rows of a regression with what they are."""

    rows: list[Row]
    values: Floats
    weights: Floats


def number_of(row: Row) -> float:
    """The truth of a regression. Raises WrongFeature."""
    try:
        value = float(row.label)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise WrongFeature(
            "the target", f"row {row.id}", f"is {row.label[:50]!r}, where a regression learns a finite number"
        )
    return value


def numbers(rows: Sequence[Row]) -> tuple[Numbers, Numbers]:
    """Training and validation rows. Raises TooFewRows, WrongFeature."""
    splits = []
    for split, needed in (("train", 2), ("validation", 1)):
        found = [row for row in rows if row.split == split and (row.weight > 0 or split == "validation")]
        if len(found) < needed:
            raise TooFewRows(split, len(found), needed)
        values = np.array([number_of(row) for row in found])
        splits.append(Numbers(found, values, np.array([row.weight for row in found])))
    return splits[0], splits[1]


def cells(text: str, features: Mapping[str, Feature], where: str, *, whole: bool = True) -> list[float]:
    """A row of the matrix: numbers as they are, NaN where missing; a category is its place in the list, and what is
    not in it the place after the last. What is not there at all is missing too where it need not be `whole`.

    Raises WrongFeature."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise WrongFeature("the features", where, "are no JSON object")
    told = told if whole else dict.fromkeys(features) | told
    return [_cell(name, feature, told, where) for name, feature in features.items()]


def _cell(name: str, feature: Feature, told: Mapping[str, object], where: str) -> float:
    if name not in told:
        raise WrongFeature(name, where, "is not there; null says that it has no value")
    value = told[name]
    if feature.category is not None:
        if value is not None and not isinstance(value, str):
            raise WrongFeature(name, where, f"is {value!r}, where a category is a text")
        return float(feature.category.index(value) if value in feature.category else len(feature.category))
    if value is None:
        return math.nan
    if not isinstance(value, int | float):
        raise WrongFeature(name, where, f"is {str(value)[:50]!r}, where a number is expected")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise WrongFeature(name, where, "is infinite; null says that it has no value")
    return number


def matrix(texts: Sequence[str], features: Mapping[str, Feature], ids: Sequence[str], *, whole: bool = True) -> Floats:
    """One row a text, as `cells` reads it. Raises WrongFeature with the row's id."""
    rows = [cells(text, features, f"row {id}", whole=whole) for text, id in zip(texts, ids, strict=True)]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(features))


def mae(truth: Floats, predicted: Floats) -> float:
    return float(np.abs(truth - predicted).mean())


def rmse(truth: Floats, predicted: Floats) -> float:
    return float(np.sqrt(np.mean((truth - predicted) ** 2)))


def value_scores(truth: Floats, predicted: Floats, clusters: Sequence[str], seed: int) -> dict[str, float]:
    """Of validation rows, with standard errors by bootstrap over clusters."""
    scores: dict[str, float] = {"rows": len(truth), "clusters": len(set(clusters))}
    for name, score in (("mae", mae), ("rmse", rmse)):

        def of(rows: Labels, score: object = score) -> float:
            assert callable(score)
            return float(score(truth[rows], predicted[rows]))

        scores |= {name: score(truth, predicted), f"{name}_se": spread(of, clusters, seed)}
    return {name: float(f"{value:.8g}") for name, value in scores.items()}


def suite_scores(judged: Sequence[Valued]) -> dict[str, float]:
    truth, predicted = (np.array([float(getattr(row, name)) for row in judged]) for name in ("truth", "prediction"))
    told = {"mae": mae(truth, predicted), "rmse": rmse(truth, predicted)}
    return {"rows": len(judged), "clusters": len({row.cluster for row in judged}), **told}
