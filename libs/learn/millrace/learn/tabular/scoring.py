"""Every model on every suite."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from millrace.learn.errors import WrongRequest
from millrace.learn.folder import digest
from millrace.learn.lines import progress
from millrace.learn.requests import ScoreRequest
from millrace.learn.rows import Judged, read_rows, write_judged
from millrace.learn.tabular.model import load_model
from millrace.learn.tabular.training import judged
from millrace.learn.tasks import classify, tabular
from millrace.learn.tasks.tabular import matrix, number_of


def scored(request: ScoreRequest) -> dict[str, Any]:
    """Raises WrongFeature, with the row, and WrongRequest for what is made of texts."""
    suites = {suite.name: read_rows(suite.rows) for suite in request.suites}
    for suite in request.suites:
        if not suites[suite.name]:
            raise WrongRequest(f"suites.{suite.name}: {suite.rows} has no rows")
        if suite.perturb:
            raise WrongRequest(f"suites.{suite.name}: features have no {suite.perturb}")
    digests = {model.name: digest(model.path) for model in request.models}
    scores: dict[str, dict[str, dict[str, Any]]] = {}
    for wanted in request.models:
        model = load_model(wanted.path)
        scores[wanted.name] = {}
        for name, rows in suites.items():
            path = request.out / wanted.name / f"{name}.{request.format}"
            if model.version.regresses:
                for row in rows:
                    number_of(row)
            began = perf_counter()
            texts, ids = [row.text for row in rows], [row.id for row in rows]
            told = matrix(texts, model.version.features, ids, whole=False)  # rows may be of a later declaration
            predictions = model.read(told)
            seconds = perf_counter() - began
            found, kind = judged(rows, predictions, seconds / len(rows))
            write_judged(path, found, kind)
            of = classify.suite_scores(found) if kind is Judged else tabular.suite_scores(found)  # type: ignore[arg-type]
            scores[wanted.name][name] = {"path": str(path), **of, "seconds": round(seconds, 3)}
            progress(f"{wanted.name}/{name}", len(rows), len(rows), None, seconds)
    return {"scores": scores, "digests": digests}
