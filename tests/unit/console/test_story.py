"""A cycle told from what real owners said of it."""

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from told import soon, told

from millrace.console.domain import Page, page
from millrace.console.domain.evidence import checks, gate
from millrace.console.domain.words import moment


def shown(said: dict[str, Any], cycle_id: str | None = None, silent: tuple[str, ...] = ()) -> Page:
    now = soon(said) + timedelta(seconds=3)
    return page("parcel-support", said, now, rates={}, silent=dict.fromkeys(silent), cycle_id=cycle_id)


def titles(made: Page, *states: str) -> list[str]:
    return [one.title for one in made.story if one.state in states]


def test_a_canary_under_way_is_told_from_the_drift_to_what_lies_ahead() -> None:
    made = shown(told("canary"))
    assert titles(made, "done") == [
        "The world changed",
        "A dataset was cut",
        "2 candidates trained side by side",
        "v2 passed the gate",
        "v2 in shadow",
        "v2 in canary at 20 %",
    ]
    assert titles(made, "now") == ["v2 in canary at 50 %"]
    assert titles(made, "ahead") == ["Production"]
    assert made.cycle_open


def test_every_chapter_that_was_has_its_time_and_they_are_in_order() -> None:
    for recording in ("canary", "end"):
        times = [one.at for one in shown(told(recording)).story if one.state != "ahead"]
        assert None not in times
        assert times == sorted(times, key=lambda at: at or soon(told(recording)))


def test_evidence_is_told_in_words() -> None:
    story = {one.title: one for one in shown(told("canary")).story}
    assert "confidence of v1 went from 0.882 to 0.791" in story["The world changed"].words[0]
    assert story["A dataset was cut"].words == ["1,740 to train, 337 to validate, 49 fresh, 650 golden"]
    assert [bar.state for bar in story["2 candidates trained side by side"].bars].count("picked") == 1
    assert {check.state for check in story["v2 passed the gate"].checks} == {"held"}
    canary = story["v2 in canary at 50 %"]
    assert canary.words[0].startswith("waits for")
    assert 0 <= (canary.bars[0].done or 0) <= 1
    assert [check.condition for check in canary.checks][1:] == [
        "error_rate <= production + 0.02",
        "latency.p99 <= 1.5 * production",
        "feedback.negative <= production + 0.05",
    ]


def test_a_rejected_candidate_ends_its_story_with_the_reason() -> None:
    made = shown(told("end"))
    assert made.story[-1].title == "v3: Stopped at the gate"
    assert made.story[-1].state == "bad"
    assert made.story[-1].words[0] == "golden.macro_f1 >= best - 0.03: fail"
    assert not titles(made, "now", "ahead")


def test_an_older_cycle_is_told_when_it_is_asked_for() -> None:
    said = told("end")
    drift = next(one for one in said["cycles"] if one["because"] == "drift")
    assert shown(said, drift["id"]).story[-1].title == "v2: Promoted"
    assert shown(said, "no such cycle").cycle_id == said["cycles"][0]["id"]


@pytest.fixture
def waiting() -> dict[str, Any]:
    """The cycle of the drift as it was when rows gathered."""
    said = deepcopy(told("canary"))
    cycle = said["cycles"][0]
    cycle.update(state="waiting", dataset=None, cut_at=None)
    said["datasets"]["cuts"][0].update(state="waiting", seen=120, dataset=None)
    said["runs"] = [run for run in said["runs"] if run["cycle_id"] != cycle["id"]]
    said["versions"] = said["versions"][1:]
    said["workspace"]["rollout"] = None
    said["rollouts"] = []
    return said


def test_rows_that_gather_are_counted_against_what_is_asked(waiting: dict[str, Any]) -> None:
    made = shown(waiting)
    rows = made.story[1]
    assert (rows.title, rows.state) == ("Rows gather", "now")
    assert rows.bars[0].words == "120 of 300"
    assert rows.bars[0].done == pytest.approx(0.4)
    ahead = ["Candidates train side by side", "The gate", "Shadow", "Canary at 20 %", "Canary at 50 %", "Production"]
    assert titles(made, "ahead") == ahead


def test_a_first_version_goes_straight_to_production(waiting: dict[str, Any]) -> None:
    waiting["workspace"]["route"]["production"] = None
    assert titles(shown(waiting), "ahead")[-2:] == ["The gate", "Production"]


def test_a_cut_that_failed_says_why(waiting: dict[str, Any]) -> None:
    waiting["datasets"]["cuts"][0].update(state="failed", reason="180 labels are missing")
    rows = shown(waiting).story[1]
    assert (rows.title, rows.state, rows.words) == ("No dataset", "bad", ["180 labels are missing"])


def test_runs_show_how_far_they_are_and_what_broke(waiting: dict[str, Any]) -> None:
    whole = told("canary")
    runs = [run for run in whole["runs"] if run["cycle_id"] == whole["cycles"][0]["id"]]
    runs[0].update(state="running", ended_at=None, stage="train", step=50, steps=200, loss=0.41)
    runs[1].update(state="failed", failed="killed 3 times")
    waiting["cycles"][0].update(state="training", dataset=whole["cycles"][0]["dataset"], cut_at=runs[0]["started_at"])
    waiting["runs"] = runs
    chapter = shown(waiting).story[2]
    assert (chapter.title, chapter.state) == ("2 candidates train side by side", "now")
    assert [(bar.done, bar.words) for bar in chapter.bars] == [
        (0.25, "train 50 of 200, loss 0.410"),
        (1.0, "killed 3 times"),
    ]


def test_a_searchs_trials_show_what_they_were_made_with_and_why_no_more_come(waiting: dict[str, Any]) -> None:
    whole = told("canary")
    runs = [run for run in whole["runs"] if run["cycle_id"] == whole["cycles"][0]["id"]]
    spent = "BudgetSpent: train.daily.time, 7,200 s, is spent: it goes on at 2026-01-06 00:00 UTC"
    behind = "pruned at 1/4: macro_f1 0.4000 is below the median 0.8000 of 3 trials"
    runs[0].update(state="queued", started_at=None, ended_at=None, asked={"rate": 0.00012})
    runs[1].update(state="pruned", failed=behind)
    waiting["cycles"][0].update(
        state="training",
        dataset=whole["cycles"][0]["dataset"],
        cut_at=runs[1]["started_at"],
        searched="all 2 trials are made",
        waits_for=spent,
    )
    waiting["runs"] = runs
    chapter = shown(waiting).story[2]
    assert chapter.bars[0].name == f"{runs[0]['method']}, rate 0.00012"
    assert [bar.words for bar in chapter.bars] == ["queued", behind]
    assert chapter.words[-2:] == ["The search is over: all 2 trials are made.", f"It waits for {spent}."]


def test_a_proven_harm_is_shown_as_broken() -> None:
    step = deepcopy(next(one for one in told("canary")["rollouts"] if one["step"] == "canary"))
    harm = step["evidence"]["harm"][1]
    harm.update(proven=True, e_value=90.0)
    broken = [check for check in checks(step) if check.state == "broken"]
    assert [check.condition for check in broken] == ["latency.p99 <= 1.5 * production"]
    assert "harm proven (e-value 90 of 60)" in broken[0].words


def test_a_gate_shows_held_broken_and_open_conditions() -> None:
    found = [(check.state, check.words) for check in gate(told("end")["evaluations"][0])]
    assert [state for state, _ in found] == ["open", "broken", "held"]
    assert found[1][1] == "0.838 against 0.873, difference -0.052 to -0.018, 650 rows"


@pytest.mark.parametrize(
    "what",
    ["versions", "ledger", "cycles", "runs", "datasets", "evaluations", "rollouts", "quality", "monitors", "ingested"],
)
def test_a_page_is_made_whoever_is_silent(what: str) -> None:
    said = told("canary")
    now = soon(said)
    made = page("parcel-support", {**said, what: None}, now, rates={}, silent={"somebody": moment(now)})
    assert made.known is True
    assert made.silent == {"somebody": now}


def test_an_unknown_workspace_is_denied_only_by_registry() -> None:
    said = {**told("canary"), "workspace": None}
    assert shown(said).known is False
    assert shown(said, silent=("registry",)).known is None


def test_figures_name_production_its_accuracy_and_what_came() -> None:
    figures = {one.name: one for one in shown(told("end")).figures}
    assert figures["in production"].value == "v2"
    assert figures["failed"].value == "0" and not figures["failed"].bad
    assert figures["accuracy"].value.endswith("%")
    assert figures["masked"].value == "48"


def test_versions_say_where_they_stand_and_why() -> None:
    listed = {one.short: one for one in shown(told("end")).versions}
    assert [one.stage for one in listed.values()] == ["rejected", "production", "superseded"]
    assert listed["v1"].why == "v2 took over"
    assert listed["v2"].scores["golden"] == pytest.approx(0.903, abs=0.001)
