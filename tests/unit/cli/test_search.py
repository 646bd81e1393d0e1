"""Searching from the command line: what is asked of serving, and what a person reads."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from millrace.cli.main import run

PASSAGE = {"document_id": "d-1", "source": "wiki", "text": "Returns\n\ntake a week. " * 30, "score": 0.0328}
SNAPSHOT = {"name": "v1", "seq": 7, "at": "2026-01-05T09:00:00Z", "documents": 1200, "chunks": 3400, "erased": 1}

Serving = Callable[[Any], list[httpx.Request]]


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Serving:
    """Has serving answer with a body, and gives what it was asked."""
    asked: list[httpx.Request] = []

    def answering(body: Any) -> list[httpx.Request]:
        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return httpx.Response(200, json=body)

        monkeypatch.setenv("MILLRACE_SERVING_URL", "http://serving")
        monkeypatch.setattr(httpx.Client, "_init_transport", lambda self, **_: httpx.MockTransport(answer))
        return asked

    return answering


def test_a_search_shows_passages_in_short(serving: Serving, capsys: pytest.CaptureFixture[str]) -> None:
    asked = serving({"results": [PASSAGE]})
    assert run(["search", "parcels", "how do returns work", "--corpus", "handbook"]) == 0
    printed = capsys.readouterr().out
    assert "0.0328" in printed
    assert "d-1" in printed
    assert "Returns take a week." in " ".join(printed.split())
    assert str(asked[0].url) == "http://serving/v1/workspaces/parcels/search"
    assert json.loads(asked[0].content) == {
        "corpus": "handbook",
        "query": "how do returns work",
        "top_k": 10,
        "mode": "hybrid",
        "filter": {},
        "snapshot": None,
    }


def test_a_search_can_be_narrowed_and_read_by_programs(serving: Serving, capsys: pytest.CaptureFixture[str]) -> None:
    asked = serving({"results": [PASSAGE]})
    narrow = ["--source", "a", "--source", "b", "--language", "en", "--metadata", "product=letters=2"]
    line = ["search", "parcels", "x", "-c", "handbook", "-k", "3", "--mode", "text", "--snapshot", "v1", *narrow]
    assert run([*line, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["results"] == [PASSAGE]
    body = json.loads(asked[0].content)
    assert body["filter"] == {"source": ["a", "b"], "language": "en", "metadata": {"product": "letters=2"}}
    assert (body["top_k"], body["mode"], body["snapshot"]) == (3, "text", "v1")
    assert run(["search", "parcels", "x", "-c", "handbook", "--metadata", "product"]) == 2
    assert "KEY=VALUE" in capsys.readouterr().err


def test_nothing_found_is_said(serving: Serving, capsys: pytest.CaptureFixture[str]) -> None:
    serving({"results": []})
    assert run(["search", "parcels", "x", "-c", "handbook"]) == 0
    assert "nothing is found" in capsys.readouterr().out


def test_corpora_say_how_much_waits(serving: Serving, capsys: pytest.CaptureFixture[str]) -> None:
    serving([{"corpus": "handbook", "seq": 9, "documents": 1200, "chunks": 3400, "waiting": 17}])
    assert run(["corpora", "parcels"]) == 0
    assert capsys.readouterr().out.split()[-4:] == ["handbook", "1,200", "3,400", "17"]


def test_snapshots_are_taken_listed_and_forgotten(serving: Serving, capsys: pytest.CaptureFixture[str]) -> None:
    asked = serving(SNAPSHOT)
    assert run(["snapshots", "take", "parcels", "v1", "-c", "handbook"]) == 0
    serving([SNAPSHOT])
    assert run(["snapshots", "list", "parcels", "-c", "handbook"]) == 0
    serving({"forgotten": "v1", "swept": 12})
    assert run(["snapshots", "forget", "parcels", "v1", "-c", "handbook"]) == 0
    base = "/v1/workspaces/parcels/corpora/handbook/snapshots"
    assert [(one.method, one.url.path) for one in asked] == [("POST", base), ("GET", base), ("DELETE", f"{base}/v1")]
    printed = capsys.readouterr().out
    assert "v1: 1,200 documents, 3,400 chunks" in printed
    assert "12 documents" in printed
