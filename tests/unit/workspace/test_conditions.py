"""Conditions are read into a tree, written back, and refused where they can't be honoured."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.workspace import Baseline, Condition, ConditionUnreadable, Linear, Metric, task_named

CLASSIFY = task_named("classify")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "fresh.macro_f1 > production",
            Condition(Metric("fresh", "macro_f1"), ">", Linear(1, Baseline("production"), 0)),
        ),
        (
            "golden.macro_f1 >= best - 0.03",
            Condition(Metric("golden", "macro_f1"), ">=", Linear(1, Baseline("best"), -0.03)),
        ),
        (
            "typos.macro_f1>=0.9*golden.macro_f1",
            Condition(Metric("typos", "macro_f1"), ">=", Linear(0.9, Metric("golden", "macro_f1"), 0)),
        ),
        (
            "latency.p99 <= production * 1.5",
            Condition(Metric("latency", "p99"), "<=", Linear(1.5, Baseline("production"), 0)),
        ),
        (
            "error_rate <= production + 0.02",
            Condition(Metric(None, "error_rate"), "<=", Linear(1, Baseline("production"), 0.02)),
        ),
        ("support >= 0.6", Condition(Metric(None, "support"), ">=", Linear(0, None, 0.6))),
    ],
)
def test_a_condition_reads_into_its_tree(text: str, expected: Condition) -> None:
    assert Condition.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fresh.macro_f1",
        "fresh.macro_f1 >",
        "> production",
        "production > fresh.macro_f1",
        "fresh.macro_f1 == production",
        "fresh.macro_f1 > production production",
        "fresh.macro_f1 > production - -0.1",
        "fresh.macro_f1 > 0 * production",
        "__import__('os').system('true') > 1",
        "fresh..macro_f1 > 1",
        "a > 1" + " " * 300,
        "fresh.macro_f1 > 1e99 * 2",
    ],
)
def test_what_is_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(ConditionUnreadable) as refused:
        Condition.parse(text)
    assert refused.value.expected


_numbers = st.floats(0.001, 1e6, allow_nan=False).map(lambda value: round(value, 6))
_metrics = st.builds(Metric, st.sampled_from([None, "fresh", "golden"]), st.sampled_from(["macro_f1", "accuracy"]))
_references = st.one_of(st.sampled_from([Baseline("production"), Baseline("best")]), _metrics)
_linears = st.one_of(
    st.builds(Linear, _numbers, _references, st.one_of(st.just(0.0), _numbers, _numbers.map(lambda value: -value))),
    st.builds(Linear, st.just(0.0), st.none(), _numbers),
)


@settings(deadline=None, derandomize=True)
@given(st.builds(Condition, _metrics, st.sampled_from([">", ">=", "<", "<="]), _linears))
def test_text_and_tree_are_the_same_thing(condition: Condition) -> None:
    assert Condition.parse(str(condition)) == condition


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("fresh.macrof1 > production", "fresh.macro_f1"),
        ("gold.macro_f1 > production", "golden.macro_f1"),
        ("typos.macro_f1 >= 0.9 * golden.macrof1", "golden.macro_f1"),
        ("fresh.macro_f1 < production", None),
        ("fresh.macro_f1 > best", None),
        ("fresh.macro_f1 > production - 2", None),
        ("fresh.macro_f1 > fresh.macro_f1", "typos.macro_f1"),
    ],
)
def test_the_gate_refuses_what_it_cannot_judge(text: str, nearest: str | None) -> None:
    refusal = CLASSIFY.gate.refusal(Condition.parse(text))
    assert refusal is not None
    assert refusal.nearest == nearest


@pytest.mark.parametrize(
    "text",
    [
        "error_rate <= 1.5 * production",
        "error_rate >= production",
        "error_rate <= 0.1",
        "latency.p99 <= production + 20",
        "latency.p50 <= 1.5 * production",
        "error_rate <= best + 0.1",
    ],
)
def test_harm_refuses_what_its_tests_do_not_cover(text: str) -> None:
    assert CLASSIFY.harm.refusal(Condition.parse(text)) is not None


def test_a_bound_is_linear_in_its_reference() -> None:
    assert Condition.parse("typos.macro_f1 >= 0.9 * golden.macro_f1 - 0.1").right.at(0.8) == pytest.approx(0.62)
    assert Condition.parse("fresh.macro_f1 > 0.7").right.at(99.0) == 0.7
