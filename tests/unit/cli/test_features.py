"""`millrace features`: what serving answers, and a table from datasets that is there whole or not at all."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from millrace.cli.main import run

VECTOR = {
    "workspace": "stations", "entity": "a", "of": "station", "at": "2026-01-05T09:00:00Z",
    "features": {"load_1h": 0.30000000000000004, "now": None}, "newest": "2026-01-05T08:59:00Z", "incomplete": ["now"],
}  # fmt: skip
TABLE = {
    "table": "t-1", "state": "waiting", "rows": None, "features": {"load_1h": {}, "now": {}}, "left_out": {},
    "unused": {}, "reason": None,
}  # fmt: skip
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], list[httpx.Request]]:
    """Services whose answers a test gives; what they were asked."""
    asked: list[httpx.Request] = []

    def give(answer: Answer) -> list[httpx.Request]:
        def told(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return answer(request)

        monkeypatch.setattr(httpx.Client, "_init_transport", lambda self, **_: httpx.MockTransport(told))
        return asked

    monkeypatch.setenv("MILLRACE_SERVING_URL", "http://serving")
    monkeypatch.setenv("MILLRACE_DATASETS_URL", "http://datasets")
    monkeypatch.setattr("millrace.cli.commands.features.LOOK", 0)
    return give


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_features_are_told_to_programs_to_the_bit(services: Any, capsys: pytest.CaptureFixture[str]) -> None:
    asked = services(lambda request: httpx.Response(200, json=VECTOR))
    assert run(["features", "show", "stations", "a", "--at", "2026-01-05T09:00:00Z", "--json"]) == 0
    assert told(capsys) == VECTOR
    assert asked[0].url.path == "/v1/workspaces/stations/features"
    assert json.loads(asked[0].content) == {"entity": "a", "at": "2026-01-05T09:00:00+00:00"}


def test_a_person_sees_what_is_not_known_and_what_is_held_in_part(
    services: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    services(lambda request: httpx.Response(200, json=VECTOR))
    assert run(["features", "show", "stations", "a"]) == 0
    said = capsys.readouterr().out
    assert "load_1h" in said and "0.30000000000000004" in said
    assert "in part" in said.splitlines()[-1]


def making(*states: dict[str, Any]) -> Answer:
    """Datasets, as it makes a table in so many looks."""
    looks = iter(states)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/file"):
            return httpx.Response(200, content=b"PAR1" * 9)
        return httpx.Response(202 if request.method == "POST" else 200, json=TABLE | next(looks))

    return answer


def test_a_profile_is_written_as_a_page_or_as_figures_or_told(
    services: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = {
        "version": {"name": "stations"},
        "rows": 7,
        "notes": [{"kind": "look", "text": "peak has one value only."}],
    }

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/profile.json"):
            return httpx.Response(200, json=figures)
        if request.url.path.endswith("/profile.html"):
            return httpx.Response(200, content=b"<!doctype html>")
        return httpx.Response(202, json=TABLE | {"state": "made", "rows": 7})

    asked = services(answer)
    page = tmp_path / "page.html"
    assert run(["features", "profile", "stations", "--since", "2026-01-05", "--out", str(page)]) == 0
    assert page.read_bytes() == b"<!doctype html>"
    assert json.loads(asked[0].content)["since"].startswith("2026-01-05")
    assert run(["features", "profile", "stations", "--out", str(tmp_path / "figures.json")]) == 0
    assert json.loads((tmp_path / "figures.json").read_text()) == figures
    capsys.readouterr()
    assert run(["features", "profile", "stations"]) == 0
    assert "peak has one value only" in capsys.readouterr().out
    assert run(["features", "profile", "stations", "--out", str(tmp_path / "page.txt")]) == 1
    assert "html or .json" in capsys.readouterr().err


def test_a_table_is_waited_for_and_written(services: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    services(making({}, {}, {"state": "made", "rows": 7, "left_out": {"late": 2}}))
    out = tmp_path / "stations.parquet"
    assert run(["features", "table", "stations", "--out", str(out), "--json"]) == 0
    assert told(capsys) | {"rows": 7, "left_out": {"late": 2}, "out": str(out)} == TABLE | {
        "state": "made", "rows": 7, "left_out": {"late": 2}, "out": str(out)
    }  # fmt: skip
    assert out.read_bytes() == b"PAR1" * 9
    assert list(tmp_path.iterdir()) == [out]


def test_a_person_sees_what_was_left_out_and_why(
    services: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = {"state": "made", "rows": 1200, "left_out": {"late": 2}, "unused": {"retired": 5000}}
    services(making({}, made))
    assert run(["features", "table", "stations", "--out", str(tmp_path / "x.parquet")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "1,200 rows, 2 features; moments left out: 2 late; observations not used: 5,000 retired" in said


def test_a_table_may_be_of_a_stretch_of_time(services: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = services(making({"state": "made", "rows": 3}))
    stretch = ["--since", "2026-11-21", "--until", "2026-11-22T10:00:00+02:00", "--by", "ada"]
    assert run(["features", "table", "stations", "--out", str(tmp_path / "x.parquet"), *stretch]) == 0
    said = {"by": "ada", "since": "2026-11-21T00:00:00+00:00", "until": "2026-11-22T10:00:00+02:00"}
    assert json.loads(asked[0].content) == said


@pytest.mark.parametrize("said", ["yesterday", "2026-11-21T10:00:00", "2026-13-01", "2026-11-21 10:00"])
def test_a_time_that_nobody_can_read_is_told_before_anything_is_asked(
    services: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], said: str
) -> None:
    asked = services(making({}))
    assert run(["features", "table", "stations", "--out", str(tmp_path / "x.parquet"), "--until", said]) == 2
    error = capsys.readouterr().err
    assert "--until" in error and said in error and "2026-11-21T10:00:00Z" in " ".join(error.split())
    assert asked == []


def test_a_table_is_written_to_a_file_that_says_so(
    services: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = services(making({}))
    assert run(["features", "table", "stations", "--out", str(tmp_path / "x.csv"), "--json"]) == 1
    assert (told(capsys)["error"]["code"], asked) == ("misnamed", [])


def test_a_table_that_is_no_more_is_a_failure_and_leaves_no_file(
    services: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services(making({}, {"state": "discarded", "reason": "somebody in it was forgotten"}))
    assert run(["features", "table", "stations", "--out", str(tmp_path / "x.parquet"), "--json"]) == 1
    assert "somebody in it was forgotten" in told(capsys)["error"]["message"]
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_takes_too_long_names_its_id(
    services: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services(making({}))
    assert run(["features", "table", "stations", "--out", str(tmp_path / "x.parquet"), "--within", "0", "--json"]) == 1
    assert "t-1" in told(capsys)["error"]["hint"]


def test_a_file_that_is_there_is_left_alone(services: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = services(making({}))
    out = tmp_path / "mine.parquet"
    out.write_text("mine")
    assert run(["features", "table", "stations", "--out", str(out), "--json"]) == 1
    assert (told(capsys)["error"]["code"], out.read_text(), asked) == ("exists", "mine", [])
