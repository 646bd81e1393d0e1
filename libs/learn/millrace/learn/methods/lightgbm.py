"""Gradient boosted trees of features as they are: a missing value takes a way of its own (LightGBM, Ke et al. 2017)."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from millrace.learn.settings import Progress, settings_of
from millrace.learn.tabular.fitting import Fitted, Learned
from millrace.learn.tabular.model import Trees
from millrace.learn.tasks.tabular import Request

DEFAULTS = {"rounds": 200, "leaves": 31, "rate": 0.05, "min_rows": 20, "l2": 1.0}
TELL = 10
"""Rounds between two lines of progress."""


def fit_columns(request: Request, data: Learned, progress: Progress) -> Fitted:
    """As many rounds as declared, or as the budget is good for: held-out rows judge, so they don't say when to stop."""
    import lightgbm

    settings = settings_of(request, DEFAULTS)
    started = perf_counter()
    parameters = {
        **_objective(data.outputs),
        "num_leaves": settings["leaves"],
        "learning_rate": settings["rate"],
        # of few rows no leaf could be so large
        "min_data_in_leaf": max(1, min(settings["min_rows"], len(data.matrix) // 10)),
        "lambda_l2": settings["l2"],
        "seed": request.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": request.threads,
        "verbosity": -1,
    }
    categories = [at for at, size in enumerate(data.columns.sizes) if size]
    rows = lightgbm.Dataset(
        data.matrix, data.targets, weight=data.weights, categorical_feature=categories, params=parameters
    )
    booster = lightgbm.Booster(params=parameters, train_set=rows)
    rounds = settings["rounds"] if request.steps is None else request.steps
    stopped, step = "steps", 0
    while step < rounds:
        if request.steps is None and request.budget_seconds and perf_counter() - started >= request.budget_seconds:
            stopped = "budget"
            break
        if booster.update():
            stopped = "converged"  # no leaf can be parted any more
            break
        step += 1
        if step % TELL == 0 or step == rounds:
            progress("fit", step, rounds, None, perf_counter() - started)
    return Fitted(
        Trees.of(booster.model_to_string(), data.outputs), step, rounds, stopped, perf_counter() - started, settings
    )


def _objective(outputs: int) -> dict[str, Any]:
    if not outputs:
        return {"objective": "regression"}
    return {"objective": "binary"} if outputs == 2 else {"objective": "multiclass", "num_class": outputs}
