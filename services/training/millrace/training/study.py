"""The next trial of a search, and whether one falls behind: Optuna's sampler and pruner over what runs are kept.

The study is built anew from the runs each time it is asked: Postgres is the one store, and the same runs give the same
answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any
from uuid import UUID, uuid5

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from millrace.training import domain
from millrace.training.domain import Candidate, Range, Search, Trial

STATES = {
    "queued": TrialState.RUNNING,  # both count as pending: nobody tries beside them what they try
    "running": TrialState.RUNNING,
    "trained": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
DRAWS = 50
"""Draws of a trial that was not made yet, before the space is thought to be used up."""
PEERS = 3
"""Trials that have come as far, before one may be stopped for being behind them."""
optuna.logging.set_verbosity(optuna.logging.WARNING)


def next_trial(
    search: Search,
    cycle_id: UUID,
    made: Sequence[Trial],
    settings: Mapping[str, Mapping[str, float]],
    metric: str,
    *,
    lower: bool,
) -> Candidate | None:
    """Each method on each base as it is, then what the sampler thinks is worth a try; None where all were tried."""
    known = {_key(one.run.candidate) for one in made}
    plain = domain.candidates(
        cycle_id,
        bases=search.bases,
        methods=search.methods,
        most=search.trials,
        untrusted=search.untrusted,
        settings=settings,
    )
    number = len(made) + 1
    for candidate in plain:
        if _key(candidate) not in known:
            return domain.trial(cycle_id, number, candidate)
    for candidate in _drawn(search, cycle_id, made, settings, metric, lower):
        if _key(candidate) not in known:
            return domain.trial(cycle_id, number, candidate)
    return None


def behind(search: Search, made: Sequence[Trial], run_id: UUID, metric: str, *, lower: bool) -> str | None:
    """Why a trial that was judged on the way is to be stopped: it is worse than the median of those before it there."""
    study = _study(search, made, metric, lower, optuna.samplers.RandomSampler())
    at = next(at for at, one in enumerate(made) if one.run.candidate.run_id == run_id)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=PEERS, n_min_trials=PEERS)
    if not pruner.prune(study, study.trials[at]):
        return None
    quarter = max(made[at].judged)
    there = [one.judged[quarter] for one in made if one.run.state == "trained" and quarter in one.judged]
    score, side = made[at].judged[quarter], "above" if lower else "below"
    return (
        f"pruned at {quarter}/4: {metric} {score:.4f} is {side} the median {median(there):.4f} of {len(there)} trials"
    )


def _drawn(
    search: Search,
    cycle_id: UUID,
    made: Sequence[Trial],
    settings: Mapping[str, Mapping[str, float]],
    metric: str,
    lower: bool,
) -> Iterator[Candidate]:
    """What was drawn stays in the study as pending, so that another draw goes elsewhere."""
    seed = uuid5(cycle_id, f"ask|{len(made) + 1}").int % 2**32
    startup = max(len(search.methods) + 1, min(10, search.trials // 4))
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup, constant_liar=True)
    study = _study(search, made, metric, lower, sampler)
    for _ in range(DRAWS):
        asked = study.ask()
        chosen = {name: _suggest(asked, name, one) for name, one in _choices(search).items()}
        method = str(chosen["method"])
        drawn = {
            name: _suggest(asked, f"{method}.{name}", _distribution(one))
            for name, one in search.spaces.get(method, {}).items()
        }
        yield Candidate(
            cycle_id,
            method,
            str(chosen["base"]),
            bool(chosen.get("untrusted", True)),
            {**settings.get(method, {}), **drawn},
        )


def _study(search: Search, made: Sequence[Trial], metric: str, lower: bool, sampler: Any) -> optuna.Study:
    study = optuna.create_study(direction="minimize" if lower else "maximize", sampler=sampler)
    study.add_trials([_as_trial(search, one, metric) for one in made])
    return study


def _as_trial(search: Search, one: Trial, metric: str) -> FrozenTrial:
    told = _choices(search)
    values: dict[str, Any] = {"method": one.run.candidate.method, "base": one.run.candidate.base}
    values["untrusted"] = one.run.candidate.untrusted
    for name, range_ in search.spaces.get(one.run.candidate.method, {}).items():
        dimension = f"{one.run.candidate.method}.{name}"
        told[dimension], values[dimension] = _distribution(range_), one.settings.get(name)
    # what a run was made with may lie outside of the space, as a method's own value can
    told = {name: kind for name, kind in told.items() if _within(kind, values[name])}
    score = one.run.scores.get(metric)
    state = STATES[one.run.state]
    if state == TrialState.COMPLETE and score is None:
        state = TrialState.FAIL
    return optuna.trial.create_trial(
        state=state,
        value=score if state == TrialState.COMPLETE else None,
        params={name: values[name] for name in told},
        distributions=told,
        intermediate_values=dict(one.judged),
    )


def _within(kind: BaseDistribution, value: Any) -> bool:
    if isinstance(kind, CategoricalDistribution):
        return value in kind.choices
    assert isinstance(kind, FloatDistribution | IntDistribution)
    return value is not None and kind.low <= value <= kind.high


def _choices(search: Search) -> dict[str, BaseDistribution]:
    """What every trial chooses; what it chooses within its method comes after."""
    chosen: dict[str, BaseDistribution] = {
        "method": CategoricalDistribution(list(search.methods)),
        "base": CategoricalDistribution(list(search.bases or ("",))),
    }
    return chosen | ({"untrusted": CategoricalDistribution([True, False])} if search.untrusted else {})


def _distribution(one: Range) -> BaseDistribution:
    if one.among:
        return CategoricalDistribution(list(one.among))
    if one.whole:
        return IntDistribution(int(one.low), int(one.high), log=one.log)
    return FloatDistribution(one.low, one.high, log=one.log)


def _suggest(asked: optuna.Trial, name: str, one: BaseDistribution) -> Any:
    if isinstance(one, CategoricalDistribution):
        return asked.suggest_categorical(name, one.choices)
    if isinstance(one, IntDistribution):
        return asked.suggest_int(name, one.low, one.high, log=one.log)
    assert isinstance(one, FloatDistribution)
    return asked.suggest_float(name, one.low, one.high, log=one.log)


def _key(candidate: Candidate) -> tuple[Any, ...]:
    told = tuple(sorted((name, float(value)) for name, value in candidate.settings.items()))
    return candidate.method, candidate.base, candidate.untrusted, told
