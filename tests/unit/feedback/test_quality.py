"""Quality as people see it."""

from datetime import UTC, datetime, timedelta

import pytest

from millrace.feedback.domain import Judged, qualities
from millrace.feedback.domain.quality import wilson

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def judged(version: str, arm: str, rights: list[bool]) -> list[Judged]:
    return [Judged(version, arm, START + timedelta(seconds=place), right) for place, right in enumerate(rights)]


def test_each_version_and_arm_has_its_accuracy() -> None:
    found = qualities(judged("v1", "production", [True] * 90 + [False] * 10) + judged("v2", "shadow", [True] * 30), 60)
    assert [(one.version, one.arm, one.n, one.correct) for one in found] == [
        ("v1", "production", 100, 90),
        ("v2", "shadow", 30, 30),
    ]
    assert found[0].accuracy == 0.9
    assert found[0].low < 0.9 < found[0].high


def test_the_series_shows_the_fall() -> None:
    (found,) = qualities(judged("v1", "production", [True] * 100 + [False] * 100), 20)
    assert [point.accuracy for point in found.series] == [1.0] * 10 + [0.0] * 10
    assert found.series[0].at == START + timedelta(seconds=9)


def test_wilson_agrees_with_the_published_interval() -> None:
    low, high = wilson(81, 263)  # Newcombe 1998, table I, score method
    assert low == pytest.approx(0.2553, abs=1e-4)
    assert high == pytest.approx(0.3662, abs=1e-4)
