"""Which events a monitor sees, and which rings are news."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from millrace.drift.domain import Alarm, Drift, Key, Monitor, begin, decide, judged, milliseconds, moment, watched
from millrace.events import Envelope, FeedbackRecorded, PredictionServed
from millrace.workspace import Workspace

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
COOL_DOWN = timedelta(minutes=10)
ALARM = Alarm("confidence", "adwin", 0.2, 0.9, 0.7, 1000, 5000, 800, 100, ["p-1"])


def served(**changes: Any) -> PredictionServed:
    fields: dict[str, Any] = {
        "workspace": "parcels",
        "lane": 2,
        "request_id": "q",
        "prediction_id": "p",
        "version": "v1",
        "arm": "production",
        "revision": 1,
        "text": "x",
        "latency_ms": 1.0,
        "tokens": 1,
        "label": "late",
        "probability": 0.9,
        "novelty": 0.2,
    }
    return PredictionServed.create(Envelope(uuid4(), "test", START, START), **{**fields, **changes})


def recorded(**changes: Any) -> FeedbackRecorded:
    fields: dict[str, Any] = {
        "workspace": "parcels",
        "lane": 2,
        "feedback_id": "f",
        "kind": "label",
        "value": "late",
        "source": "agent",
        "trusted": True,
        "basis": "blind",
        "request_id": "q",
        "prediction_id": "p",
        "version": "v1",
        "arm": "production",
        "revision": 1,
        "predicted_at": START,
        "text": "x",
        "predicted": "lost",
        "correct": False,
    }
    later = START + timedelta(hours=1)
    return FeedbackRecorded.create(Envelope(uuid4(), "test", later, later), **{**fields, **changes})


def workspace(**monitor: Any) -> Workspace:
    return Workspace.read(
        {
            "workspace": "parcels",
            "owner": "us",
            "task": "classify",
            "labels": {"names": ["late", "lost"]},
            "monitor": monitor,
        }
    )


def test_a_prediction_has_three_signals() -> None:
    assert {key.signal: one.raw for key, one in watched(served())} == {
        "confidence": 0.9,
        "novelty": 0.2,
        "label_share": "late",
    }


@pytest.mark.parametrize("changes", [{"arm": "shadow"}, {"arm": "canary"}, {"error": "timed out"}])
def test_only_answers_of_production_are_watched(changes: dict[str, Any]) -> None:
    assert not list(watched(served(**changes)))


def test_an_error_counts_at_the_time_of_its_prediction() -> None:
    ((key, observation),) = judged(recorded())
    assert key == Key("parcels", "v1", 2, "error")
    assert (observation.raw, observation.at) == (1.0, milliseconds(START))


@pytest.mark.parametrize(
    "changes",
    [
        {"arm": "canary"},
        {"trusted": False},
        {"basis": "shown"},
        {"supersedes": "f-0"},
        {"kind": "rating", "value": -1.0, "correct": None},
    ],
)
def test_feedback_that_may_not_judge_is_no_error(changes: dict[str, Any]) -> None:
    assert not list(judged(recorded(**changes)))


def test_a_monitor_is_as_the_workspace_declares_it() -> None:
    declared = workspace(error="off", confidence="page-hinkley", min_reference=90)
    made = begin(Key("parcels", "v1", 0, "confidence"), declared)
    assert isinstance(made, Monitor)
    assert (made.detector.name, made.reference) == ("page-hinkley", 90)
    assert begin(Key("parcels", "v1", 0, "error"), declared) is None


def test_rarer_false_alarms_make_a_stricter_detector() -> None:
    key = Key("parcels", "v1", 0, "confidence")
    often, seldom = begin(key, workspace(false_alarms="1/1000")), begin(key, workspace(false_alarms="1/1000000"))
    assert often and seldom and often.detector.level > seldom.detector.level


def test_the_first_alarm_is_news() -> None:
    assert decide(None, ALARM, COOL_DOWN) == "announced"


def test_another_sign_of_the_same_change_is_not() -> None:
    days_later = replace(ALARM, rang_at=5000 + 10**9, signal="novelty")
    assert decide(Drift(rang_at=5000), days_later, COOL_DOWN) == "same"


def test_a_later_change_waits_for_the_cool_down() -> None:
    soon = replace(ALARM, change_at=6000, rang_at=9000)
    late = replace(ALARM, change_at=6000, rang_at=5000 + 600_000)
    assert decide(Drift(rang_at=5000), soon, COOL_DOWN) == "deferred"
    assert decide(Drift(rang_at=5000), late, COOL_DOWN) == "announced"


def test_event_times_survive_as_milliseconds() -> None:
    assert moment(milliseconds(START + timedelta(milliseconds=7))) == START + timedelta(milliseconds=7)
