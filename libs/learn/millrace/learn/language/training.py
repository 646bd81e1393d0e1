"""From a request to a version that answers. Imports torch and transformers."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from millrace.learn.fitting import Progress
from millrace.learn.folder import Training, digest, weights_digest
from millrace.learn.language.learning import Fitted, Method
from millrace.learn.language.speaker import Speaker, own_tensors, write_speaker
from millrace.learn.rows import write_judged
from millrace.learn.tasks.generate import Exchange, Prepared, Request, Told, Version, prepare, validation_scores
from millrace.learn.training import begin, environment_of


@dataclass(frozen=True)
class Trained:
    """What a run made; the fields are those of the result line in README.md."""

    path: str
    digest: str
    weights_digest: str
    scores: dict[str, float]
    seconds: float
    fit_seconds: float
    steps: int
    planned_steps: int
    stopped: str
    resumed_from: int | None
    ms_per_text: float
    ms_per_token: float
    labels: list[str]
    weights: int
    bytes: int
    ignored_rows: int
    cut_rows: int

    def record(self) -> dict[str, Any]:
        return asdict(self)


def train(request: Request, progress: Progress) -> Trained:
    """Raises a kind of Unlearnable; writes ``request.out`` whole or not at all."""
    started = perf_counter()
    method = cast(Method, begin(request))
    data = prepare(request.rows, method.USES)
    fitted = method.fit(request, data, progress)
    speaker = Speaker(_version(request, data, fitted), fitted.language, fitted.adapter)
    told = held_out(speaker, data.validation, lambda done, of: progress("validate", done, of, None, fitted.seconds))
    write_judged(request.out.parent / f"{request.out.name}.validation.parquet", told, Told)
    ms_per_text, ms_per_token = _alone(speaker, data.validation)
    _write(request.out, speaker)
    return Trained(
        path=str(request.out),
        digest=digest(request.out),
        weights_digest=weights_digest(request.out),
        scores=validation_scores(told, request.seed),
        seconds=round(perf_counter() - started, 3),
        fit_seconds=round(fitted.seconds, 3),
        steps=fitted.steps,
        planned_steps=fitted.planned_steps,
        stopped=fitted.stopped,
        resumed_from=fitted.resumed_from,
        ms_per_text=ms_per_text,
        ms_per_token=ms_per_token,
        labels=[],
        weights=sum(value.numel() for value in own_tensors(fitted.language.model).values()),
        bytes=sum(path.stat().st_size for path in request.out.iterdir()),
        ignored_rows=data.ignored,
        cut_rows=fitted.cut,
    )


def held_out(speaker: Speaker, rows: list[Exchange], told: Any) -> list[Told]:
    """What a version says of answers and of worse ones, as it is asked when it answers."""
    asked = [(row.text, row.answer) for row in rows]
    asked += [(row.text, row.rejected) for row in rows if row.rejected is not None]
    found = iter(speaker.logp(asked, lambda done: told(done, len(asked))))
    better = [next(found) for _ in rows]
    worse = [next(found)[0] if row.rejected is not None else None for row in rows]
    return [
        Told(row.id, row.cluster, tokens, logp, other)
        for row, (logp, tokens), other in zip(rows, better, worse, strict=True)
    ]


def _version(request: Request, data: Prepared, fitted: Fitted) -> Version:
    return Version(
        task="generate",
        method=request.method,
        base=fitted.start.name,
        weights=fitted.weights,
        adapter=fitted.adapter.shape if fitted.adapter else None,
        prompt=fitted.start.prompt,
        decoding=fitted.start.decoding,
        max_length=request.max_length,
        training=Training(
            rows=len(data.train),
            dataset=request.dataset,
            seed=request.seed,
            settings=fitted.settings,
            steps=fitted.steps,
            planned_steps=fitted.planned_steps,
        ),
        environment=environment_of(request),
    )


def _alone(speaker: Speaker, rows: list[Exchange], most: int = 8, seconds: float = 5.0) -> tuple[float, float]:
    """Mean milliseconds of an answer and of its token, one text at a time: of so many or about so many seconds; the
    first is left out."""
    speaker.answer([rows[0].text])
    taken, tokens, asked = 0.0, 0, 0
    for row in rows[1 : most + 1] or rows:
        (said,) = speaker.answer([row.text])
        taken, tokens, asked = taken + said.seconds, tokens + said.tokens, asked + 1
        if taken > seconds:
            break
    return round(taken * 1000 / asked, 3), round(taken * 1000 / tokens, 3)


def _write(out: Path, speaker: Speaker) -> None:
    part = out.parent / f".{out.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    write_speaker(part, speaker)
    part.replace(out)
