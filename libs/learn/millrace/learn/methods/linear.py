"""A linear model of features on one scale: ridge regression, or multinomial logistic regression. Both are convex."""

from __future__ import annotations

from time import perf_counter

import numpy as np

from millrace.learn.settings import Progress, settings_of
from millrace.learn.tabular.fitting import Fitted, Learned
from millrace.learn.tabular.model import Linear
from millrace.learn.tasks.tabular import Request

DEFAULTS = {"C": 1.0, "max_iterations": 1000}


def fit_columns(request: Request, data: Learned, progress: Progress) -> Fitted:
    settings = settings_of(request, DEFAULTS)
    started = perf_counter()
    told, iterations = data.columns.of(data.matrix), 1
    if data.outputs:
        predictor, iterations = _logistic(told, data, settings["C"], settings["max_iterations"])
    else:
        predictor = _ridge(told, data, 1 / settings["C"])
    seconds = perf_counter() - started
    progress("fit", iterations, iterations, None, seconds)
    stopped = "converged" if iterations < settings["max_iterations"] else "steps"
    return Fitted(predictor, iterations, iterations, stopped, seconds, settings)


def _ridge(told: np.ndarray, data: Learned, strength: float) -> Linear:
    """The target is brought to one scale too, so that the strength means the same in any unit."""
    from sklearn.linear_model import Ridge

    middle = float(np.median(data.targets))
    size = float(np.abs(data.targets - middle).max()) or 1.0
    solver = Ridge(alpha=strength, solver="cholesky")
    solver.fit(told, (data.targets - middle) / size, sample_weight=data.weights)
    return Linear(solver.coef_[None] * size, np.array([solver.intercept_ * size + middle]))


def _logistic(told: np.ndarray, data: Learned, strength: float, most: int) -> tuple[Linear, int]:
    from sklearn.linear_model import LogisticRegression

    solver = LogisticRegression(C=strength, max_iter=most, tol=1e-6)
    solver.fit(told, data.targets.astype(np.int64), sample_weight=data.weights)
    weight, bias = solver.coef_, solver.intercept_
    if len(weight) == 1:
        # With two labels it gives the one line between them.
        weight, bias = np.concatenate([-weight / 2, weight / 2]), np.concatenate([-bias / 2, bias / 2])
    return Linear(weight, bias), int(solver.n_iter_[0])
