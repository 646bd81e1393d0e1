"""A search over parameters: which trials are asked for, when it is over, what a day may take."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from millrace.training import plan, study
from millrace.training.declared import Declared
from millrace.training.domain import Candidate, Limit, Run, Search, Spent, Trial, next_day, over, wanted
from millrace.workspace import load

CYCLE = UUID(int=5)
FILE = "workspace: parcels\nowner: a\ntask: classify\nlabels: {names: [late, lost]}\ntrain: "


def search(train: str, *, untrusted: bool = False) -> Search:
    declared = Declared(1, load(FILE + train))
    found = plan.search_of(declared, declared.spec.train.methods, untrusted=untrusted)
    assert found is not None
    return found


def asked(of: Search, made: list[Trial], *, cycle: UUID = CYCLE) -> Candidate | None:
    return study.next_trial(of, cycle, made, {}, "macro_f1", lower=False)


def score(candidate: Candidate) -> float:
    """Best near a rate of 3e-4."""
    rate = candidate.settings.get("rate", 1e-4)
    return 0.9 - abs(rate - 3e-4) * 500 if candidate.method == "full" else 0.6


def through(of: Search, *, cycle: UUID = CYCLE, ends: Callable[[Candidate], float] = score) -> list[Trial]:
    made: list[Trial] = []
    while len(made) < of.trials and (candidate := asked(of, made, cycle=cycle)):
        made.append(trained(candidate, ends(candidate)))
    return made


def trained(candidate: Candidate, macro_f1: float, judged: dict[int, float] | None = None) -> Trial:
    return Trial(Run(candidate, "trained", {"macro_f1": macro_f1}), candidate.settings, judged or {})


def told(made: list[Trial]) -> list[tuple[object, ...]]:
    return [(one.run.candidate.method, *sorted(one.run.candidate.settings.items())) for one in made]


def test_each_method_is_tried_as_it_is_before_anything_is_varied() -> None:
    made = through(search("{methods: [linear-probe, full], search: {trials: 5}}"))
    assert told(made)[:2] == [("linear-probe",), ("full",)] and all(len(one) > 1 for one in told(made)[2:])
    ids = [one.run.candidate.run_id for one in made]
    assert len(set(ids)) == 5


def test_the_same_runs_lead_to_the_same_trials_and_another_cycle_to_others() -> None:
    of = search("{methods: [linear-probe, full], search: {trials: 14}}")
    assert through(of) == through(of)
    assert told(through(of)) != told(through(of, cycle=UUID(int=6)))


def test_the_sampler_learns_where_it_is_good() -> None:
    """Of a method that is always worse it tries less, and of the other nearer to what is best than at first."""
    made = through(search("{methods: [linear-probe, full], search: {trials: 40}}"))
    late = [one.run for one in made[20:]]
    assert sum(run.candidate.method == "full" for run in late) > 12
    best = [
        sum(sorted((one.run.scores["macro_f1"] for one in half), reverse=True)[:5]) for half in (made[:20], made[20:])
    ]
    assert best[1] > best[0]


def test_what_others_try_at_the_time_is_not_tried_again() -> None:
    of = search("{methods: [lora], search: {trials: 9, space: {rank: [4, 8, 16], epochs: [1, 2]}}}")
    made: list[Trial] = []
    while candidate := asked(of, made):
        made.append(Trial(Run(candidate, "running"), candidate.settings))
    assert len({told([one])[0] for one in made}) == len(made) == 7, "lora as it is, and the six of the space"


def test_a_grid_that_is_used_up_ends_the_search() -> None:
    of = search("{methods: [linear-probe], search: {trials: 9, space: {C: [1, 5]}}}")
    assert sorted(told(through(of))) == [("linear-probe",), ("linear-probe", ("C", 1.0)), ("linear-probe", ("C", 5.0))]


def test_whole_numbers_stay_whole_and_only_what_is_declared_is_varied() -> None:
    of = search("{methods: [lora], search: {trials: 8, space: {rank: {low: 2, high: 64, log: true}}}}")
    values = [one.run.candidate.settings for one in through(of)[1:]]
    assert all(list(one) == ["rank"] and isinstance(one["rank"], int) and 2 <= one["rank"] <= 64 for one in values)


def test_rows_are_a_dimension_where_some_are_untrusted() -> None:
    made = through(search("{methods: [linear-probe], search: {trials: 12}}", untrusted=True))
    assert {one.run.candidate.untrusted for one in made[2:]} == {True, False}


def test_who_asks_for_productions_weights_searches_nothing() -> None:
    declared = Declared(1, load(FILE + "{search: {trials: 5}}"))
    assert plan.search_of(declared, ["declare"], untrusted=False) is None
    assert plan.search_of(Declared(1, load(FILE + "{}")), ["full"], untrusted=False) is None


def test_so_many_trials_are_under_way_as_declared() -> None:
    of = search("{methods: [linear-probe], search: {trials: 5, parallel: 3}}")
    runs = [replace(one.run, state="running") for one in through(of)]
    assert [wanted(of, runs[:n]) for n in range(6)] == [3, 2, 1, 0, 0, 0]
    ended = [
        replace(run, state=state) for run, state in zip(runs, ("trained", "failed", "pruned", "running"), strict=False)
    ]
    assert wanted(of, ended) == 1, "of five trials four are made"


def test_a_search_is_over_when_its_trials_its_time_or_its_cost_are() -> None:
    of = search("{methods: [linear-probe], search: {trials: 3, time: 60s, cost: 2}}")
    runs = [one.run for one in through(of)]
    assert over(of, runs[:2], Spent(59, 1.9), None) is None
    assert over(of, runs, Spent(), None) == "all 3 trials are made"
    assert over(of, runs[:2], Spent(60), None) == "BudgetSpent: train.search.time, 60 s, is spent"
    assert over(of, runs[:2], Spent(0, 2), None) == "BudgetSpent: train.search.cost, 2, is spent"


def test_a_spent_day_ends_a_search_that_has_a_model_and_no_other() -> None:
    of = search("{methods: [linear-probe], search: {trials: 3}}")
    runs = [one.run for one in through(of)]
    assert over(of, runs[:1], Spent(), "the day is spent") == "the day is spent"
    assert over(of, [replace(runs[0], state="failed")], Spent(), "the day is spent") is None


@pytest.mark.parametrize(
    ("spent", "told"),
    [
        (Spent(3599, 4.9), None),
        (Spent(3600, 0), "BudgetSpent: train.daily.time, 3,600 s, is spent"),
        (Spent(0, 5), "BudgetSpent: train.daily.cost, 5, is spent"),
    ],
)
def test_a_limit_says_which_of_its_bounds_is_reached(spent: Spent, told: str | None) -> None:
    assert Limit("train.daily", 3600, 5).spent(spent) == told
    assert Limit("train.daily").spent(Spent(1e9, 1e9)) is None


def test_a_day_is_utcs() -> None:
    assert next_day(datetime(2026, 2, 28, 23, 59, 30, tzinfo=UTC)) == datetime(2026, 3, 1, tzinfo=UTC)


def test_what_falls_behind_the_median_of_those_that_came_as_far_is_stopped() -> None:
    of = search("{methods: [full], search: {trials: 9}}")
    ids = [Candidate(UUID(int=n), "full", "minilm", settings={"rate": n * 1e-5}) for n in range(1, 6)]
    peers = [trained(one, 0.9, {1: 0.5 + n / 10, 2: 0.8}) for n, one in enumerate(ids[:3])]

    def behind(judged: dict[int, float], others: list[Trial] = peers, *, lower: bool = False) -> str | None:
        late = Trial(Run(ids[4], "running"), ids[4].settings, judged)
        return study.behind(of, [*others, late], ids[4].run_id, "macro_f1", lower=lower)

    assert behind({1: 0.59}) == "pruned at 1/4: macro_f1 0.5900 is below the median 0.6000 of 3 trials"
    assert behind({1: 0.61}) is None
    assert behind({1: 0.61, 2: 0.7}) == "pruned at 2/4: macro_f1 0.7000 is below the median 0.8000 of 3 trials"
    assert behind({1: 0.1}, peers[:2]) is None, "of too few nothing follows"
    assert behind({3: 0.1}) is None, "nobody has come as far"
    assert behind({1: 0.61}, lower=True) == "pruned at 1/4: macro_f1 0.6100 is above the median 0.6000 of 3 trials"
