"""Supervised fine-tuning of all of a language model's weights on good answers."""

from __future__ import annotations

from millrace.learn import tuning
from millrace.learn.fitting import Progress, settings_of
from millrace.learn.language.learning import Fitted, Start, fitted
from millrace.learn.language.tuned import Answers
from millrace.learn.tasks.generate import Prepared, Request

USES = "answers"
DEFAULTS = tuning.DEFAULTS | {"batch": 16, "rate": 5e-5}


def fit(request: Request, data: Prepared, progress: Progress) -> Fitted:
    settings = settings_of(request, DEFAULTS)
    run = tuning.Tuning(request, settings, progress)
    start = Start.of(request)
    learner = Answers(start.whole(), data.train, start.speech(request), run)
    ended = run.run(learner)
    return fitted(start, learner.module, None, ended, settings, learner.cut)
