"""Small words that people read: how many of what, what a name was meant to be, what repeats what."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from millrace.cli.commands import duplicates
from millrace.cli.main import run

RECORD: dict[str, Any] = {
    "event_id": "0524920a-85e0-431e-8000-000000000001", "rejected_at": "2026-01-05T09:00:00Z", "source": "crm",
    "reasons": [{"code": "words", "field": "text", "expected": "at least 5 words"}], "masked_text": "hi",
}  # fmt: skip
NOBODY: dict[str, Any] = {"released": 0, "dropped": 0, "kept": 0, "refused": 0, "left": 0, "job": None, "records": []}


def test_all_of_a_workspace_leaves_nothing_to_narrow_it(answering: Any, capsys: pytest.CaptureFixture[str]) -> None:
    asked = answering("ingestion", {})
    assert run(["quarantine", "drop", "parcels", "--all", RECORD["event_id"]]) == 1
    assert "leave out what would narrow it" in capsys.readouterr().err and not asked


def test_what_a_replay_leaves_is_still_refused(answering: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answering("ingestion", {"/v1/quarantine/replay": NOBODY | {"kept": 3, "released": 1}})
    assert run(["quarantine", "replay", "parcels", "--all"]) == 0
    assert capsys.readouterr().out == "1 released, 3 still refused\n"


@pytest.mark.parametrize(("left", "said"), [(1, "1 more is looked at"), (1200, "1,200 more are looked at")])
def test_what_a_job_does_is_counted_as_people_do(
    answering: Any, capsys: pytest.CaptureFixture[str], left: int, said: str
) -> None:
    answering("ingestion", {"/v1/quarantine/drop": NOBODY | {"dropped": 200, "left": left, "job": "j"}})
    assert run(["quarantine", "drop", "parcels", "--all"]) == 0
    assert f"200 dropped\n{said} by job j" in capsys.readouterr().out


PAIR: dict[str, Any] = {
    "kind": "near", "similarity": 0.91, "stands": False, "because": [],
    "document": {"document_id": "b", "source": "web", "label": None, "text": "my parcel is late"},
    "duplicate_of": {"document_id": "a", "source": "web", "label": "late", "text": "your parcel is late"},
    "overlaps": [{"document": [3, 17], "duplicate_of": [5, 19]}],
}  # fmt: skip


def test_what_both_say_is_marked_where_there_are_no_colours(answering: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answering("dedup", {"/v1/duplicates/b": PAIR})
    assert run(["duplicates", "show", "b"]) == 0
    told = capsys.readouterr().out
    assert "my [parcel is late]" in told and "your [parcel is late]" in told


def test_a_passage_that_is_found_twice_is_marked_once(answering: Any, capsys: pytest.CaptureFixture[str]) -> None:
    twice = [{"document": [3, 9], "duplicate_of": [5, 11]}, {"document": [6, 17], "duplicate_of": [5, 11]}]
    answering("dedup", {"/v1/duplicates/b": PAIR | {"overlaps": twice}})
    assert run(["duplicates", "show", "b"]) == 0
    told = capsys.readouterr().out
    assert "my [parcel is late]" in told and "your [parcel] is late" in told


def test_a_terminal_without_colours_has_brackets_too(
    answering: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering("dedup", {"/v1/duplicates/b": PAIR})
    for colours in (None, "truecolor"):
        monkeypatch.setattr(duplicates, "console", Console(force_terminal=True, color_system=colours, width=80))
        assert run(["duplicates", "show", "b"]) == 0
        assert ("[parcel is late]" in capsys.readouterr().out) == (colours is None)


def test_a_document_that_is_repeated_is_shown_with_what_repeats_it(
    answering: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = httpx.Response(404, json={"error": {"code": "repeats_no_other", "message": "a repeats no other"}})
    found = {"document_id": "b", "source": "web", "kind": "near", "similarity": 0.91, "found_at": RECORD["rejected_at"]}
    told = {"document": {"document_id": "a"}, "duplicates": [found]}
    answering("dedup", {"/v1/duplicates/a": refused, "/v1/documents/a/duplicates": told})
    assert run(["duplicates", "show", "a"]) == 0
    head, _, row = capsys.readouterr().out.splitlines()
    assert head == "a repeats no other; 1 document repeats it" and row.split()[1:] == ["b", "near", "0.910", "web"]
    assert run(["duplicates", "show", "a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == told


def test_a_passage_says_where_it_is_to_be_opened(answering: Any, capsys: pytest.CaptureFixture[str]) -> None:
    one = {"score": 0.5, "document_id": "d-1", "source": "site", "text": "Pelicans fly."}
    page = one | {"metadata": {"title": "Birds", "url": "https://help.example.com/birds.html"}}
    file = one | {"metadata": {"file": "handbook/birds.pdf", "page": "3"}}
    answering("serving", {"/v1/workspaces/eyes/search": {"results": [page, file, one | {"metadata": {}}]}})
    assert run(["search", "eyes", "pelican", "-c", "help"]) == 0
    told = capsys.readouterr().out
    assert "Birds" in told and "https://help.example.com/birds.html" in told and "handbook/birds.pdf" in told


@pytest.mark.parametrize(
    ("line", "endings"),
    [
        (["features", "table", "stations"], [".parquet"]),
        (["datasets", "profile", "parcels@1"], [".html", ".json"]),
        (["evaluations", "show", "parcels-1"], [".html", ".json"]),
    ],
)
def test_a_file_that_is_named_as_something_else_is_not_written(
    line: list[str], endings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "t.csv"
    assert run([*line, "--out", str(out), "--data", str(tmp_path / "none")]) == 1
    told = capsys.readouterr().err
    assert "t.csv is not named as" in told and all(ending in told for ending in endings)
    assert not out.exists()
