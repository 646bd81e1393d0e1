"""Small words that people read: how many of what, what a name was meant to be, what repeats what."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from millrace.cli.main import run
from millrace.cli.person import counted

RECORD: dict[str, Any] = {
    "event_id": "0524920a-85e0-431e-8000-000000000001", "rejected_at": "2026-01-05T09:00:00Z", "source": "crm",
    "reasons": [{"code": "words", "field": "text", "expected": "at least 5 words"}], "masked_text": "hi",
}  # fmt: skip
NOBODY: dict[str, Any] = {"released": 0, "dropped": 0, "kept": 0, "refused": 0, "left": 0, "job": None, "records": []}


@pytest.mark.parametrize(
    ("number", "what", "several", "told"),
    [
        (1, "row", "", "1 row"),
        (1200, "row", "", "1,200 rows"),
        (0, "row", "", "0 rows"),
        (2, "body", "bodies", "2 bodies"),
    ],
)
def test_one_is_not_several(number: int, what: str, several: str, told: str) -> None:
    assert counted(number, what, several) == told


def held_alone(answering: Any, records: list[dict[str, Any]], act: dict[str, Any]) -> None:
    """A quarantine that has the records, none of which fits what is asked for first."""

    class Once(dict[str, Any]):
        def get(self, path: str, default: Any = None) -> Any:
            if path != "/v1/quarantine":
                return act
            found, self["seen"] = (records if self else []), True
            return found

    answering("ingestion", Once())


@pytest.mark.parametrize(
    ("option", "name", "meant"), [("--reason", "wrods", "words"), ("--source", "crn", "crm"), ("--reason", "zzz", None)]
)
def test_a_reason_or_source_that_no_record_has_is_asked_about(
    answering: Any, capsys: pytest.CaptureFixture[str], option: str, name: str, meant: str | None
) -> None:
    held_alone(answering, [RECORD], NOBODY)
    assert run(["quarantine", "list", "parcels", option, name]) == 0
    told = capsys.readouterr().out
    assert told.startswith("nothing held in quarantine that fits")
    assert (f"none has {option} {name}: did you mean {meant}?" in told) == (meant is not None)


def test_what_is_done_with_records_of_a_misspelt_reason_is_no_success(
    answering: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    answering("ingestion", {"/v1/quarantine": [RECORD], "/v1/quarantine/drop": NOBODY})
    assert run(["quarantine", "drop", "parcels", "--reason", "wrods"]) == 1
    assert "did you mean words?" in capsys.readouterr().err
    assert run(["quarantine", "drop", "parcels", "--reason", "words"]) == 0, "such there are, and all are settled"
    assert run(["quarantine", "drop", "parcels", "--all", RECORD["event_id"]]) == 1


def test_what_a_replay_leaves_is_still_refused(answering: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answering("ingestion", {"/v1/quarantine/replay": NOBODY | {"kept": 3, "released": 1}})
    assert run(["quarantine", "replay", "parcels", "--all"]) == 0
    assert capsys.readouterr().out == "1 released, 3 still refused\n"


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
