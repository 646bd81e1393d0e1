from datetime import UTC, datetime, timedelta

from millrace.console.domain.lines import Mark, alarms, marks, quality, signals, smooth

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def monitors(version: str, *lanes: int) -> dict[str, object]:
    series = [{"at": at(n).isoformat(), "mean": 0.9, "n": 50} for n in range(3)]
    each = [{"signal": "confidence", "lane": lane, "series": series} for lane in lanes]
    return {"version": version, "monitors": each, "alarms": []}


def test_smoothing_takes_the_latest_points_that_hold_enough_values() -> None:
    points = [(at(n), value, 10) for n, value in enumerate([0.0, 0.0, 1.0, 1.0])]
    assert smooth(points, 20) == [(at(0), 0.0), (at(1), 0.0), (at(2), 0.5), (at(3), 1.0)]


def test_smoothing_weighs_by_size_and_leaves_large_points_alone() -> None:
    assert smooth([(at(0), 0.0, 30), (at(1), 1.0, 10)], 100) == [(at(0), 0.0), (at(1), 0.25)]
    assert smooth([(at(0), 0.0, 200), (at(1), 1.0, 200)], 100) == [(at(0), 0.0), (at(1), 1.0)]
    assert smooth([], 100) == []


def test_quality_has_a_line_for_each_arm_productions_first() -> None:
    series = [{"at": at(1).isoformat(), "accuracy": 0.5, "n": 10}]
    told = {
        "versions": [
            {"version": "w-2", "arm": "canary", "series": series},
            {"version": "w-2", "arm": "production", "series": series},
            {"version": "w-1", "arm": "production", "series": []},
        ]
    }
    assert [(line.name, line.dashed) for line in quality(told, "w")] == [("v2", False), ("v2 canary", True)]
    assert quality(None, "w") == []


def test_signals_of_one_version_share_a_colour_over_lanes_and_go_on_over_versions() -> None:
    found = signals([monitors("w-2", 0, 1), monitors("w-1", 0)], "w")
    assert list(found) == ["confidence"]
    lines = [(line.name, line.version, line.dashed) for line in found["confidence"]]
    assert lines == [("v2 lane 0", "v2", False), ("v2 lane 1", "v2", True), ("v1", "v1", False)]


def test_marks_are_announced_drifts_promotions_and_roll_backs_in_order() -> None:
    alarm = {"change_point": at(5).isoformat(), "rang_at": at(8).isoformat(), "outcome": "announced"}
    told = [{"alarms": [alarm, {**alarm, "outcome": "same"}]}, {"alarms": [alarm]}]
    ledger = [
        {"at": at(20).isoformat(), "stage": "rolled-back", "version": "w-3"},
        {"at": at(10).isoformat(), "stage": "production", "version": "w-2"},
        {"at": at(9).isoformat(), "stage": "shadow", "version": "w-2"},
        {"at": at(9).isoformat(), "stage": "failed", "version": None},
    ]
    assert marks(told, ledger, "w") == [
        Mark(at(5), "change", "change"),
        Mark(at(8), "alarm", "alarm"),
        Mark(at(10), "v2 live", "promoted"),
        Mark(at(20), "v3 back", "back"),
    ]


def test_alarms_are_told_in_words() -> None:
    row = {
        "signal": "error", "version": "w-1", "before": 0.1, "after": 0.4, "since_change": 176, "outcome": "same",
        "change_point": at(0).isoformat(), "rang_at": at(5).isoformat(),
    }  # fmt: skip
    assert alarms([{"alarms": [row]}], "w") == [
        "09:00:05 error rate of v1 went from 0.100 to 0.400: dated 09:00:00, found 176 predictions later (same drift)"
    ]
