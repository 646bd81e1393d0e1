"""millrace versions, erasures: which versions an erasure reached."""

import json
from typing import Any

import pytest

from millrace.cli.main import run

VERSION: dict[str, Any] = {
    "version": "parcels-1", "stage": "production", "method": "lora", "scores": {"golden.macro_f1": 0.9},
    "staged_at": "2026-01-05T09:00:00Z", "erasures": ["0e4d7c86-7d0c-5a6a-9d6e-2f8f3f1b2c11"],
}  # fmt: skip
REPORT: dict[str, Any] = {
    "erasure": "0e4d7c86-7d0c-5a6a-9d6e-2f8f3f1b2c11", "workspace": "parcels", "subject": "p-1", "by": "ada",
    "asked_at": "2026-01-05T09:00:00Z", "done": True, "waiting_for": [], "owners": [],
    "datasets": ["sha256:" + "ab" * 32], "dataset_names": ["parcels@1"], "versions": ["parcels-1"],
    "still_named_by": [], "topics_forget_by": {"intake": "2026-01-08T15:00:00Z"},
}  # fmt: skip


def test_versions_say_which_learned_from_what_is_erased(answering: Any, capsys: pytest.CaptureFixture[str]) -> None:
    other = VERSION | {"version": "parcels-2", "erasures": []}
    path = "/v1/workspaces/parcels"
    answering("registry", {f"{path}/versions": [other, VERSION], path: {"route": {}}})
    assert run(["versions", "parcels"]) == 0
    _, second, first = capsys.readouterr().out.splitlines()
    assert first.startswith("parcels-1") and "learned from rows that are erased" in first
    assert second.startswith("parcels-2") and "erased" not in second
    assert run(["versions", "parcels", "--json"]) == 0
    assert [one["erasures"] for one in json.loads(capsys.readouterr().out)] == [[], VERSION["erasures"]]


def test_the_report_of_an_erasure_names_versions_as_people_do(
    answering: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = answering("ingestion", {"/v1/workspaces/parcels/erasures/0e4d7c86": REPORT})
    assert run(["erasures", "parcels", "0e4d7c86"]) == 0
    told = capsys.readouterr().out
    assert "parcels@1" in told and "sha256" not in told and len(asked) == 1


def test_a_report_from_before_versions_had_names_has_their_digests(
    answering: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    old = REPORT | {"dataset_names": []}
    answering("ingestion", {"/v1/workspaces/parcels/erasures/0e4d7c86": old})
    assert run(["erasures", "parcels", "0e4d7c86"]) == 0
    assert REPORT["datasets"][0] in capsys.readouterr().out
