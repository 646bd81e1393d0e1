"""millrace cycles: what one that waits is waiting for."""

from typing import Any

import httpx
import pytest

from millrace.cli.main import run

CYCLE: dict[str, Any] = {
    "id": "c-1", "opened_at": "2026-01-05T09:00:00Z", "because": "drift", "attempt": 1, "state": "waiting",
    "outcome": None, "became": None, "note": "", "reason": None, "waits_for": None,
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


@pytest.mark.parametrize(
    ("cycle", "evaluations", "told"),
    [
        ({"state": "training", "waits_for": "the job run, which is tried again: S3: down"}, [], "the job run, which"),
        ({"state": "judging"}, [{"waits_for": None}, {"waits_for": "the job evaluate"}], "waits for the job evaluate"),
        ({"state": "judging"}, [{"waits_for": None}], "waits for the gate or a rollout"),
        ({"state": "training"}, [], None),
    ],
)
def test_a_cycle_that_trains_or_is_judged_says_what_holds_it_up(
    answering: Any,
    capsys: pytest.CaptureFixture[str],
    cycle: dict[str, Any],
    evaluations: list[dict[str, Any]],
    told: str | None,
) -> None:
    answering("training", {"/v1/cycles": [CYCLE | cycle], "/v1/runs": []})
    answering("evaluation", {"/v1/evaluations": evaluations})
    assert run(["cycles", "parcels"]) == 0
    said = capsys.readouterr().out
    assert told in said if told else "waits for" not in said


def test_a_cycle_that_has_ended_asks_nobody(answering: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answering("training", {"/v1/cycles": [CYCLE | {"state": "closed", "outcome": "production"}], "/v1/runs": []})
    asked = answering("datasets", {})
    assert run(["cycles", "parcels"]) == 0
    assert not asked and "waits for" not in capsys.readouterr().out


def test_a_search_shows_its_trials_what_each_was_made_with_and_why_it_ended(
    answering: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    trial: dict[str, Any] = {
        "cycle_id": "c-1", "method": "full", "untrusted": True, "picked": True, "state": "trained", "stage": "validate",
        "scores": {"macro_f1": 0.93}, "failed": None, "why": "the cheapest of 2", "asked": {"rate": 1e-4, "epochs": 2},
    }  # fmt: skip
    behind = "pruned at 1/4: macro_f1 0.4000 is below the median 0.8000 of 3 trials"
    pruned = {**trial, "picked": False, "state": "pruned", "step": 9, "steps": 40, "failed": behind, "why": behind}
    searched = {**CYCLE, "state": "training", "searched": "all 2 trials are made"}
    answering("training", {"/v1/cycles": [searched], "/v1/runs": [trial, {**pruned, "asked": {}}]})
    assert run(["cycles", "parcels"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the search is over: all 2 trials are made" in said
    assert "full, epochs 2, rate 0.0001" in said and "the cheapest of 2" in said
    assert "pruned at 1/4: macro_f1 0.4000" in said


def test_budgets_are_shown_with_what_was_taken(answering: Any, capsys: pytest.CaptureFixture[str]) -> None:
    spent = "BudgetSpent: train.daily.time, 7,200 s, is spent"
    budget = {
        "workspace": "parcels", "day": "2026-01-05", "until": "2026-01-06T00:00:00Z", "seconds": 7201.2, "cost": 1.5,
        "most_seconds": 7200, "most_cost": None, "spent": spent,
    }  # fmt: skip
    answering("training", {"/v1/budgets": [budget]})
    assert run(["budgets", "parcels"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "7,201 s of 7,200 s" in said and "1.50" in said and "BudgetSpent: train.daily.time" in said
    answering("training", {"/v1/budgets": []})
    assert run(["budgets"]) == 0
    assert "no run took anything today" in capsys.readouterr().out
