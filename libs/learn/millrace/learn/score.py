"""``python -m millrace.learn.score REQUEST.json``: score models on suites here. Formats: README.md."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from millrace.learn.errors import WrongRequest
from millrace.learn.folder import digest
from millrace.learn.lines import leave, progress
from millrace.learn.requests import ScoreRequest, Suite, parsed
from millrace.learn.rows import Judged, Row, read_rows, write_judged
from millrace.learn.shelf import Shelf
from millrace.learn.tasks.classify import suite_scores
from millrace.learn.typos import typos

if TYPE_CHECKING:
    from millrace.learn.model import Model


def score(raw: dict[str, Any]) -> dict[str, Any]:
    """Every model on every suite, one after another on one encoder where they share it."""
    request = parsed(ScoreRequest, raw)
    for names in ([model.name for model in request.models], [suite.name for suite in request.suites]):
        if len(set(names)) != len(names):
            raise WrongRequest(f"a name stands twice: {', '.join(names)}")
    suites = {suite.name: _rows(suite) for suite in request.suites}
    perturbed = {suite.name for suite in request.suites if suite.perturb == "typos"}
    texts = {
        name: typos([row.text for row in rows], request.seed) if name in perturbed else [row.text for row in rows]
        for name, rows in suites.items()
    }
    shelf = Shelf(request.threads)
    scores: dict[str, dict[str, dict[str, Any]]] = {}
    for wanted in request.models:
        model = shelf.load(wanted.path, wanted.parameters)
        scores[wanted.name] = {}
        for name, rows in suites.items():
            judged, seconds = _judge(model, rows, texts[name], request.batch, f"{wanted.name}/{name}")
            path = request.out / wanted.name / f"{name}.{request.format}"
            write_judged(path, judged)
            scores[wanted.name][name] = {"path": str(path), **suite_scores(judged), "seconds": round(seconds, 3)}
    return {"scores": scores, "digests": {model.name: digest(model.path) for model in request.models}}


def _rows(suite: Suite) -> list[Row]:
    rows = read_rows(suite.rows)
    if not rows:
        raise WrongRequest(f"suites.{suite.name}: {suite.rows} has no rows")
    return rows


def _judge(model: Model, rows: list[Row], texts: list[str], batch: int, stage: str) -> tuple[list[Judged], float]:
    started = perf_counter()
    predictions, seconds = model.judged(
        texts, batch, progress=lambda done: progress(stage, done, len(rows), None, perf_counter() - started)
    )
    judged = [
        Judged(row.id, row.cluster, row.label, p.label, p.top_probability, p.entropy, p.novelty, round(spent * 1e3, 4))
        for row, p, spent in zip(rows, predictions, seconds, strict=True)
    ]
    return judged, sum(seconds)


if __name__ == "__main__":
    leave(score)
