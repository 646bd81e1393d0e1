"""millrace cycles: what one that waits is waiting for."""

from typing import Any

import httpx
import pytest

from millrace.cli.main import run

CYCLE: dict[str, Any] = {
    "id": "c-1", "opened_at": "2026-01-05T09:00:00Z", "because": "drift", "attempt": 1, "state": "waiting",
    "outcome": None, "became": None, "note": "", "reason": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("cuts", "told"),
    [
        (
            [{"key": "c-1/1", "waits_for": "labels: 30 of 200 have come since the change"}],
            "waits for labels: 30 of 200",
        ),
        ([{"key": "c-2/1", "waits_for": "labels: 30 of 200 have come since the change"}], "waits for rows"),
        ([{"key": "c-1/1", "waits_for": None}], "waits for rows"),
        (None, "waits for rows, and datasets can't say more: datasets is down"),
    ],
)
def test_a_cycle_that_waits_says_for_what(
    answering: Any, capsys: pytest.CaptureFixture[str], cuts: list[dict[str, Any]] | None, told: str
) -> None:
    down = httpx.Response(503, json={"error": {"code": "unavailable", "message": "datasets is down"}})
    answering("training", {"/v1/cycles": [CYCLE], "/v1/runs": []})
    answering("datasets", {"/v1/datasets": {"datasets": [], "cuts": cuts} if cuts is not None else down})
    assert run(["cycles", "parcels"]) == 0
    said = capsys.readouterr().out
    assert "drift, attempt 1: waiting" in said
    assert told in said


def test_a_cycle_that_has_ended_asks_nobody(answering: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answering("training", {"/v1/cycles": [CYCLE | {"state": "closed", "outcome": "production"}], "/v1/runs": []})
    asked = answering("datasets", {})
    assert run(["cycles", "parcels"]) == 0
    assert not asked and "waits for" not in capsys.readouterr().out
