"""Features depend on what was observed and known, never on the order in which it came, nor on who computes them."""

import math
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from millrace.features import Cell, History, Observation, Plan, Seen, labelled, vectors
from millrace.features.figures import mean, std, total
from millrace.workspace import load

START = datetime(2026, 1, 5, tzinfo=UTC)
FILE = """
workspace: stations
owner: grid
task: tabular
entity: station
features:
  n: {count: load, over: 10m}
  sum_10: {sum: load, over: 10m}
  sum_60: {sum: load, over: 60m}
  mean_10: {mean: load, over: 10m}
  min_10: {min: load, over: 10m}
  max_10: {max: load, over: 10m}
  std_60: {std: load, over: 60m}
  now: {last: load, over: 20m}
  states: {distinct: state, over: 60m}
  region: {category: [n, s], unknown: other, over: 30m}
target: {name: load, kind: regression, horizon: 10m, arrives_within: 15m}
"""
SPEC = load(FILE)
PLAN = Plan.of(SPEC)
OVER = {name: feature.over for name, feature in SPEC.features.items()}


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def observation(number: int, at: int, known: int, values: Mapping[str, Cell | None], entity: str = "a") -> Observation:
    return Observation(entity, minute(at), minute(known), f"{number:04d}", values)


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "load": st.one_of(FLOATS, st.sampled_from([0.1, 0.2, 0.3, 1e16, -1e16, -0.0]), st.none(), st.just("broken")),
        "state": st.one_of(st.sampled_from(["on", "off"]), st.just(1.0), st.none()),
        "region": st.sampled_from(["n", "s", "west", 3.0, None]),
        "unread": FLOATS,
    },
)
STREAMS = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 40), VALUES), max_size=25).map(
    lambda told: [observation(n, at, at + late, values) for n, (at, late, values) in enumerate(told)]
)
MOMENTS = st.lists(st.integers(0, 140), min_size=1, max_size=6).map(sorted)


def by_the_definition(observations: Sequence[Observation], at: datetime) -> dict[str, Any]:
    """A feature at T: of the observations that occurred in (T - over, T] and were known by T."""

    def window(value: str, name: str) -> list[Cell]:
        over = OVER[name]
        assert over is not None
        inside = [one for one in observations if at - over < one.occurred_at <= at and one.known_at <= at]
        ordered = sorted(inside, key=lambda one: (one.occurred_at, one.known_at, one.id))
        return [cell for one in ordered if (cell := one.values.get(value)) is not None]

    def numbers(name: str) -> list[float]:
        return [cell for cell in window("load", name) if isinstance(cell, float)]

    now, region = window("load", "now"), window("region", "region")
    return {
        "n": len(window("load", "n")),
        "sum_10": total(sorted(numbers("sum_10"))),
        "sum_60": total(sorted(numbers("sum_60"))),
        "mean_10": mean(sorted(numbers("mean_10"))),
        "min_10": min(numbers("min_10"), default=None),
        "max_10": max(numbers("max_10"), default=None),
        "std_60": std(sorted(numbers("std_60"))),
        "now": now[-1] if now and isinstance(now[-1], float) else None,
        "states": len(set(window("state", "states"))),
        "region": region[-1] if region and region[-1] in ("n", "s") else "other",
    }


def bits(vector: Mapping[str, Any]) -> dict[str, str]:
    return {name: value.hex() if isinstance(value, float) else repr(value) for name, value in vector.items()}


@given(STREAMS, MOMENTS, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_whatever_the_order_of_arrival_each_moment_has_what_the_definition_says(
    observations: list[Observation], minutes: list[int], random: Any
) -> None:
    shuffled = list(observations)
    random.shuffle(shuffled)
    for number in minutes:
        at = minute(number)
        history = History(PLAN)
        for one in shuffled:
            if one.known_at <= at:
                history.learn(one)
        assert bits(history.vector(at)) == bits(by_the_definition(observations, at))


@given(STREAMS, STREAMS, MOMENTS)
@settings(max_examples=200, deadline=None)
def test_going_through_time_forgets_nothing_that_a_later_moment_needs(
    one: list[Observation], other: list[Observation], minutes: list[int]
) -> None:
    entities = {"a": one, "b": [each._replace(entity="b") for each in other]}
    moments = [(name, minute(number)) for name in entities for number in minutes]
    known = sorted([*one, *entities["b"]], key=lambda each: (each.entity, each.known_at, each.id))
    made = list(vectors(PLAN, moments, known))
    assert [bits(vector) for vector in made] == [bits(by_the_definition(entities[name], at)) for name, at in moments]


@given(st.lists(FLOATS, max_size=30), st.randoms(use_true_random=False))
@example([1e308, 1e308, -1e308], None)
@example([1e16, 1.0, -1e16], None)
@example([6.9854410833715185e292, 1.7976931348623157e308, -1.7976931348623155e308], None)
@settings(deadline=None)
def test_figures_are_the_same_to_the_bit_in_any_order(numbers: list[float], random: Any) -> None:
    other = sorted(numbers)
    if random is not None:
        random.shuffle(other)
    for figure in (total, mean, std):
        assert repr(figure(numbers)) == repr(figure(other)) or (figure(numbers) == figure(other) == 0)


def test_sums_are_exact_and_what_no_float_can_hold_is_none() -> None:
    assert total([1e16, 1.0, -1e16]) == 1.0
    assert total([0.1] * 10) == 1.0
    assert total([1e308, 1e308, -1e308]) == 1e308
    assert total([1e308, 1e308]) is None
    assert mean([1e308, 1e308]) == 1e308
    assert std([1e308, -1e308]) is None
    assert std([1000000001.9216259] * 3) == 0.0
    assert (total([]), mean([]), std([]), std([4.0])) == (0.0, None, None, 0.0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
@settings(deadline=None)
def test_the_deviation_keeps_its_digits_where_values_differ_little(numbers: list[float]) -> None:
    raised = [number + 1e9 for number in numbers]
    assert math.isclose(std(raised) or 0.0, statistics.pstdev(raised), rel_tol=1e-6, abs_tol=1e-9)


def test_a_window_leaves_out_its_beginning_and_has_its_end() -> None:
    ends = [observation(0, 0, 0, {"load": 1.0}), observation(1, 10, 10, {"load": 2.0})]
    (vector,) = vectors(PLAN, [("a", minute(10))], ends)
    assert (vector["n"], vector["sum_10"], vector["now"]) == (1, 2.0, 2.0)


def test_a_late_observation_counts_from_when_it_was_known_and_where_it_belongs() -> None:
    told = [
        observation(0, 1, 1, {"load": 1.0}),
        observation(1, 4, 4, {"load": 2.0}),
        observation(2, 2, 6, {"load": 4.0}),
    ]
    before, after = vectors(PLAN, [("a", minute(5)), ("a", minute(7))], told)
    assert (before["sum_10"], before["now"]) == (3.0, 2.0)
    assert (after["sum_10"], after["now"]) == (7.0, 2.0), "it is in the sum, and not the last"


def test_of_two_observations_of_one_time_the_later_known_is_the_last() -> None:
    told = [observation(9, 1, 1, {"load": 1.0}), observation(2, 1, 3, {"load": 5.0})]
    assert [vector["now"] for vector in vectors(PLAN, [("a", minute(2)), ("a", minute(3))], told)] == [1.0, 5.0]


def test_what_a_history_holds_is_bounded_by_its_windows() -> None:
    history = History(PLAN)
    for number in range(500):
        history.learn(observation(number, number, number, {"load": 1.0, "region": "n", "unread": 2.0}))
        history.vector(minute(number))
    assert len(history) == 60 + 1, "an hour of loads, and one region"


def test_reads_are_enough_for_a_vector_and_no_more() -> None:
    reads = {(read.value, read.newest): read.over for read in PLAN.reads}
    assert reads == {
        ("load", False): timedelta(minutes=60),
        ("load", True): timedelta(minutes=20),
        ("state", False): timedelta(minutes=60),
        ("region", True): timedelta(minutes=30),
    }
    older = [Seen(minute(number), minute(number), "x", 9.0) for number in range(30)]
    assert PLAN.vector({"load": older}, minute(200))["now"] is None, "what is too old may be among what is read"


def truths(*told: Observation, file: str = FILE) -> list[tuple[datetime, Cell | None, str]]:
    target = load(file).target
    assert target is not None
    ordered = sorted(told, key=lambda one: (one.entity, one.occurred_at, one.known_at, one.id))
    return [(one.at, one.cell, one.why) for one in labelled(target, ordered)]


def test_the_truth_of_a_moment_is_what_was_observed_a_horizon_later_and_known_in_time() -> None:
    assert truths(observation(0, 30, 45, {"load": 1.0})) == [(minute(20), 1.0, "")]
    assert truths(observation(0, 30, 46, {"load": 1.0})) == [(minute(20), None, "late")]
    assert truths(observation(0, 30, 30, {"region": "n"}), observation(1, 30, 30, {"load": None})) == []


def test_a_correction_counts_if_it_came_in_time() -> None:
    first, timely, late = (observation(n, 30, 30 + n, {"load": float(n)}) for n in (1, 9, 16))
    assert truths(first, timely, late) == [(minute(20), 9.0, "")]


@pytest.mark.parametrize(("kind", "right", "wrong"), [("regression", 1.0, "on"), ("classification", "on", 1.0)])
def test_a_truth_of_the_wrong_type_is_none(kind: str, right: Cell, wrong: Cell) -> None:
    file = FILE.replace("regression", kind)
    told = [observation(0, 30, 30, {"load": right}), observation(1, 31, 31, {"load": wrong})]
    assert [(cell, why) for _, cell, why in truths(*told, file=file)] == [(right, ""), (None, "mistyped")]
