"""Confidence bounds of bootstrapped figures and of proportions."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float


def percentile(estimate: float, samples: Floats, clusters: int, *, alpha: float, bounded: bool = True) -> Interval:
    """Bounds of a bootstrapped figure, each one-sided at level `alpha` (so 2 * alpha between them).

    Hesterberg's expanded percentiles (2015, "What Teachers Should Know About the Bootstrap") correct the
    narrowness of the bootstrap in small samples. No bound comes nearer to the estimate than `unseen`: a resample
    can't show an event that the rows never showed, so that 30 equal answers prove no small margin; of a figure that is
    no share (not `bounded`) nobody can say how much such an event would be. A figure without finite samples has no
    bounds.
    """
    finite = samples[np.isfinite(samples)]
    if clusters < 2 or not len(finite):
        return Interval(-np.inf, np.inf)
    tail = float(ndtr(-sqrt(clusters / (clusters - 1)) * stdtrit(clusters - 1, 1 - alpha)))
    low, high = np.quantile(finite, [tail, 1 - tail])
    floor = unseen(clusters, alpha) if bounded else 0.0
    return Interval(min(float(low), estimate - floor), max(float(high), estimate + floor))


def unseen(n: int, alpha: float) -> float:
    """The largest rate that an event never seen in `n` trials may have, one-sided at `alpha` (the rule of three)."""
    return float(1 - alpha ** (1 / n)) if n else 1.0


def wilson(share: float, n: float, *, alpha: float = 0.05) -> Interval:
    """Wilson's (1927) two-sided interval at level 1 - `alpha` of a share among `n` trials; [0, 1] where n is 0."""
    if n <= 0:
        return Interval(0.0, 1.0)
    z = float(ndtri(1 - alpha / 2))
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def effective(correct: NDArray[np.bool_], clusters: NDArray[np.intp]) -> float:
    """The rows that clustered rows are worth for a proportion: n over the design effect (Rao and Scott 1992)."""
    n, share = len(correct), float(correct.mean()) if len(correct) else 0.0
    if n < 2 or share in (0.0, 1.0):
        return float(len(np.unique(clusters)))
    residuals = np.bincount(clusters, weights=correct - share)
    return float(n / max(1.0, float((residuals**2).sum()) / (n * share * (1 - share))))


def quantile(values: Floats, share: float, *, alpha: float = 0.05) -> tuple[float, Interval]:
    """A quantile by the nearest rank, between order statistics that hold it at level 1 - `alpha` whatever the values'
    distribution (Conover 1999, "Practical Nonparametric Statistics"). Raises ValueError where there are none."""
    if not len(values):
        raise ValueError("no values")
    ordered, n = np.sort(values), len(values)
    half = float(ndtri(1 - alpha / 2)) * sqrt(n * share * (1 - share))
    low, high = max(0, int(np.floor(n * share - half)) - 1), min(n - 1, int(np.ceil(n * share + half)))
    middle = min(n - 1, max(0, int(np.ceil(n * share)) - 1))
    return float(ordered[middle]), Interval(float(ordered[low]), float(ordered[high]))
