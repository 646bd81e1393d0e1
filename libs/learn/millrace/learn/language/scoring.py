"""Versions that answer, on suites: their answers, and how likely they find the true ones. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from millrace.learn.embed import MAX_LENGTH
from millrace.learn.errors import WrongRequest
from millrace.learn.folder import digest
from millrace.learn.language.model import certainty
from millrace.learn.language.speaker import Speaker
from millrace.learn.lines import progress
from millrace.learn.requests import ScoreRequest, Suite
from millrace.learn.rows import write_judged
from millrace.learn.shelf import Shelf
from millrace.learn.tasks.generate import Answered, Exchange, read_exchanges, suite_scores
from millrace.learn.typos import typos

MEANING = "minilm"
"""The base by whose embeddings answers are compared with truths."""


def scored(request: ScoreRequest) -> dict[str, Any]:
    suites = {suite.name: _rows(suite, request.seed) for suite in request.suites}
    shelf = Shelf(request.threads)
    digests = {model.name: digest(model.path) for model in request.models}
    scores: dict[str, dict[str, dict[str, Any]]] = {}
    for wanted in request.models:
        if wanted.parameters.max_length or wanted.parameters.pad_to:
            raise WrongRequest(f"models.{wanted.name}: parameters are not of generate")
        speaker = shelf.speaker(wanted.path)
        scores[wanted.name] = {}
        for name, rows in suites.items():
            started = perf_counter()
            answered = _answered(shelf, speaker, rows, request, f"{wanted.name}/{name}")
            path = request.out / wanted.name / f"{name}.{request.format}"
            write_judged(path, answered, Answered)
            spent = round(perf_counter() - started, 3)
            scores[wanted.name][name] = {"path": str(path), **suite_scores(answered), "seconds": spent}
    return {"scores": scores, "digests": digests}


def _rows(suite: Suite, seed: int) -> list[tuple[str, Exchange]]:
    """Each with the text that is asked."""
    rows = read_exchanges(suite.rows)
    if not rows:
        raise WrongRequest(f"suites.{suite.name}: {suite.rows} has no rows")
    texts = [row.text for row in rows]
    return list(zip(typos(texts, seed) if suite.perturb == "typos" else texts, rows, strict=True))


def _answered(
    shelf: Shelf, speaker: Speaker, rows: list[tuple[str, Exchange]], request: ScoreRequest, stage: str
) -> list[Answered]:
    started = perf_counter()
    texts = [text for text, _ in rows]
    seeds = [request.seed + number for number in range(len(rows))]
    said = speaker.answer(
        texts,
        seeds=seeds,
        batch=request.batch,
        told=lambda done: progress(stage, done, len(rows), None, perf_counter() - started),
    )
    truths = speaker.logp([(text, row.answer) for text, row in rows])
    similar = _similar(shelf, [(one.text, row.answer) for one, (_, row) in zip(said, rows, strict=True)])
    return [
        Answered(
            row.id,
            row.cluster,
            row.answer,
            one.text,
            one.ended,
            one.tokens,
            one.logp,
            certainty(one),
            tokens,
            logp,
            alike,
            float(one.text == row.answer.strip()),
            round(one.seconds * 1e3, 4),
        )
        for (_, row), one, (logp, tokens), alike in zip(rows, said, truths, similar, strict=True)
    ]


def _similar(shelf: Shelf, pairs: Sequence[tuple[str, str]]) -> list[float]:
    """The cosine of both texts' embeddings, from -1 to 1; an encoder reads the beginning of a long one."""
    embedder = shelf.base(MEANING)
    texts = sorted({text for pair in pairs for text in pair})
    vectors = embedder.embed(texts, max_length=MAX_LENGTH).vectors
    place = {text: at for at, text in enumerate(texts)}
    return [float(vectors[place[one]] @ vectors[place[other]]) for one, other in pairs]
