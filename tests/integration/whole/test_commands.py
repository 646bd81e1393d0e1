"""The command line against the whole of Millrace: what a person types, and what there is to read then."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from story import NAME, SPEC, Story
from whole import Whole, until

pytestmark = pytest.mark.timeout(600)

DESK = """
workspace: desk
owner: tests
task: classify
labels: {names: [late, lost]}
feedback: {delay: 1s, wait: 2s}
"""
BAD_CSV = """text,label,metadata
my parcel is late again and nobody calls back,late,
,late,
asdfghjkl qwrtzp xcvbn,late,
where is the box that I ordered last week,lost,no object
"two
lines of text about a lost parcel",lost,
"""
BAD_JSONL = """{"text": "my parcel never came, can you have a look", "label": "lost"}
{"text":
[1]
{"text": 7, "label": "late"}
{"text": "refund for my broken parcel please", "metadata": {"a": NaN}}

{"text": "my parcel is stuck somewhere since monday", "label": "late", "metadata": {"a": "b"}}
{"label": "late"}
"""


@pytest.fixture(scope="module")
def desk(whole: Whole) -> Whole:
    """The stack with a workspace for what goes wrong."""
    assert apply(whole, DESK)["revision"] == 1
    return whole


def apply(whole: Whole, text: str) -> Any:
    return whole.millrace("apply", written(whole, "applied.yaml", text), "--json").json


def written(whole: Whole, name: str, text: str) -> str:
    path = Path(whole.running.data) / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def publish(whole: Whole, file: str, *more: str) -> Any:
    return whole.millrace("publish", file, "-w", "desk", "-s", "crm", "--json", *more).json


def submitted(whole: Whole) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(whole.running.url("ingestion") + "/v1/counts?workspace=desk").json()
    return found


@pytest.mark.parametrize(
    ("name", "text", "outcomes"),
    [
        ("bad.csv", BAD_CSV, {2: "accepted", 3: "unreadable", 4: "rejected", 5: "unreadable", 7: "accepted"}),
        (
            "bad.jsonl",
            BAD_JSONL,
            {
                1: "accepted",
                2: "unreadable",
                3: "unreadable",
                4: "unreadable",
                5: "unreadable",
                7: "accepted",
                8: "unreadable",
            },
        ),
    ],
)
def test_bad_rows_of_a_file_are_told_by_line_and_no_good_one_is_lost(
    desk: Whole, name: str, text: str, outcomes: dict[int, str]
) -> None:
    file, before = written(desk, name, text), submitted(desk)["accepted"]
    told = publish(desk, file)
    assert told["counts"] == Counter(outcomes.values())
    refused = {line: outcome for line, outcome in outcomes.items() if outcome != "accepted"}
    assert {one["line"]: one["outcome"] for one in told["refused"]} == refused
    assert [one["line"] for one in told["refused"]] == sorted(refused)
    assert (
        all(reason["expected"] for one in told["refused"] for reason in one["reasons"])
        and told["refused"][0]["reasons"]
    )
    assert submitted(desk)["accepted"] == before + 2
    assert publish(desk, file)["counts"]["repeated"] == 2
    assert submitted(desk)["accepted"] == before + 2


def test_a_person_reads_each_refused_line_with_what_was_expected(desk: Whole) -> None:
    said = desk.millrace("publish", written(desk, "again.csv", BAD_CSV), "-w", "desk", "-s", "crm")
    assert said.code == 0
    assert "text: a text that is not empty (unreadable)" in said.out
    assert "text: words, not " in said.out and "(gibberish)" in said.out
    assert "rows ..." not in said.out, "progress is for terminals"


def test_a_text_of_20_mb_is_one_refused_row(desk: Whole) -> None:
    rows = ["my box was left in the rain all night", "x" * 20_000_000, "the courier gave my box to a stranger"]
    told = publish(desk, written(desk, "large.csv", "text\n" + "\n".join(rows) + "\n"))
    assert told["counts"] == {"accepted": 2, "rejected": 1}
    (refused,) = told["refused"]
    assert (refused["line"], refused["reasons"][0]["code"]) == (3, "too_large")


def test_a_file_for_a_workspace_mistyped_is_refused_with_the_nearest(desk: Whole) -> None:
    file = written(desk, "late.csv", "text,label\nmy parcel is late,late\n")
    said = desk.millrace("publish", file, "-w", "dekc", "-s", "crm")
    assert said.code == 1
    assert "did you mean 'desk'?" in said.out
    assert "nothing of" in said.err


def test_a_typo_in_a_workspace_file_is_told_with_key_line_and_nearest_and_changes_nothing(desk: Whole) -> None:
    typos = DESK.replace("feedback:", "fedback:") + "train: {min_labels: many}\ndata: {retain: 30d}\n"
    said = desk.millrace("apply", written(desk, "typos.yaml", typos))
    assert said.code == 1
    problems = " ".join(said.err.split())
    assert "line 6: fedback: one of" in problems and "(did you mean 'feedback'?)" in problems
    assert "line 7: train.min_labels: a whole number" in problems
    assert "line 8: data.retain: one of" in problems
    assert apply(desk, DESK) == {**apply(desk, DESK), "revision": 1, "changed": False}
    assert desk.millrace("apply", str(desk.running.data / "nowhere.yaml")).code == 1


@pytest.mark.parametrize(
    "command",
    [
        ("train", "nobody"),
        ("cycles", "nobody"),
        ("alerts", "nobody"),
        ("versions", "nobody"),
        ("history", "nobody"),
        ("lineage", "nobody", "nobody-1"),
        ("promote", "nobody", "nobody-1"),
        ("rollback", "nobody", "--reason", "x"),
    ],
    ids=lambda command: command[0],
)
def test_a_workspace_that_is_not_there_is_an_error_that_names_it(whole: Whole, command: tuple[str, ...]) -> None:
    said = whole.millrace(*command)
    assert said.code == 1
    assert "no workspace 'nobody'" in said.err
    assert whole.millrace(*command, "--json").json["error"]["message"].startswith("no workspace 'nobody'")


def test_a_cycle_by_hand_is_open_once(desk: Whole) -> None:
    said = desk.millrace("train", "desk", "--note", "new catalogue", "--by", "ada")
    assert (said.code, "`millrace cycles desk`" in said.out) == (0, True)
    again = desk.millrace("train", "desk")
    assert again.code == 1 and "has an open cycle" in " ".join(again.err.split())
    assert "by ada: new catalogue" in desk.millrace("cycles", "desk").out
    unknown = desk.millrace("train", "desk", "--method", "lorra")
    assert unknown.code == 1 and "linear-probe" in unknown.err


def test_cycles_versions_and_history_tell_how_a_version_came_to_production(story: Story) -> None:
    millrace = story.whole.millrace
    second, first = millrace("cycles", NAME, "--json").json
    assert [(one["because"], one["outcome"], one["became"]) for one in (first, second)] == [
        ("growth", "production", f"{NAME}-1"),
        ("growth", "production", f"{NAME}-2"),
    ]
    assert [run["picked"] for run in second["runs"]] == [True]
    assert "linear-probe" in millrace("cycles", NAME).out
    assert [one["stage"] for one in millrace("versions", NAME, "--json").json] == ["production", "superseded"]
    assert "production" in millrace("versions", NAME).out
    ledger = millrace("history", NAME, "--version", f"{NAME}-2", "--json").json
    staged = [one["stage"] for one in reversed(ledger) if one["stage"]]
    assert staged == ["shadow", "canary", "production"]
    assert "passed the gate" in millrace("history", NAME).out


def test_runs_are_found_by_what_came_of_them_and_compared(story: Story, tmp_path: Path) -> None:
    millrace = story.whole.millrace
    (one,) = millrace("runs", "list", NAME, "-w", f"version = {NAME}-2", "--json").json
    assert one["measured"]["cpu_seconds"] > 0 and one["parameters"]["rows"] > 0
    assert one["id"] in millrace("runs", "list", NAME, "-w", "method = linear-probe", "--sort", "-seconds").out
    assert f"{NAME}-2" in millrace("runs", "show", one["id"][:8]).out
    every = [run["id"] for run in millrace("runs", "list", NAME, "--json").json]
    page = tmp_path / "runs.html"
    assert millrace("runs", "compare", *every[:2], "--out", str(page)).code == 0
    assert "2 runs side by side" in page.read_text()
    wrong = millrace("runs", "list", NAME, "-w", "scores.macro_f2 > 0.5")
    assert wrong.code == 1 and "macro_f1" in wrong.err


def test_how_a_version_was_judged_is_a_page(story: Story, tmp_path: Path) -> None:
    millrace = story.whole.millrace
    assert f"{NAME}-2" in millrace("evaluations", "list", NAME).out
    assert "fresh" in millrace("evaluations", "show", f"{NAME}-2").out
    page, figures = tmp_path / "report.html", tmp_path / "report.json"
    for out in (page, figures):
        assert millrace("evaluations", "show", f"{NAME}-2", "--out", str(out)).code == 0
    assert f"{NAME}-2: pass" in page.read_text() and "Can its confidence be believed" in page.read_text()
    suite = json.loads(figures.read_text())["result"]["suites"]["fresh"]
    assert suite["calibration"]["low"] <= suite["calibration"]["ece"] <= suite["calibration"]["high"]
    assert suite["latency_ms"]["p50"]["value"] > 0


def test_lineage_goes_down_to_sources(story: Story) -> None:
    found = story.whole.millrace("lineage", NAME, f"{NAME}-2", "--json").json
    assert (found["parent"], found["run"]["method"]) == (f"{NAME}-1", "linear-probe")
    assert found["dataset"]["sources"]["crm"] > 0
    text = story.whole.millrace("lineage", NAME, f"{NAME}-2").out
    assert "documents from" in text and "validation" in text
    strange = story.whole.millrace("lineage", NAME, "v9")
    assert strange.code == 1 and f"{NAME} has no version 'v9'" in strange.err


def test_people_move_versions_and_sign_for_it(story: Story) -> None:
    millrace = story.whole.millrace
    stale = millrace("promote", NAME, f"{NAME}-1", "--revision", "0")
    assert stale.code == 1 and "revision" in stale.err
    back = millrace("rollback", NAME, "--by", "ada", "--reason", "complaints", "--json").json
    assert back["production"] == f"{NAME}-1"
    assert millrace("promote", NAME, f"{NAME}-9").code == 1
    said = millrace("promote", NAME, f"{NAME}-2", "--by", "ada", "--reason", "they were wrong")
    assert said.code == 0 and f"{NAME}-2 is production" in said.out
    signed = [(one["by"], one["reason"]) for one in millrace("history", NAME, "--json").json if one["by"] == "ada"]
    assert ("ada", "complaints") in signed and ("ada", "they were wrong") in signed


def test_dead_letters_are_listed_shown_mended_and_replayed(desk: Whole) -> None:
    good = {"workspace": "desk", "source": "crm", "text": "my parcel is late, and so are you", "label": "late"}
    stray = {**good, "workspace": "dekc", "text": "my parcel went to another desk"}
    before = submitted(desk)["accepted"]
    broken = (b'{"workspace": ', b"\xff\xfe", json.dumps({**good, "text": 7}).encode(), json.dumps(stray).encode())
    desk.publish("document.submitted.v1", *broken, json.dumps(good).encode(), key="desk", headers=[("x", None)])
    until(lambda: submitted(desk)["accepted"] == before + 1)
    letters = desk.millrace("dead-letters", "list", "ingestion", "--json").json
    assert len(letters) == 4
    listed = " ".join(desk.millrace("dead-letters", "list").out.split())
    assert "no workspace 'dekc'" in listed and "expected JSON" in listed
    number = str(next(one["id"] for one in letters if "dekc" in one["reason"]))
    shown = desk.millrace("dead-letters", "show", "ingestion", number)
    assert "my parcel went to another desk" in shown.out
    assert desk.millrace("dead-letters", "replay", "ingestion", number).code == 1
    apply(desk, DESK.replace("desk", "dekc"))
    assert desk.millrace("dead-letters", "replay", "ingestion", number, "--json").json[0]["replayed"]
    again = desk.millrace("dead-letters", "replay", "ingestion", number)
    assert again.code == 1 and "was replayed" in again.out
    assert desk.millrace("dead-letters", "show", "ingestion", "999").code == 1


def test_feedback_for_nothing_waits_and_is_a_dead_letter_then(desk: Whole) -> None:
    told = {"workspace": "desk", "kind": "label", "value": "late", "source": "agent", "request_id": "of nothing"}
    assert desk.post("feedback", "/v1/feedback", told).status_code == 202

    def waited_for_nothing() -> list[dict[str, Any]]:
        letters = desk.millrace("dead-letters", "list", "feedback", "--json").json
        return [letter for letter in letters if "no prediction came for it" in letter["reason"]]

    (letter,) = until(waited_for_nothing)
    assert letter["handler"] == "on_feedback_given"


def test_a_doctor_sends_a_prediction_through_a_workspace(story: Story) -> None:
    said = story.whole.millrace("doctor", "--workspace", NAME, "--patience", "40", "--json")
    assert said.code == 0, said.out
    assert f"{NAME} answers" in [step["hop"] for step in said.json["hops"]]


def test_status_and_logs_tell_of_every_process(whole: Whole) -> None:
    told = whole.millrace("status", "--json")
    assert told.code == 0 and told.json["ready"]
    assert {"kafka", "postgres", "s3", "registry", "console"} <= {one["name"] for one in told.json["processes"]}
    assert "registry" in whole.millrace("status").out
    lines = whole.millrace("logs", "registry", "-n", "1").out.splitlines()
    assert len(lines) == 1 and "timestamp" in json.loads(lines[0])
    assert whole.millrace("logs", "regsitry").code == 1


def test_a_file_may_declare_the_story(story: Story) -> None:
    assert apply(story.whole, SPEC)["changed"] is False
