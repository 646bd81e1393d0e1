"""Multinomial logistic regression on the base's embeddings; the base is shared, only the head is the model's."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import torch

from millrace.learn.devices import device_for
from millrace.learn.fitting import Fitted, Progress, base_named, embedding_progress, settings_of
from millrace.learn.model import Head, base_embedder
from millrace.learn.requests import TrainRequest
from millrace.learn.scores import Floats, Labels
from millrace.learn.tasks.classify import Prepared

DEFAULTS = {"C": 20.0, "max_iterations": 1000}


def fit(request: TrainRequest, data: Prepared, progress: Progress) -> Fitted:
    settings = settings_of(request, DEFAULTS)
    started = perf_counter()

    def since() -> float:
        return perf_counter() - started

    embedder = base_embedder(request.base)
    embedded = embedder.on(device_for(request.device)).embed(
        data.train.texts,
        max_length=request.max_length,
        progress=embedding_progress(progress, len(data.train.texts), since),
    )
    head, iterations = regression(
        embedded.vectors.double().numpy(),
        data.train.targets,
        data.train.weights,
        settings["C"],
        settings["max_iterations"],
    )
    progress("fit", iterations, iterations, None, since())
    return Fitted(
        embedder=embedder,
        kept="base",
        head=head,
        base=base_named(request.base),
        steps=iterations,
        planned_steps=iterations,
        stopped="converged" if iterations < settings["max_iterations"] else "steps",
        seconds=since(),
        settings=settings,
        method="linear-probe",
    )


def regression(
    embeddings: Floats, targets: Labels, weights: Floats, strength: float, iterations: int
) -> tuple[Head, int]:
    """The minimum of sum(weight * NLL) + |W|²/(2 C) by L-BFGS: convex, so the same head from the same rows."""
    from sklearn.linear_model import LogisticRegression

    solver = LogisticRegression(C=strength, max_iter=iterations, tol=1e-4)
    solver.fit(embeddings, targets, sample_weight=weights)
    weight, bias = solver.coef_, solver.intercept_
    if len(weight) == 1:
        # With two labels it gives the one line between them.
        weight, bias = np.concatenate([-weight / 2, weight / 2]), np.concatenate([-bias / 2, bias / 2])
    head = Head(torch.from_numpy(weight).float(), torch.from_numpy(bias).float())
    return head, int(solver.n_iter_[0])
