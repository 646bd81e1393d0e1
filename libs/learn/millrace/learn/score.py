"""``python -m millrace.learn.score REQUEST.json``: score models on suites here. Formats: README.md.

Texts are scored without padding: it is masked, so it costs time and changes no answer.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from millrace.learn.errors import WrongRequest
from millrace.learn.folder import digest, task_of, weights_digest
from millrace.learn.lines import leave, progress, say
from millrace.learn.requests import ScoreRequest, Suite, parsed
from millrace.learn.rows import Judged, Row, read_rows, write_judged
from millrace.learn.shelf import Shelf
from millrace.learn.tasks import task_named
from millrace.learn.tasks.classify import suite_scores
from millrace.learn.typos import typos

if TYPE_CHECKING:
    from millrace.learn.memory import Memory
    from millrace.learn.model import Embedded, Model


def score(raw: dict[str, Any]) -> dict[str, Any]:
    """Every model on every suite; all of one task."""
    request = parsed(ScoreRequest, raw)
    for names in ([model.name for model in request.models], [suite.name for suite in request.suites]):
        if len(set(names)) != len(names):
            raise WrongRequest(f"a name stands twice: {', '.join(names)}")
    of = {model.name: task_of(model.path) for model in request.models}
    if len(set(of.values())) != 1:
        raise WrongRequest(f"models: not of one task: {', '.join(f'{name} is of {task}' for name, task in of.items())}")
    told: dict[str, Any] = importlib.import_module(task_named(of[request.models[0].name]).SCORING).scored(request)
    return told


def scored(request: ScoreRequest) -> dict[str, Any]:
    """Of classify. Heads that stand on one encoder share what it says of a text.

    Texts of a suite that is scored `alone` are asked one by one: each has its own time, and one that fails has no
    answer.
    """
    suites = {suite.name: _rows(suite) for suite in request.suites}
    perturbed = {suite.name for suite in request.suites if suite.perturb == "typos"}
    texts = {
        name: typos([row.text for row in rows], request.seed) if name in perturbed else [row.text for row in rows]
        for name, rows in suites.items()
    }
    shelf = Shelf(request.threads)
    digests = {model.name: digest(model.path) for model in request.models}
    remembered = _memory(request)
    known: dict[tuple[int, int, str], Embedded] = {}
    scores: dict[str, dict[str, dict[str, Any]]] = {}
    weighed: dict[str, dict[str, int]] = {}
    alone = {suite.name for suite in request.suites if suite.alone}
    for wanted in request.models:
        model = shelf.load(wanted.path, wanted.parameters)
        scores[wanted.name] = {}
        weighed[wanted.name] = _sizes(model, wanted.path)
        for name, rows in suites.items():
            key = (id(model.embedder), model.max_length, name)
            if name not in alone and key not in known:
                encoder = model.version.base.digest if model.version.shares_base else weights_digest(wanted.path)
                known[key] = _embed(model, encoder, texts[name], request.batch, f"{wanted.name}/{name}", remembered)
            if name in alone:
                judged, seconds = _one_by_one(model, rows, texts[name])
            else:
                judged, seconds = _judge(model, rows, known[key])
            path = request.out / wanted.name / f"{name}.{request.format}"
            write_judged(path, judged)
            scores[wanted.name][name] = {"path": str(path), **suite_scores(judged), "seconds": round(seconds, 3)}
    return {"scores": scores, "digests": digests, "sizes": weighed}


def _sizes(model: Model, folder: Path) -> dict[str, int]:
    from millrace.learn.sizes import sizes

    return sizes(model, folder)


def _memory(request: ScoreRequest) -> Memory | None:
    if request.memory is None:
        return None
    from millrace.learn.memory import Memory

    return Memory(request.memory)


def _rows(suite: Suite) -> list[Row]:
    rows = read_rows(suite.rows)
    if not rows:
        raise WrongRequest(f"suites.{suite.name}: {suite.rows} has no rows")
    return rows


def _embed(model: Model, encoder: str, texts: list[str], batch: int, stage: str, remembered: Memory | None) -> Embedded:
    started = perf_counter()

    def tell(done: int) -> None:
        progress(stage, done, len(texts), None, perf_counter() - started)

    if remembered is None:
        return model.embedder.embed(texts, max_length=model.max_length, batch=batch, progress=tell)
    return remembered.embed(model.embedder, encoder, texts, max_length=model.max_length, batch=batch, progress=tell)


def _judge(model: Model, rows: list[Row], embedded: Embedded) -> tuple[list[Judged], float]:
    judged = [
        Judged(row.id, row.cluster, row.label, p.label, p.top_probability, p.entropy, p.novelty, round(spent * 1e3, 4))
        for row, p, spent in zip(rows, model.read(embedded), embedded.seconds, strict=True)
    ]
    return judged, sum(embedded.seconds)


def _one_by_one(model: Model, rows: list[Row], texts: list[str]) -> tuple[list[Judged], float]:
    judged, began = [], perf_counter()
    for row, text in zip(rows, texts, strict=True):
        started = perf_counter()
        try:
            said = model.read(model.embedder.embed([text], max_length=model.max_length))[0]
            told = (said.label, said.top_probability, said.entropy, said.novelty)
        except Exception as error:
            say("failed", row=row.id, error=type(error).__name__, detail=str(error)[:200])
            told = ("", 0.0, 0.0, 0.0)
        judged.append(Judged(row.id, row.cluster, row.label, *told, round((perf_counter() - started) * 1e3, 4)))
    return judged, perf_counter() - began


if __name__ == "__main__":
    leave(score)
