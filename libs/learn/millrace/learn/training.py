"""From a request to a model folder. Imports torch."""

from __future__ import annotations

import contextlib
import importlib
import platform
import shutil
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import torch

from millrace.learn import bases, importing
from millrace.learn.devices import device_for, name_of
from millrace.learn.errors import WrongRequest
from millrace.learn.fitting import Fitted, Method, Progress
from millrace.learn.folder import CARRIED, Reference, Training, Version, digest, weights_digest
from millrace.learn.importing import IMPORTED
from millrace.learn.model import Model, bfloat16_is_fast, read, write_weights
from millrace.learn.requests import TrainRequest
from millrace.learn.rows import Judged, read_rows, write_judged
from millrace.learn.tasks import task_named
from millrace.learn.tasks.classify import (
    Prediction,
    Prepared,
    novelty_among,
    prepare,
    reference_of,
    references_of,
    temperature_for,
    validation_scores,
)
from millrace.learn.trained import Trained

__all__ = ["Trained", "begin", "environment_of", "train"]


def begin(request: TrainRequest) -> Any:
    """The module of the request's method, all else being ready for it. Raises a kind of Unlearnable."""
    known = task_named(request.task).METHODS
    if request.method not in known:
        raise WrongRequest(f"method: {request.method!r} is not one of {', '.join(known)}")
    if request.out.exists():
        raise WrongRequest(f"out: {request.out} is there already")
    torch.set_num_threads(request.threads)
    torch.use_deterministic_algorithms(device_for(request.device).type == "cpu")
    if request.base:
        bases.fetch(request.base)
    return importlib.import_module(f"millrace.learn.methods.{request.method.replace('-', '_')}")


def train(request: TrainRequest, progress: Progress) -> Trained:
    """Raises a kind of Unlearnable; writes ``request.out`` whole or not at all."""
    started = perf_counter()
    method = cast(Method, begin(request))
    imports = request.method == IMPORTED
    request = importing.labelled(request) if imports else request
    data = prepare(read_rows(request.rows), request.labels, learned=not imports)
    fitted = method.fit(request, data, progress)
    model, predictions, seconds = _judged(request, data, fitted, progress)
    rows = [
        Judged(row.id, row.cluster, row.label, p.label, p.top_probability, p.entropy, p.novelty, round(spent * 1e3, 4))
        for row, p, spent in zip(data.validation.rows, predictions, seconds, strict=True)
    ]
    write_judged(request.out.parent / f"{request.out.name}.validation.parquet", rows)
    alone = _ms_alone(model, data.validation.texts)
    _write(request.out, model, fitted)
    return Trained(
        path=str(request.out),
        digest=digest(request.out),
        weights_digest=weights_digest(request.out),
        labels=data.labels,
        without_rows=data.without_rows,
        scores=validation_scores(data.validation, data.labels, predictions, request.seed),
        seconds=round(perf_counter() - started, 3),
        fit_seconds=round(fitted.seconds, 3),
        steps=fitted.steps,
        planned_steps=fitted.planned_steps,
        stopped=fitted.stopped,
        resumed_from=fitted.resumed_from,
        ms_per_text=alone,
        weights=sum(p.numel() for p in fitted.embedder.encoder.parameters()) + fitted.head.weight.numel(),
        bytes=sum(path.stat().st_size for path in request.out.iterdir()),
        ignored_rows=data.ignored,
    )


def _judged(
    request: TrainRequest, data: Prepared, fitted: Fitted, progress: Progress
) -> tuple[Model, list[Prediction], list[float]]:
    """Temperature, references and predictions from the held-out rows, embedded once."""
    held_out, head = data.validation, fitted.head
    embedded = fitted.embedder.embed(
        held_out.texts,
        max_length=request.max_length,
        progress=lambda done: progress("validate", done, len(held_out.texts), None, fitted.seconds),
    )
    kept = references_of(held_out.targets, request.seed)
    directions = embedded.directions
    if fitted.finished is None:
        temperature = fitted.temperature or temperature_for(head.logits(embedded.vectors), held_out.targets)
        references = directions[kept]
    else:
        temperature, references = fitted.finished.version.temperature, fitted.finished.references
    apart = novelty_among(directions.double().numpy(), kept).tolist()
    predictions = [
        replace(prediction, novelty=distance)
        for prediction, distance in zip(read(head, data.labels, temperature, references, embedded), apart, strict=True)
    ]
    version = _version(request, data, fitted, temperature, reference_of(data.labels, predictions, len(kept)))
    model = Model(version, fitted.embedder, head, references, request.max_length, request.pad_to, fitted.adapter)
    return model, predictions, embedded.seconds


def _version(
    request: TrainRequest, data: Prepared, fitted: Fitted, temperature: float, reference: Reference
) -> Version:
    return Version(
        task=request.task,
        method=fitted.method,
        base=fitted.base,
        encoder=fitted.kept,
        adapter=fitted.adapter.shape if fitted.adapter else None,
        labels=data.labels,
        max_length=request.max_length,
        pad_to=request.pad_to,
        temperature=temperature,
        reference=reference,
        training=Training(
            rows=0 if fitted.method == IMPORTED else len(data.train.texts),
            dataset=request.dataset,
            seed=request.seed,
            settings=fitted.settings,
            steps=fitted.steps,
            planned_steps=fitted.planned_steps,
        ),
        environment=environment_of(request),
    )


def environment_of(request: TrainRequest) -> dict[str, str | int]:
    """What equal bytes depend on besides rows, settings and seed."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        **packages(),
        "machine": platform.machine(),
        "arithmetic": "bfloat16" if bfloat16_is_fast() else "float32",
        "threads": request.threads,
        "device": name_of(device_for(request.device)),
        "precision": request.precision,
        "accumulate": request.accumulate,
        **({"start": weights_digest(request.start)} if request.start else {}),
    }


def packages() -> dict[str, str]:
    """Versions of what else weights depend on, as far as it is installed; nothing is imported for it."""
    found = {}
    for name in ("numpy", "scikit-learn", "scipy", "tokenizers", "transformers", "peft"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _ms_alone(model: Model, texts: list[str], most: int = 30, seconds: float = 1.0) -> float:
    """Mean milliseconds of one text at a time, over at most so many texts and about so many seconds; the first is
    left out."""
    model.predict(texts[:1])
    started, asked = perf_counter(), 0
    for text in texts[1 : most + 1] or texts:
        model.predict([text])
        asked += 1
        if perf_counter() - started > seconds:
            break
    return round((perf_counter() - started) * 1000 / asked, 3)


def _write(out: Path, model: Model, fitted: Fitted) -> None:
    part = out.parent / f".{out.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    own = fitted.kept in CARRIED
    write_weights(part, fitted.head, model.references, fitted.embedder.encoder if own else None, fitted.adapter)
    if own:
        for name in ("config.json", "tokenizer.json"):
            shutil.copyfile(fitted.embedder.source / name, part / name)
    model.version.write(part)
    part.replace(out)
