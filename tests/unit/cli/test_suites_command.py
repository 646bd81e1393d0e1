"""Suites on the command line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from millrace.cli.main import run

VERSION: dict[str, Any] = {
    "name": "returns",
    "version": 2,
    "kind": "labelled",
    "owner": "returns-desk",
    "digest": "sha256:" + "ab" * 32,
    "rows": 2,
    "by": "mia",
    "added_at": "2026-01-05T09:00:00+00:00",
    "retired_at": None,
    "retired_by": None,
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[httpx.Request]]:
    """What evaluation was asked; it knows one suite, and one that the file declares."""
    asked: list[httpx.Request] = []
    made = {"name": "injection", "kind": "injection", "owner": "security", "declared": True, "made_of": "golden"}
    nothing = dict.fromkeys(("version", "digest", "rows", "added_at", "by"))
    listed = [{**made, **nothing, "asks": "x"}, {**VERSION, "declared": False, "made_of": None, "asks": "y"}]

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.method == "POST":
            return httpx.Response(201, json={**VERSION, "masked": 1})
        if request.url.path.endswith("/suites"):
            return httpx.Response(200, json=listed)
        shown = [{"id": "own-1", "text": "it came in pieces", "label": "damaged", "group": None}]
        return httpx.Response(200, json={**VERSION, "versions": [VERSION], "shown": shown})

    monkeypatch.setenv("MILLRACE_EVALUATION_URL", "http://evaluation")
    monkeypatch.setattr(httpx.Client, "_init_transport", lambda self, **_: httpx.MockTransport(answer))
    yield asked


def test_a_list_says_whose_a_suite_is_and_what_it_is_made_from(
    asked: list[httpx.Request], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["suites", "list", "parcels"]) == 0
    printed = capsys.readouterr().out
    assert "made from golden" in printed and "returns-desk" in printed and "security" in printed


def test_a_suite_is_shown_with_its_versions_and_rows(
    asked: list[httpx.Request], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["suites", "show", "parcels", "returns", "--version", "2"]) == 0
    printed = capsys.readouterr().out
    assert "it came in pieces" in printed and "sha256:abababababab" in printed
    assert asked[0].url.params["version"] == "2"


def test_a_file_is_brought_whole_and_its_kind_is_its_name_where_that_is_one(
    asked: list[httpx.Request], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "it came in pieces", "label": "damaged"}\n\n{"text": "where", "label": "lost"}\n')
    assert run(["suites", "add", "parcels", "paraphrase", str(file), "--owner", "returns-desk", "--by", "mia"]) == 0
    assert "masked in 1 row" in capsys.readouterr().out
    sent = json.loads(asked[0].content)
    assert (sent["kind"], sent["owner"], sent["by"], len(sent["rows"])) == ("paraphrase", "returns-desk", "mia", 2)
    assert run(["suites", "add", "parcels", "returns", str(file), "--owner", "returns-desk"]) == 0
    assert json.loads(asked[1].content)["kind"] == "labelled"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"text": "a"}\n{"text": \n', "line 2"),
        ('{"text": "a", "lable": "late"}\n', "there is no key lable"),
        ("\n", "has no rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_not_sent(
    asked: list[httpx.Request], tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(text)
    assert run(["suites", "add", "parcels", "returns", str(file), "--owner", "returns-desk"]) != 0
    assert told in " ".join(capsys.readouterr().err.split())
    assert asked == []
