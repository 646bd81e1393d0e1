"""Supervised fine-tuning of an adapter on a language model, on good answers: the base stays as it is and is shared."""

from __future__ import annotations

from millrace.learn import tuning
from millrace.learn.errors import WrongRequest
from millrace.learn.fitting import Progress, settings_of
from millrace.learn.folder import Adapter
from millrace.learn.language.learning import Fitted, Start, fitted
from millrace.learn.language.tuned import Answers
from millrace.learn.tasks.generate import Prepared, Request

USES = "answers"
DEFAULTS = tuning.DEFAULTS | {"batch": 16, "rate": 1e-3, "rank": 16, "alpha": 32}


def fit(request: Request, data: Prepared, progress: Progress) -> Fitted:
    settings = settings_of(request, DEFAULTS)
    shape = Adapter(rank=settings["rank"], alpha=settings["alpha"])
    run = tuning.Tuning(request, settings, progress)
    start = Start.of(request)
    if start.weights == "own":
        raise WrongRequest("start: sft-lora goes on from the base, or from an adapter on it")
    if start.adapter is not None and start.adapter.shape != shape:
        had = start.adapter.shape
        raise WrongRequest(
            f"start: its adapter has rank {had.rank} and alpha {had.alpha}, the settings {shape.rank} and {shape.alpha}"
        )
    learner = Answers(start.adapting(shape, request.seed), data.train, start.speech(request), run)
    ended = run.run(learner)
    return fitted(start, learner.module, shape, ended, settings, learner.cut)
