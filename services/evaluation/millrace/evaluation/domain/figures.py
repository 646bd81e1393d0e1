"""Every figure of an evaluation, measured once and bootstrapped together, so that any two can be compared."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from millrace.evaluation.domain.answers import Answers
from millrace.evaluation.domain.bounds import Floats, Interval, effective, percentile, wilson
from millrace.events import Score

SAMPLES = 2000
_AT_ONCE = 250
SHARES = frozenset({"macro_f1", "accuracy", "similarity", "exact", "win_rate"})
"""Metrics from 0 to 1, of which more is better; the others are errors in a unit of their own."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric of one version on one suite: the estimate, its paired bootstrap samples, and the clusters behind it."""

    value: float
    samples: Floats
    rows: int
    clusters: int
    interval: Interval

    bounded: bool = True
    """Whether it is a share, from 0 to 1."""

    @property
    def score(self) -> Score:
        return Score(value=self.value, low=self.interval.low, high=self.interval.high, n=self.rows)


Key = tuple[str, str]  # who answered (candidate, production, best), on which suite


def measure(answers: Mapping[Key, Answers], *, seed: int, samples: int = SAMPLES) -> dict[tuple[str, str, str], Figure]:
    """Figures by (who, suite, metric) with two-sided 95 % intervals; suites without rows have none.

    One paired bootstrap over clusters for all (Koehn 2004): each resample draws clusters once and every version and
    suite is measured on that draw, so the samples of any two figures are paired. Clusters are drawn within their
    stratum, the set of suites that contain them, which keeps each suite's size.
    """
    present = {key: found for key, found in answers.items() if len(found)}
    places, strata = _strata(present)
    tallies = {key: found.tally(places) for key, found in present.items()}
    drawn: dict[tuple[str, str, str], list[Floats]] = {}
    for weights in _draws(strata, len(places), seed, samples):
        for key, tally in tallies.items():
            for metric, values in tally.measure(weights).items():
                drawn.setdefault((*key, metric), []).append(values)
    whole = np.ones((1, len(places)), dtype=np.float32)
    estimates = {(*key, m): float(v[0]) for key, tally in tallies.items() for m, v in tally.measure(whole).items()}
    return {
        name: _figure(name[2], estimates[name], np.concatenate(parts), present[name[0], name[1]])
        for name, parts in drawn.items()
    }


def exact(value: float) -> Figure:
    """Of one thing that is measured and not sampled."""
    return Figure(value, np.array([value]), 1, 1, Interval(value, value))


def estimate(answers: Answers) -> dict[str, float]:
    """Each metric over all rows. Raises ValueError where there are none."""
    if not len(answers):
        raise ValueError("no rows")
    places, _ = _strata({("", ""): answers})
    measured = answers.tally(places).measure(np.ones((1, len(places)), dtype=np.float32))
    return {metric: float(values[0]) for metric, values in measured.items()}


def _figure(metric: str, value: float, samples: Floats, answers: Answers) -> Figure:
    _, members = np.unique(answers.clusters, return_inverse=True)
    clusters = int(members.max()) + 1
    if metric == "accuracy":
        interval = wilson(value, effective(answers.correct, members))
    else:
        bounds = percentile(value, samples, clusters, alpha=0.025, bounded=metric in SHARES)
        most = 1.0 if metric in SHARES else np.finfo(np.float64).max
        interval = Interval(max(0.0, bounds.low), min(most, bounds.high))
    return Figure(value, samples, len(answers), clusters, interval, metric in SHARES)


def _strata(answers: Mapping[Key, Answers]) -> tuple[dict[str, int], list[NDArray[np.intp]]]:
    suites: dict[str, set[str]] = {}
    for (_, suite), found in answers.items():
        for cluster in np.unique(found.clusters).tolist():
            suites.setdefault(cluster, set()).add(suite)
    places = {cluster: place for place, cluster in enumerate(sorted(suites))}
    strata: dict[tuple[str, ...], list[int]] = {}
    for cluster, place in places.items():
        strata.setdefault(tuple(sorted(suites[cluster])), []).append(place)
    return places, [np.array(strata[name], dtype=np.intp) for name in sorted(strata)]


def _draws(strata: list[NDArray[np.intp]], clusters: int, seed: int, samples: int) -> Iterable[NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    for start in range(0, samples, _AT_ONCE):
        weights = np.zeros((min(_AT_ONCE, samples - start), clusters), dtype=np.float32)
        for places in strata:
            n = len(places)
            drawn = random.integers(0, n, size=(len(weights), n)) + n * np.arange(len(weights))[:, None]
            weights[:, places] = np.bincount(drawn.ravel(), minlength=n * len(weights)).reshape(-1, n)
        yield weights
