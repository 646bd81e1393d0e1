"""From a request to a model folder."""

from __future__ import annotations

import importlib
import platform
import shutil
from importlib.metadata import version as installed
from pathlib import Path
from time import perf_counter
from typing import cast

import numpy as np

from millrace.learn import importing
from millrace.learn.errors import WrongRequest
from millrace.learn.folder import Training, digest, weights_digest
from millrace.learn.importing import IMPORTED
from millrace.learn.rows import Judged, Row, read_rows, write_judged
from millrace.learn.scores import Floats, Labels
from millrace.learn.settings import Progress
from millrace.learn.tabular.columns import Columns
from millrace.learn.tabular.fitting import Fitted, Learned, Method
from millrace.learn.tabular.model import Model, told, write
from millrace.learn.tasks.classify import (
    Examples,
    prepare,
    references_of,
    temperature_for,
    validation_scores,
)
from millrace.learn.tasks.classify import Prediction as Labelled
from millrace.learn.tasks.tabular import (
    METHODS,
    Held,
    Prediction,
    Request,
    Valued,
    Version,
    matrix,
    numbers,
    value_scores,
)
from millrace.learn.trained import Trained


class _Data:
    """Both splits of a request, as the methods and the scores want them."""

    def __init__(self, request: Request) -> None:
        rows = read_rows(request.rows)
        self.labels: list[str] = []
        self.without_rows: list[str] = []
        self.held_out: Examples | None = None
        if request.regresses:
            train, validation = numbers(rows)
            learn, self.rows = train.rows, validation.rows
            targets, weights, self.truth = train.values, train.weights, validation.values
        else:
            prepared = prepare(rows, request.labels, learned=request.method != IMPORTED)
            self.labels, self.without_rows = prepared.labels, prepared.without_rows
            self.held_out, learn, self.rows = prepared.validation, prepared.train.rows, prepared.validation.rows
            targets, weights = prepared.train.targets.astype(np.float64), prepared.train.weights
            self.truth = prepared.validation.targets.astype(np.float64)
        self.ignored = len(rows) - len(learn) - len(self.rows)
        told = _matrix(learn, request)
        self.matrix = _matrix(self.rows, request)
        columns = Columns.fit(request.features, told)
        self.train = Learned(told, targets, weights, columns, len(self.labels))


def _matrix(rows: list[Row], request: Request) -> Floats:
    return matrix([row.text for row in rows], request.features, [row.id for row in rows])


def train(request: Request, progress: Progress) -> Trained:
    """Raises a kind of Unlearnable; writes ``request.out`` whole or not at all."""
    started = perf_counter()
    if request.method not in METHODS:
        raise WrongRequest(f"method: {request.method!r} is not one of {', '.join(METHODS)}")
    if request.out.exists():
        raise WrongRequest(f"out: {request.out} is there already")
    request = importing.labelled(request) if request.method == IMPORTED else request
    data = _Data(request)
    method = cast(Method, importlib.import_module(f"millrace.learn.methods.{request.method}"))
    fitted = method.fit_columns(request, data.train, progress)
    model, predictions, seconds = _judged(request, data, fitted)
    progress("validate", len(data.rows), len(data.rows), None, fitted.seconds)
    write_judged(
        request.out.parent / f"{request.out.name}.validation.parquet", *judged(data.rows, predictions, seconds)
    )
    alone = _ms_alone(model, [row.text for row in data.rows])
    _write(request.out, model)
    return Trained(
        path=str(request.out),
        digest=digest(request.out),
        weights_digest=weights_digest(request.out),
        labels=data.labels,
        without_rows=data.without_rows,
        scores=_scores(request, data, predictions),
        seconds=round(perf_counter() - started, 3),
        fit_seconds=round(fitted.seconds, 3),
        steps=fitted.steps,
        planned_steps=fitted.planned_steps,
        stopped=fitted.stopped,
        resumed_from=None,
        ms_per_text=alone,
        weights=model.predictor.size,
        bytes=sum(path.stat().st_size for path in request.out.iterdir()),
        ignored_rows=data.ignored,
    )


def _judged(request: Request, data: _Data, fitted: Fitted) -> tuple[Model, list[Prediction], float]:
    """Temperature, references and predictions from the held-out rows; seconds of one row."""
    began = perf_counter()
    columns = data.train.columns
    raw, apart = fitted.predictor.raw(data.matrix, columns), columns.of(data.matrix)
    kept = references_of(_groups(data), request.seed)
    references = apart[kept]
    own = {int(row): place for place, row in enumerate(kept)}
    novelty = columns.novelty(apart, references, apart_from_self=own)
    temperature = fitted.temperature or (temperature_for(raw, _groups(data)) if data.labels else 1.0)
    predictions = told(data.labels, temperature, raw, novelty.tolist())
    seconds = (perf_counter() - began) / len(data.rows)
    version = Version(
        task="tabular",
        method=request.method,
        features=request.features,
        target=request.target,
        labels=data.labels,
        temperature=temperature,
        reference=_held(data, predictions, len(kept)),
        training=Training(
            rows=0 if request.method == IMPORTED else len(data.train.targets),
            dataset=request.dataset,
            seed=request.seed,
            settings=fitted.settings,
            steps=fitted.steps,
            planned_steps=fitted.planned_steps,
        ),
        environment=_environment(request),
    )
    return Model(version, fitted.predictor, columns, references), predictions, seconds


def _groups(data: _Data) -> Labels:
    """Held-out rows by what they are, so that references come from each; of numbers all are one."""
    return data.truth.astype(np.int64) if data.labels else np.zeros(len(data.truth), dtype=np.int64)


def _held(data: _Data, predictions: list[Prediction], kept: int) -> Held:
    def mean(values: list[float | None]) -> float | None:
        return round(float(np.mean([value for value in values if value is not None])), 6) if data.labels else None

    said = [prediction.label for prediction in predictions]
    return Held(
        rows=len(predictions),
        kept=kept,
        label_share={label: round(said.count(label) / len(said), 6) for label in data.labels},
        top_probability=mean([prediction.top_probability for prediction in predictions]),
        entropy=mean([prediction.entropy for prediction in predictions]),
        novelty=round(float(np.mean([prediction.novelty for prediction in predictions])), 6),
    )


def _scores(request: Request, data: _Data, predictions: list[Prediction]) -> dict[str, float]:
    if data.held_out is None:
        predicted = np.array([float(prediction.label) for prediction in predictions])
        return value_scores(data.truth, predicted, [row.cluster for row in data.rows], request.seed)
    return validation_scores(data.held_out, data.labels, [_labelled(one) for one in predictions], request.seed)


def _labelled(one: Prediction) -> Labelled:
    top, entropy = one.top_probability or 0.0, one.entropy or 0.0
    return Labelled(one.label, one.probabilities, top, entropy, one.novelty, one.tokens)


def judged(
    rows: list[Row], predictions: list[Prediction], seconds: float
) -> tuple[list[Judged] | list[Valued], type[Judged] | type[Valued]]:
    """Predictions of rows whose truth is known, and what they are written as."""
    ms = round(seconds * 1e3, 4)
    if all(one.top_probability is None for one in predictions):
        pairs = zip(rows, predictions, strict=True)
        return [Valued(row.id, row.cluster, row.label, p.label, p.novelty, ms) for row, p in pairs], Valued
    return [
        Judged(row.id, row.cluster, row.label, p.label, p.top_probability or 0.0, p.entropy or 0.0, p.novelty, ms)
        for row, p in zip(rows, predictions, strict=True)
    ], Judged


def _environment(request: Request) -> dict[str, str | int]:
    """What equal bytes depend on besides rows, settings and seed."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scikit-learn": installed("scikit-learn"),
        "lightgbm": installed("lightgbm"),
        "machine": platform.machine(),
        "threads": request.threads,
    }


def _ms_alone(model: Model, texts: list[str], most: int = 100) -> float:
    """Mean milliseconds of one input at a time; the first is left out."""
    model.predict(texts[:1])
    asked = texts[1 : most + 1] or texts
    started = perf_counter()
    for text in asked:
        model.predict([text])
    return round((perf_counter() - started) * 1000 / len(asked), 3)


def _write(out: Path, model: Model) -> None:
    part = out.parent / f".{out.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    write(part, model)
    part.replace(out)
