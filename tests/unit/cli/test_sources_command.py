"""`millrace sources`, against an ingestion that answers as it is told."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from millrace.cli.commands import sources
from millrace.cli.main import run
from millrace.workspace import Files

RUN: dict[str, Any] = {
    "run": 4,
    "state": "running",
    "asked_by": "ada",
    "due_at": "2026-01-05T09:00:00+00:00",
    "started_at": "2026-01-05T09:00:00+00:00",
    "ended_at": None,
    "counts": {"new": 3, "troubles": 1},
    "reason": None,
    "codes": {"pdf": 1},
    "troubles": [{"id": 1, "item": "a.pdf", "code": "pdf", "reason": "a PDF that can be read"}],
}
ENDED = {**RUN, "state": "complete", "ended_at": "2026-01-05T09:01:00+00:00"}
SOURCE: dict[str, Any] = {
    "source": "handbook",
    "kind": "crawl",
    "purposes": ["retrieve"],
    "trusted": False,
    "retired": False,
    "every_s": 3600.0,
    "state": "complete",
    "documents": 12,
    "open_run": None,
    "last_run": ENDED,
    "next_at": None,
    "accepted": 14,
    "rejected": 2,
    "last_at": None,
}
DECLARED = Files.model_validate(
    {"kind": "files", "at": "desk", "include": ["*.csv", "*.md"], "columns": {"id": "ticket", "metadata": ["shop"]}}
).model_dump(mode="json")
PUSHED = {**SOURCE, "source": "shop", "kind": None, "state": None, "documents": None, "last_run": None}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a run's report says, look by look."""
    looks = [RUN, ENDED]

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1/workspaces/desk/sources")
        if request.method == "POST":
            assert json.loads(request.content) == {"by": "ada"}
            return httpx.Response(202, json={"source": "handbook", "run": 4, "state": "waiting"})
        if path == "/handbook/runs/4":
            return httpx.Response(200, json=looks.pop(0) if len(looks) > 1 else looks[0])
        if path == "":
            return httpx.Response(200, json=[SOURCE, PUSHED])
        if path == "/handbook":
            return httpx.Response(200, json={**SOURCE, "declared": DECLARED, "runs": [ENDED]})
        error = {"code": "source_not_found", "message": "desk declares no source 'handbok'; did you mean 'handbook'?"}
        return httpx.Response(404, json={"error": error})

    monkeypatch.setenv("MILLRACE_INGESTION_URL", "http://ingestion")
    monkeypatch.setattr(httpx.Client, "_init_transport", lambda self, **_: httpx.MockTransport(answer))
    monkeypatch.setattr(sources, "LOOK", 0.0)
    return looks


def said(capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: str) -> tuple[int, str]:
    code = run(["sources", *arguments, "--data", str(tmp_path)])
    return code, capsys.readouterr().out


@pytest.mark.usefixtures("answers")
def test_sources_are_listed_with_what_is_pushed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out = said(capsys, tmp_path, "list", "desk", "--json")
    assert (code, [one["source"] for one in json.loads(out)]) == (0, ["handbook", "shop"])
    code, out = said(capsys, tmp_path, "list", "desk")
    assert code == 0
    assert "handbook" in out
    assert "shop" in out


@pytest.mark.usefixtures("answers")
def test_a_source_and_a_report_are_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out = said(capsys, tmp_path, "show", "desk", "handbook")
    assert code == 0
    for words in ("at: desk", "include: *.csv, *.md", "columns: id from ticket, text from text, metadata from shop"):
        assert words in out
    assert not any(sign in out for sign in ("[", "{", "'", "None", "True", "False"))
    code, out = said(capsys, tmp_path, "show", "desk", "handbook", "--run", "4")
    assert code == 0
    assert "1 pdf" in out
    assert "a PDF that can be read" in out


def test_a_run_that_goes_on_with_an_earlier_one_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, answers: list[dict[str, Any]]
) -> None:
    answers[:] = [{**ENDED, "reading": 3}]
    assert "goes on with what run 3 began" in said(capsys, tmp_path, "show", "desk", "handbook", "--run", "4")[1]


def test_a_run_is_followed_to_its_end(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, answers: list[dict[str, Any]]
) -> None:
    code, out = said(capsys, tmp_path, "run", "desk", "handbook", "--by", "ada", "--json")
    assert (code, json.loads(out)["state"], len(answers)) == (0, "complete", 1)
    answers[:] = [{**ENDED, "state": "failed", "reason": "ingestion was given no database 'crm'"}]
    code, out = said(capsys, tmp_path, "run", "desk", "handbook", "--by", "ada")
    assert code == 1
    assert "no database 'crm'" in out


def test_a_run_that_is_held_up_says_why_and_when_it_is_tried_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, answers: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=25)).isoformat()
    held = {**RUN, "waits_for": "S3: MaxRetryError", "tried_at": soon}
    answers[:] = [held, held, {**ENDED, "state": "failed", "reason": "S3: MaxRetryError (for 99 s)"}]
    assert run(["sources", "run", "desk", "handbook", "--by", "ada", "--data", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert told.err.count("held up: S3: MaxRetryError; tried again in 2") == 1
    assert "(for 99 s)" in told.out
    answers[:] = [held]
    _, out = said(capsys, tmp_path, "show", "desk", "handbook", "--run", "4")
    assert "run 4: held up" in out and "held up: S3: MaxRetryError; tried again in 2" in out
    monkeypatch.setitem(SOURCE, "open_run", held)
    monkeypatch.setitem(SOURCE, "state", "held up")
    _, out = said(capsys, tmp_path, "list", "desk")
    assert "handbook: held up: S3: MaxRetryError; tried again in 2" in out


@pytest.mark.usefixtures("answers")
def test_a_run_may_be_left_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out = said(capsys, tmp_path, "run", "desk", "handbook", "--by", "ada", "--detach", "--json")
    assert (code, json.loads(out)["run"]) == (0, 4)


@pytest.mark.usefixtures("answers")
def test_a_source_that_is_not_there_names_the_nearest(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["sources", "show", "desk", "handbok", "--data", str(tmp_path)]) == 1
    assert "did you mean 'handbook'" in capsys.readouterr().err
