from datetime import UTC, datetime, timedelta

import pytest

from millrace.console.domain import Pace
from millrace.console.domain.counters import emitted, total
from millrace.console.domain.nodes import answers, compact, nodes
from millrace.console.owners import counted

TEXT = """# HELP millrace_events_total Events taken up by a handler, each id once
# TYPE millrace_events_total counter
millrace_events_total{handler="on_one"} 3.0
millrace_events_total{handler="on_two"} 4.0
# TYPE millrace_events_created gauge
millrace_events_created{handler="on_one"} 1.7e+09
# TYPE millrace_lag_events gauge
millrace_lag_events{handler="on_one"} 7.0
# TYPE millrace_batch_seconds histogram
millrace_batch_seconds_bucket{handler="on_one",le="0.1"} 1.0
millrace_batch_seconds_count{handler="on_one"} 1.0
# TYPE python_info gauge
python_info{version="3.11"} 1.0
"""
AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


def test_counters_are_read_by_label_and_nothing_of_others() -> None:
    known = counted(TEXT)
    assert set(known) == {"millrace_events", "millrace_lag_events"}
    assert total(known, "millrace_events") == 7
    assert total(known, "millrace_events", handler="on_two") == 4
    assert total(known, "millrace_dead_letters") == 0
    assert total(None, "millrace_events") == 0


def test_events_are_summed_by_topic_over_services() -> None:
    one = {"millrace_events_emitted": [({"topic": "document.kept.v1"}, 2.0), ({"topic": "drift.detected.v1"}, 1.0)]}
    other = {"millrace_events_emitted": [({"topic": "document.kept.v1"}, 3.0)]}
    assert emitted({"one": one, "other": other, "dead": None}) == {"document.kept": 5, "drift.detected": 1}


def test_the_pace_is_the_growth_a_second_over_the_last_seconds() -> None:
    pace = Pace()
    assert pace.observe(AT, {"a": 100}) == {"a": 0.0}
    assert pace.observe(AT + timedelta(seconds=2), {"a": 200}) == {"a": 50.0}
    for second in range(3, 12):
        rates = pace.observe(AT + timedelta(seconds=second), {"a": 200})
    assert rates == {"a": 0.0}


def test_a_process_that_began_anew_is_no_negative_pace_and_a_new_counter_no_leap() -> None:
    pace = Pace()
    pace.observe(AT, {"a": 1000})
    assert pace.observe(AT + timedelta(seconds=1), {"a": 5, "b": 700}) == {"a": 0.0, "b": 0.0}
    assert pace.observe(AT + timedelta(seconds=2), {"a": 15, "b": 700}) == {"a": 5.0, "b": 0.0}


def test_after_a_long_silence_the_pace_begins_anew() -> None:
    pace = Pace()
    pace.observe(AT, {"a": 0})
    assert pace.observe(AT + timedelta(hours=1), {"a": 10**6}) == {"a": 0.0}


def test_a_canary_that_failed_was_answered_by_production() -> None:
    serving = {
        "millrace_serving_answers": [
            ({"workspace": "a", "arm": "production", "end": "ok"}, 90.0),
            ({"workspace": "a", "arm": "production", "end": "refused"}, 1.0),
            ({"workspace": "a", "arm": "production", "end": "failed"}, 2.0),
            ({"workspace": "a", "arm": "canary", "end": "ok"}, 7.0),
            ({"workspace": "a", "arm": "canary", "end": "failed"}, 50.0),
            ({"workspace": "a", "arm": "shadow", "end": "ok"}, 1000.0),
            ({"workspace": "b", "arm": "production", "end": "ok"}, 5.0),
        ]
    }
    assert answers(serving, "a") == (97, 3)
    assert answers(serving) == (102, 3)
    assert answers(None, "a") == (0, 0)


def test_a_silent_service_is_down_and_a_late_one_lags() -> None:
    known = {"drift": None, "dedup": {"millrace_lag_events": [({}, 5000.0)]}, "training": {}}
    states = {node.name: node.state for node in nodes(known, {})}
    assert (states["drift"], states["dedup"], states["training"]) == ("down", "lagging", "up")


@pytest.mark.parametrize(("number", "shown"), [(7, "7"), (12345, "12,345"), (123456, "123k"), (1_260_000, "1.3M")])
def test_large_numbers_are_short(number: int, shown: str) -> None:
    assert compact(number) == shown
