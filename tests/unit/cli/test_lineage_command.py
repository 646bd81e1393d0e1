"""millrace lineage: back from a version, on from a document, a dataset, a run or a base."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from millrace.cli.main import run

BACK: dict[str, Any] = {
    "version": "parcels-2", "stage": "production", "parent": "parcels-1", "starts_from": "parcels-1",
    "went_on": [{"version": "parcels-3", "stage": "canary"}], "artifact": {"digest": "sha256:aa", "prefix": "p/2"},
    "run": {"id": "7c1f", "method": "full", "base": "minilm", "seed": 7, "seconds": 12.0, "scores": {}, "beside": []},
    "dataset": {"digest": "sha256:dd", "rows": {"train": 90}, "documents": 90, "sources": {"web": 90}},
}  # fmt: skip
ON: dict[str, Any] = {
    "document": "d-1", "datasets": ["sha256:dd"], "run": None, "base": None, "beside": ["parcels-9"],
    "versions": [
        {"version": "parcels-2", "stage": "production", "how": "made from it", "method": "full", "base": "minilm"},
    ],
}  # fmt: skip
DOCUMENT = {
    "document": "d-1", "split": "train", "source": "web",
    "origin": {"topic": "document.submitted.v1", "partition": 0, "offset": 17, "event": "e"},
}  # fmt: skip
PATH = "/v1/workspaces/parcels/lineage"


def test_back_from_a_version_with_documents_by_name(answering: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answering("registry", {f"{PATH}/parcels-2": BACK})
    asked = answering("datasets", {"/v1/datasets/sha256:dd/documents": {"documents": [DOCUMENT]}})
    assert run(["lineage", "parcels", "parcels-2", "--documents", "5"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "started from the weights of parcels-1" in told and "went on from it: parcels-3" in told
    assert "d-1 train web document.submitted.v1 0:17" in told and asked[0].url.params["limit"] == "5"


def test_where_an_imported_version_comes_from(answering: Any, capsys: pytest.CaptureFixture[str]) -> None:
    brought = {"source": "hub:acme/x", "form": "transformers", "folder": "sha256:aabbcc", "licence": "", "by": "ada"}
    run_of = BACK["run"] | {"method": "imported", "base": "", "imported": brought}
    answering("registry", {f"{PATH}/parcels-2": BACK | {"run": run_of, "starts_from": None}})
    assert run(["lineage", "parcels", "parcels-2"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "imported on no base" in told
    assert "imported by ada from hub:acme/x (transformers, sha256:aabbcc), licence not told" in told


def test_on_from_a_document_by_the_versions_of_the_data_that_hold_it(
    answering: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    held = {"datasets": [{"dataset": "sha256:dd", "name": "parcels@1"}]}
    answering("datasets", {"/v1/workspaces/parcels/documents/web/d-1": held})
    asked = answering("registry", {PATH: ON})
    assert run(["lineage", "parcels", "--document", "web/d-1"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "in 1 version of the data" in told and "parcels-2 production: made from it, by full on minilm" in told
    assert "parcels-9: another run was picked over it" in told
    assert asked[0].url.params.get_list("dataset") == ["sha256:dd"] and asked[0].url.params["document"] == "web/d-1"


@pytest.mark.parametrize(
    ("line", "params"),
    [
        (["--dataset", "parcels@1"], [("dataset", "sha256:dd")]),
        (["--run", "7c1f0f8e"], [("run", "7c1f0f8e")]),
        (["--base", "minilm"], [("base", "minilm")]),
    ],
)
def test_on_from_data_a_run_or_a_base(answering: Any, line: list[str], params: list[tuple[str, str]]) -> None:
    answering("datasets", {"/v1/datasets/parcels@1": {"dataset": "sha256:dd"}})
    asked = answering("registry", {PATH: ON})
    assert run(["lineage", "parcels", *line, "--json"]) == 0
    assert asked[0].url.params.multi_items() == params


def test_as_a_page_and_as_openlineage(answering: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = httpx.Response(200, text="<!doctype html>")
    path = f"{PATH}/parcels-2"
    answering("registry", {path: BACK, f"{path}.html": page, f"{path}/openlineage": [{"eventType": "START"}]})
    assert run(["lineage", "parcels", "parcels-2", "--out", str(tmp_path / "a.html")]) == 0
    assert (tmp_path / "a.html").read_text() == "<!doctype html>"
    capsys.readouterr()
    assert run(["lineage", "parcels", "parcels-2", "--openlineage"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"eventType": "START"}]


@pytest.mark.parametrize(
    "line",
    [[], ["parcels-2", "--base", "minilm"], ["--run", "a", "--base", "b"], ["--base", "b", "--openlineage"]],
)
def test_a_question_that_is_none_or_two_is_refused(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lineage", "parcels", *line]) == 1
    assert "name a version, or one of --document" in capsys.readouterr().err
