"""What runs are searched by, and how they compare."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from millrace.chassis import Malformed
from millrace.training import domain
from millrace.training.domain.conditions import Condition, Field, Order
from millrace.training.searching import thinned

RUN = {
    "workspace": "parcels",
    "method": "full",
    "base": "minilm",
    "dataset": "d",
    "untrusted": False,
    "state": "trained",
    "seconds": 31.0,
    "bytes": 9,
    "cost": None,
    "failed": None,
    "why": "the best",
    "parameters": {"seed": 7},
    "scores": {"macro_f1": 0.9},
    "measured": {},
    "environment": {},
}


@pytest.mark.parametrize(
    ("text", "field", "operator", "value"),
    [
        ("scores.macro_f1 >= 0.9", Field("scores", "macro_f1"), ">=", 0.9),
        ("method=full", Field(None, "method"), "=", "full"),
        ("method != 'linear-probe'", Field(None, "method"), "!=", "linear-probe"),
        ("failed ~ out of memory", Field(None, "failed"), "~", "out of memory"),
        ("picked = yes", Field(None, "picked"), "=", True),
        ("started > 2026-11-01", Field(None, "started"), ">", datetime(2026, 11, 1, tzinfo=UTC)),
        ("parameters.start = base", Field("parameters", "start"), "=", "base"),
        ("environment.threads = 1", Field("environment", "threads"), "=", "1"),
        ("parameters.rate < 1e-4", Field("parameters", "rate"), "<", 1e-4),
    ],
)
def test_a_condition_is_a_field_an_operator_and_a_value(text: str, field: Field, operator: str, value: object) -> None:
    assert domain.condition(text) == Condition(field, operator, value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "a condition such as"),
        ("method", "a condition such as"),
        ("metod = full", "did you mean 'method'"),
        ("score.macro_f1 > 0.9", "did you mean 'scores.macro_f1'"),
        ("scores.macro_f1 > high", "a number after scores.macro_f1 >"),
        ("seconds > long", "a number for seconds"),
        ("picked = perhaps", "true or false for picked"),
        ("started > yesterday", "a time such as"),
        ("loss ~ 3", "~ is for texts"),
        ("method; DROP TABLE runs = 1", "a condition such as"),
    ],
)
def test_a_condition_that_cannot_be_read_says_what_was_expected(text: str, told: str) -> None:
    with pytest.raises(Malformed) as refused:
        domain.condition(text)
    assert told in str(refused.value)
    assert refused.value.field == "where"


def test_an_order_falls_with_a_minus() -> None:
    assert domain.order("-scores.macro_f1") == Order(Field("scores", "macro_f1"), True)
    assert domain.order("started") == Order(Field(None, "started"), False)
    with pytest.raises(Malformed, match="did you mean 'seconds'"):
        domain.order("-second")


def test_runs_are_compared_by_what_they_differ_in() -> None:
    other = {**RUN, "method": "lora", "parameters": {"seed": 7, "rank": 8}, "scores": {"macro_f1": 0.91}, "why": None}
    same, differs = domain.compare([RUN, other])
    assert same["base"] == "minilm"
    assert same["parameters.seed"] == 7
    assert differs == {
        "method": ["full", "lora"],
        "parameters.rank": [None, 8],
        "scores.macro_f1": [0.9, 0.91],
        "why": ["the best", None],
    }


def test_a_long_curve_is_thinned_evenly_and_keeps_its_end() -> None:
    points = list(range(1203))
    kept = thinned(points, most=500)
    assert len(kept) <= 500
    assert kept[-1] == 1202
    assert {after - before for before, after in pairwise(kept)} == {3}
    assert thinned(points[:400], most=500) == points[:400]
