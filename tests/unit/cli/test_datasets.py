"""millrace datasets, against answers as the service gives them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from millrace.cli import target
from millrace.cli.main import run

VERSION = {
    "name": "parcels@2", "number": 2, "dataset": "sha256:" + "ab" * 32, "manifest": "m", "parent": None,
    "created_at": "2026-01-05T09:00:00Z", "because": "hand", "current": True, "pinned": False, "redacted": 0,
    "rows": {"train": 7, "golden": 1}, "emptied_at": None, "profile": True,
}  # fmt: skip


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], list[httpx.Request]]:
    """Answers by path; what was asked for is returned."""
    asked: list[httpx.Request] = []

    def serve(answers: dict[str, Any]) -> list[httpx.Request]:
        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            found = answers.get(request.url.path)
            if found is None:
                return httpx.Response(404, json={"error": {"code": "not_found", "message": "no dataset"}})
            return httpx.Response(200, **({"content": found} if isinstance(found, bytes) else {"json": found}))

        client = httpx.Client
        monkeypatch.setenv("MILLRACE_DATASETS_URL", "http://datasets")
        monkeypatch.setattr(httpx, "Client", lambda **of: client(**of, transport=httpx.MockTransport(answer)))
        return asked

    assert target
    return serve


def test_an_export_is_fetched_file_by_file_and_overwrites_nothing(
    service: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = f"/v1/datasets/{VERSION['dataset']}/files"
    service(
        {
            "/v1/datasets/parcels@2/export": {"version": VERSION, "files": ["data/train.parquet", "README.md"]},
            f"{prefix}/data/train.parquet": b"rows",
            f"{prefix}/README.md": b"words",
        }
    )
    to = tmp_path / "out"
    asked = ["datasets", "export", "parcels@2", "--to", str(to), "--format", "huggingface", "--json"]
    assert run(asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert [Path(each["file"]).relative_to(to).as_posix() for each in told["files"]] == [
        "data/train.parquet", "README.md",
    ]  # fmt: skip
    assert (to / "data/train.parquet").read_bytes() == b"rows" and not list(to.rglob("*.part"))
    assert run(asked) == 1
    assert "not empty" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_a_file_that_fails_midway_is_not_left_half(service: Any, tmp_path: Path) -> None:
    service({"/v1/datasets/parcels@2/export": {"version": VERSION, "files": ["train.parquet"]}})
    assert run(["datasets", "export", "parcels@2", "--to", str(tmp_path / "out")]) == 1
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_moves_are_signed(service: Any, capsys: pytest.CaptureFixture[str]) -> None:
    asked = service({"/v1/datasets/parcels@2/rollback": VERSION, "/v1/datasets/parcels@2/pin": VERSION})
    assert run(["datasets", "rollback", "parcels@2", "--by", "ada", "--reason", "bad labels"]) == 0
    assert run(["datasets", "unpin", "parcels@2", "--by", "ada", "--reason", "done"]) == 0
    assert [json.loads(request.content) for request in asked] == [
        {"by": "ada", "reason": "bad labels"},
        {"pinned": False, "by": "ada", "reason": "done"},
    ]
    assert "is current" in capsys.readouterr().out


def test_a_list_shows_what_is_current_and_what_people_did(service: Any, capsys: pytest.CaptureFixture[str]) -> None:
    moves = [{"at": VERSION["created_at"], "move": "pin", "version": 2, "by": "ada", "reason": "the paper"}]
    service({"/v1/datasets": {"datasets": [{**VERSION, "redacted": 3}], "cuts": [], "moves": moves}})
    assert run(["datasets", "list", "parcels"]) == 0
    told = capsys.readouterr().out
    assert "parcels@2" in told and "the paper" in told and "has lost 3 rows to erasure" in told


def test_a_version_that_lost_rows_is_shown_with_those_that_are_left(
    service: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    content = {"splits": {"train": {"rows": 9, "labels": {"late": 5, "lost": 4}}, "fresh": {"rows": 0, "labels": {}}}}
    manifest = {
        "content": content, "left": {"train": {"late": 4, "lost": 4}, "fresh": {}}, "labels": ["late", "lost"],
        "lineage": {"because": "hand"}, "sources": {"crm": 9}, "offsets": {}, "redacted": 1, "digest": "d",
    }  # fmt: skip
    service({"/v1/datasets/parcels@2": VERSION | manifest})
    assert run(["datasets", "show", "parcels@2"]) == 0
    told = capsys.readouterr().out
    assert "is current, has lost 1 row to erasure" in told and "{" not in told
    assert [line.split() for line in told.splitlines()[-3:]] == [
        ["late", "4", "0"], ["lost", "4", "0"], ["in", "all", "8", "0"],
    ]  # fmt: skip


def test_a_share_that_did_not_move_has_no_sign(service: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shares = {"late": {"before": 0.50004, "after": 0.5}, "lost": {"before": 0.4, "after": 0.5}}
    figure = {"value": 0.0, "statistic": "s"}
    found = {
        "before": VERSION, "after": VERSION, "rows": {"before": 8, "after": 8}, "relabelled_from_to": [],
        **dict.fromkeys(("added", "removed", "relabelled", "reworded", "moved"), 0),
        "labels": figure | {"shares": shares}, "lengths": {"characters": figure, "words": figure, "statistic": "s"},
        "vocabulary": figure | {"new": [], "gone": []},
    }  # fmt: skip
    service({"/v1/datasets/parcels@1/diff/parcels@2": found})
    assert run(["datasets", "diff", "parcels@1", "parcels@2"]) == 0
    told = capsys.readouterr().out
    assert "-0.0%" not in told and "+0.0%" not in told and "+10.0%" in told
