"""Kahneman-Tversky optimisation: answers that people rated good become likelier, those rated bad less.

What learns is what the version that it goes on from has of its own: its adapter, or else all weights.
"""

from __future__ import annotations

from millrace.learn import tuning
from millrace.learn.fitting import Progress, settings_of
from millrace.learn.language.learning import Fitted, Start, fitted
from millrace.learn.language.tuned import Ratings
from millrace.learn.tasks.generate import Prepared, Request

USES = "ratings"
DEFAULTS = {"epochs": 1, "batch": 16, "rate": 5e-6, "beta": 0.1}


def fit(request: Request, data: Prepared, progress: Progress) -> Fitted:
    settings = settings_of(request, DEFAULTS)
    run = tuning.Tuning(request, settings, progress)
    start = Start.of(request)
    learner = Ratings(start.learning(request.seed), data.train, start.speech(request), run, settings)
    learner.remember(request, progress, run)
    ended = run.run(learner)
    shape = start.adapter.shape if start.adapter else None
    return fitted(start, learner.module, shape, ended, settings, learner.cut)
