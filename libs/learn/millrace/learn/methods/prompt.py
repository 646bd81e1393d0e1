"""No training: a prompt, its examples and its decoding on the weights of the base, or of an earlier version."""

from __future__ import annotations

from millrace.learn.fitting import Progress, settings_of
from millrace.learn.language.learning import Fitted, Start
from millrace.learn.tasks.generate import Prepared, Request

USES = None


def fit(request: Request, data: Prepared, progress: Progress) -> Fitted:
    settings = settings_of(request, {})
    start = Start.of(request)
    progress("fit", 0, 0, None, 0.0)
    return Fitted(
        start=start,
        language=start.language,
        weights=start.weights,
        adapter=start.adapter,
        steps=0,
        planned_steps=0,
        stopped="declared",
        seconds=0.0,
        settings=settings,
        resumed_from=None,
        cut=0,
    )
