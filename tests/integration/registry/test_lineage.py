"""Lineage both ways: from a version back to its data, and from data, runs and bases on to versions."""

import json
from collections.abc import AsyncIterator
from typing import Any
from xml.etree import ElementTree

import jsonschema
import openlineage_rules
import pytest
from deeds import FILE, apply, candidate, confirm, get, judge, post
from harness import Running, running

from millrace.chassis import Blobs
from millrace.registry.app import build_app

MANIFEST = {
    "documents": 1950,
    "sources": {"history": 1500, "mail": 450},
    "offsets": {"document.submitted.v1": {"0": [0, 1200], "1": [3, 800]}},
    "labels": ["late", "lost", "damaged"],
    "lineage": {
        "cycle_id": "0e4d7c86-7d0c-5a6a-9d6e-2f8f3f1b2c11",
        "because": "drift",
        "parent": "sha256:before",
        "created_at": "2026-01-05T08:30:00+00:00",
    },
    "redacted": {"rows": 2},
    "content": {"splits": {"train": {"rows": 1600}, "golden": {"rows": 350}}},
}
RUN = "7c1f0f8e-2f0b-5a57-9d4b-0d2f2f3b6a11"
LOSER = "9a9a0f8e-2f0b-5a57-9d4b-0d2f2f3b6a11"


@pytest.fixture
async def registry(stack) -> AsyncIterator[Running]:
    """parcels-1 on rows; parcels-2 went on from its weights, on others; parcels-3 went on from nobody's."""
    async with running(stack, "registry", build_app) as service:
        await apply(service, FILE)
        blobs = Blobs(service.service.settings)
        await blobs.put("parcels/datasets/rows.json", json.dumps(MANIFEST).encode())
        beside = {"run_id": LOSER, "method": "full", "base": "minilm", "scores": {}}
        await judge(service, await candidate(service, RUN, runs=[{**beside, "run_id": RUN}, beside]))
        await confirm(service)
        gone = {"dataset": "sha256:other", "manifest": "parcels/datasets/gone.json"}
        await candidate(service, "run-2", **gone, environment={"start": "sha256:weights"})
        await candidate(service, "run-3", **gone, base="bert-de")
        yield service


async def text(registry: Running, path: str) -> str:
    async with registry.http() as client:
        answer = await client.get(f"/v1/workspaces/parcels/{path}")
    assert answer.status_code == 200, answer.text
    return answer.text


def names(found: Any) -> list[tuple[str, str]]:
    return [(one["version"], one["how"]) for one in found["versions"]]


async def test_a_version_leads_back_to_its_data_and_on_to_those_that_went_on_from_it(registry: Running) -> None:
    found = await get(registry, "/parcels/lineage/parcels-1")
    assert (found["run"]["id"], found["owner"], found["starts_from"]) == (RUN, "support-ml", None)
    assert found["went_on"] == [{"version": "parcels-2", "stage": "registered"}]
    assert (found["dataset"]["sources"], found["dataset"]["rows"]) == (
        {"history": 1500, "mail": 450},
        {"train": 1600, "golden": 350},
    )
    assert found["dataset"]["offsets"] == MANIFEST["offsets"]
    assert found["event"]["position"]["topic"] == "model.trained.v1" and found["run"]["seed"] == 7
    second = await get(registry, "/parcels/lineage/parcels-2")
    assert second["starts_from"] == "parcels-1" and "gone.json" in second["dataset"]["missing"]
    assert (await get(registry, "/parcels/lineage/parcels-3"))["starts_from"] is None


@pytest.mark.parametrize(
    ("asked", "versions", "beside"),
    [
        ("dataset=sha256:rows", [("parcels-1", "made from it"), ("parcels-2", "went on from parcels-1")], []),
        ("dataset=sha256:other", [("parcels-2", "made from it"), ("parcels-3", "made from it")], []),
        (f"run={RUN}", [("parcels-1", "made from it"), ("parcels-2", "went on from parcels-1")], []),
        (f"run={RUN[:8]}", [("parcels-1", "made from it"), ("parcels-2", "went on from parcels-1")], []),
        (f"run={LOSER}", [], ["parcels-1"]),
        ("base=bert-de", [("parcels-3", "made from it")], []),
        ("base=nothing", [], []),
        ("document=d-9", [], []),
    ],
)
async def test_data_runs_and_bases_lead_on_to_versions(
    registry: Running, asked: str, versions: list[tuple[str, str]], beside: list[str]
) -> None:
    found = await get(registry, f"/parcels/lineage?{asked}")
    assert (names(found), found["beside"]) == (versions, beside)
    drawn(await text(registry, f"lineage.html?{asked}"), [name for name, _ in versions])


async def test_a_question_about_nothing_says_what_can_be_asked(registry: Running) -> None:
    refused = await get(registry, "/parcels/lineage", 422)
    assert refused["error"]["code"] == "nothing_asked" and "dataset" in refused["error"]["message"]
    assert (await get(registry, "/parcels/lineage/parcels-9", 404))["error"]["code"] == "version_not_found"
    assert (await get(registry, "/nobody/lineage?base=minilm", 404))["error"]["code"] == "workspace_not_found"


def drawn(html: str, told: list[str]) -> None:
    """The picture is well formed and has all that is told; the page needs nothing else."""
    svg = html[html.index("<svg") : html.index("</svg>") + 6]
    words = "".join(ElementTree.fromstring(svg).itertext())
    assert all(one in words for one in told), words
    assert "http" not in html and "<script" not in html


async def test_the_page_of_a_version_has_its_sources_data_run_and_decisions(registry: Running) -> None:
    await post(registry, "versions/parcels-1/notes", text="a <b>bold</b> note")
    html = await text(registry, "lineage/parcels-1.html")
    drawn(html, ["history", "1,500 documents", "mail", "1,600 train", "minilm", "run 7c1f0f8e-2f0b", "parcels-2"])
    assert "2 rows" in html and "<td>1,200</td>" in html.replace(' class="n"', "")
    assert "a &lt;b&gt;bold&lt;/b&gt; note" in html and "passed the gate" in html
    drawn(await text(registry, "lineage/parcels-2.html"), ["its manifest is gone", "its weights were the start"])


async def test_where_an_imported_version_comes_from_is_told(registry: Running) -> None:
    told = {"source": "acme/<parcels>", "form": "transformers", "folder": "sha256:0123456789ab", "licence": "mit"}
    version = await candidate(registry, "run-4", method="imported", base="", parameters=told, asked_by="ada")
    found = await get(registry, f"/parcels/lineage/{version}")
    assert found["run"]["imported"] == told | {"by": "ada"} and found["starts_from"] is None
    assert (await get(registry, "/parcels/lineage/parcels-1"))["run"]["imported"] is None
    html = await text(registry, f"lineage/{version}.html")
    drawn(html, ["acme/<parcels>", "imported, transformers", "0123456789ab"])
    assert "imported by" in html and "<parcels>" not in html
    events = json.loads(await text(registry, f"lineage/{version}/openlineage"))
    for event in events:
        openlineage_rules.check(event)
    (brought,) = [one for one in events[-1]["inputs"] if one["name"].startswith("imports/")]
    assert brought["name"] == "imports/acme/<parcels>"
    assert brought["facets"]["version"]["datasetVersion"] == told["folder"]


async def test_openlineage_events_are_what_the_spec_and_its_client_take(registry: Running) -> None:
    events = json.loads(await text(registry, "lineage/parcels-1/openlineage"))
    for event in events:
        openlineage_rules.check(event)
    assert [(event["job"]["name"], event["eventType"]) for event in events] == [
        ("datasets.cut", "START"),
        ("datasets.cut", "COMPLETE"),
        ("training.linear-probe", "START"),
        ("training.linear-probe", "COMPLETE"),
    ]
    cut, training = events[1], events[3]
    assert cut["run"]["runId"] == MANIFEST["lineage"]["cycle_id"] and training["run"]["runId"] == RUN  # type: ignore[index]
    assert [one["name"] for one in cut["inputs"]] == ["sources/history", "sources/mail", "datasets"]
    (made,), (read, base) = cut["outputs"], training["inputs"]
    assert (made["namespace"], made["name"]) == (read["namespace"], read["name"]), "the same dataset joins both"
    assert made["facets"]["version"] == read["facets"]["version"] and base["name"] == "bases/minilm"
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 1950
    assert training["outputs"][0]["facets"]["version"]["datasetVersion"] == "parcels-1"
    again = json.loads(await text(registry, "lineage/parcels-1/openlineage"))
    assert again == events, "the same run has the same id each time"


async def test_a_version_whose_manifest_is_gone_has_its_training_still(registry: Running) -> None:
    events = json.loads(await text(registry, "lineage/parcels-2/openlineage"))
    for event in events:
        openlineage_rules.check(event)
    assert [event["job"]["name"] for event in events] == ["training.linear-probe"] * 2
    assert [one["name"] for one in events[1]["inputs"]] == ["datasets", "bases/minilm", "models"]


def test_the_rules_refuse_what_is_not_openlineage() -> None:
    event = {"eventTime": "2026-01-05T08:30:00Z", "producer": "urn:x", "schemaURL": "urn:y", "run": {}}
    with pytest.raises(jsonschema.ValidationError, match="runId"):
        openlineage_rules.check(event | {"job": {"namespace": "a", "name": "b"}})
