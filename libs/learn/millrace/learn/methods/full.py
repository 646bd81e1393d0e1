"""Full fine-tuning of the base, or of an earlier version of it, and a head: stopped by a budget and judged as it is."""

from __future__ import annotations

from copy import deepcopy

from millrace.learn import tuning
from millrace.learn.classifier import Classifier, begun
from millrace.learn.errors import WrongRequest
from millrace.learn.fitting import Fitted, Progress, base_named, settings_of
from millrace.learn.folder import read_version
from millrace.learn.model import Embedder, base_embedder
from millrace.learn.requests import TrainRequest
from millrace.learn.shelf import Shelf
from millrace.learn.tasks.classify import Prepared

DEFAULTS = tuning.DEFAULTS | {"C": 20.0}


def fit(request: TrainRequest, data: Prepared, progress: Progress) -> Fitted:
    settings = settings_of(request, DEFAULTS)
    run = tuning.Tuning(request, settings, progress)
    base = _start(request)
    head = begun(request, data, settings, base, run, progress)
    encoder = deepcopy(base.encoder).requires_grad_(True)
    learner = Classifier(encoder, head, base, request, data, run)
    ended = run.run(learner, learner.judge)
    return Fitted(
        embedder=Embedder(encoder.requires_grad_(False), base.tokens, base.source),
        kept="own",
        head=learner.head(),
        base=base_named(request.base),
        steps=ended.steps,
        planned_steps=ended.planned,
        stopped=ended.stopped,
        seconds=ended.seconds,
        settings=settings,
        method="full",
        resumed_from=ended.resumed_from,
    )


def _start(request: TrainRequest) -> Embedder:
    if request.start is None:
        return base_embedder(request.base)
    version = read_version(request.start)
    if version.base.name != request.base:
        raise WrongRequest(f"start: {request.start} stands on {version.base.name}, not {request.base}")
    return Shelf(request.threads).load(request.start).embedder
