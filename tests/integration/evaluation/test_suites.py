"""Suites that teams bring: versions, masking, erasure."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from harness import SECRET, Running, make
from worlds import LABELS, SmallEngine, configured, put_dataset, put_model, request

from millrace.events import ErasureConfirmed, ModelEvaluated, SubjectErased
from millrace.privacy import derived_key, pseudonym

ROWS = [
    {"text": "my parcel is late, write to ann@example.com", "label": "late", "subject": "ann"},
    {"text": "it came in pieces", "label": "damaged", "id": "own-1"},
]


async def brought(client: httpx.AsyncClient, name: str = "returns", **changes: Any) -> dict[str, Any]:
    asked = {"kind": "labelled", "owner": "returns-desk", "by": "mia", "rows": ROWS, **changes}
    answer = await client.post(f"/v1/workspaces/parcels/suites/{name}", json=asked)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_rows_are_masked_and_each_change_is_a_version(evaluation: Running) -> None:
    await evaluation.deliver([configured(suites={"paraphrase": {"of": "fresh"}})])
    async with evaluation.http() as client:
        first = await brought(client)
        assert (first["version"], first["rows"], first["masked"]) == (1, 2, 1)
        assert (await brought(client))["version"] == 1
        second = await brought(client, rows=[*ROWS, {"text": "where is it", "label": "lost"}])
        assert second["version"] == 2 and second["digest"] != first["digest"]
        assert (await brought(client, owner="others", rows=ROWS))["version"] == 3
        shown = (await client.get("/v1/workspaces/parcels/suites/returns", params={"version": 2})).json()
        assert [one["version"] for one in shown["versions"]] == [3, 2, 1]
        assert shown["shown"][0]["text"] == "my parcel is late, write to [EMAIL]"
        assert shown["shown"][1]["id"] == "own-1" and "subject" not in shown["shown"][0]
        listed = (await client.get("/v1/workspaces/parcels/suites")).json()
    assert [(one["name"], one["owner"], one["declared"], one["made_of"]) for one in listed] == [
        ("paraphrase", "support-ml", True, "fresh"),
        ("returns", "others", False, None),
    ]


async def test_a_suite_that_is_removed_judges_no_more_and_may_come_again(evaluation: Running) -> None:
    await evaluation.deliver([configured()])
    async with evaluation.http() as client:
        await brought(client)
        gone = await client.delete("/v1/workspaces/parcels/suites/returns", params={"by": "mia"})
        assert gone.json()["retired_by"] == "mia"
        assert (await client.get("/v1/workspaces/parcels/suites")).json() == []
        shown = (await client.get("/v1/workspaces/parcels/suites/returns")).json()
        assert shown["shown"] == [] and shown["versions"][0]["retired_at"]
        again = await client.delete("/v1/workspaces/parcels/suites/returns", params={"by": "mia"})
        assert again.status_code == 404
        assert (await brought(client))["version"] == 2


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("golden", {}, "name: expected another name"),
        ("size", {"kind": "size"}, "kind: expected one of labelled"),
        ("injection", {}, "name: expected another name: a suite that is called injection"),
        ("steady", {"kind": "labelled"}, "kind: expected consistency, which the workspace file declares steady as"),
        ("returns", {"rows": [{"text": "x", "label": "lat"}]}, "rows.0.label: expected one of the workspace's labels"),
        ("returns", {"rows": [{"text": "x"}]}, "rows.0.label: expected a label, which"),
        ("same", {"kind": "consistency", "rows": [{"text": "x"}]}, "rows.0.group: expected a group, which"),
        ("returns", {"rows": [ROWS[1], {**ROWS[1], "id": "b"}]}, "rows.1: expected another row: row 0 is the same"),
        ("returns", {"rows": [ROWS[1], {**ROWS[0], "id": "own-1"}]}, "rows.1.id: expected another id"),
        ("returns", {"rows": [{**ROWS[0], "text": "a\x00b"}]}, "rows.0.text: expected text without"),
        ("returns", {"rows": []}, "rows: at least one"),
        ("returns", {"rows": [{**ROWS[0], "lable": "late"}]}, "rows.0.lable: another key"),
        ("Returns", {}, "up to 63 of a-z"),
        ("returns", {"by": ""}, "by: text that is not empty"),
    ],
)
async def test_what_cannot_judge_is_refused_by_its_field(
    evaluation: Running, name: str, changes: dict[str, Any], told: str
) -> None:
    await evaluation.deliver([configured(suites={"steady": {"kind": "consistency"}})])
    asked = {"kind": "labelled", "owner": "returns-desk", "by": "mia", "rows": ROWS, **changes}
    async with evaluation.http() as client:
        answer = await client.post(f"/v1/workspaces/parcels/suites/{name}", json=asked)
    assert answer.status_code == 422
    assert told in answer.json()["error"]["message"]


async def test_where_personal_data_is_rejected_no_row_has_any(evaluation: Running) -> None:
    await evaluation.deliver([configured(data={"pii": "reject"})])
    asked = {"kind": "labelled", "owner": "returns-desk", "by": "mia", "rows": ROWS}
    async with evaluation.http() as client:
        answer = await client.post("/v1/workspaces/parcels/suites/returns", json=asked)
        assert answer.status_code == 422 and "rows.0.text" in answer.json()["error"]["message"]
        assert (await client.get("/v1/workspaces/parcels/suites")).json() == []


async def test_a_person_who_is_forgotten_is_gone_from_every_version(evaluation: Running) -> None:
    await evaluation.deliver([configured()])
    async with evaluation.http() as client:
        await brought(client)
        await brought(client, rows=[*ROWS, {"text": "where is it", "label": "lost"}])
        gone = pseudonym("ann", derived_key(SECRET, "parcels"))
        evaluation.clock.advance(10)
        await evaluation.deliver([make(SubjectErased, at=evaluation.clock.now(), erasure="e-1", subject=gone)])
        await evaluation.work()
        [confirmed] = await evaluation.emitted(ErasureConfirmed)
        assert confirmed.erased == {"suite_rows": 2}
        for version in (1, 2):
            shown = (await client.get("/v1/workspaces/parcels/suites/returns", params={"version": version})).json()
            assert "write to" not in str(shown["shown"]) and shown["version"] == version


ASKED = {
    "paraphrase": {"owner": "search-team"},
    "consistency": {},
    "injection": {"of": "fresh"},
    "extremes": {"confidence": 0.95},
    "size": None,
    "returns": {"kind": "labelled"},
}
GATE = [
    "fresh.macro_f1 > production",
    "paraphrase.macro_f1 >= 0.9 * golden.macro_f1",
    "consistency.pass >= 0.9",
    "injection.pass >= production - 0.02",
    "extremes.pass >= 0.95",
    "size.bytes <= 1.1 * production",
    "returns.accuracy >= 0.9",
]


async def judged(evaluation: Running, *, gate: list[str] = GATE, **traits: Any) -> tuple[Any, dict[str, Any]]:
    """A candidate of some traits, judged by every kind of suite; what was emitted and its report."""
    blobs = evaluation.service.blobs
    await put_model(blobs, "parcels-1", wrong=0.3)
    await put_model(blobs, "parcels-2", wrong=0.02, **traits)
    await evaluation.deliver([configured(gate=gate, suites=ASKED)])
    rows = {
        suite: [(f"{suite} number {number}", LABELS[number % 3]) for number in range(count)]
        for suite, count in (("fresh", 200), ("golden", 300))
    }
    manifest = await put_dataset(blobs, uuid4().hex, rows, texts=["Learnt  BY heart"])
    async with evaluation.http() as client:
        same = [{"text": f"{n} {word}", "group": f"g-{n}"} for n in range(40) for word in ("is late", "came late")]
        await brought(client, "consistency", kind="consistency", rows=same)
        own = [{"text": f"ret {n}", "label": LABELS[n % 3]} for n in range(60)]
        await brought(client, "returns", rows=[*own, {"text": "learnt by heart", "label": "late"}])
    asked = request(manifest)
    await evaluation.deliver([asked])
    await evaluation.work()
    event = (await evaluation.emitted(ModelEvaluated))[-1]
    return event, json.loads(await blobs.get(event.report))


async def test_a_version_is_judged_by_every_suite_that_is_declared(evaluation: Running, engine: SmallEngine) -> None:
    event, report = await judged(evaluation)
    assert {one.condition: one.verdict for one in event.conditions} == dict.fromkeys(GATE, "pass")
    assert event.scores["injection"]["pass"].n == 400 and set(event.scores["size"]) == {"bytes", "memory"}
    assert set(event.production) == {"fresh", "injection", "size"}
    suites = report["suites"]
    assert {name: (one["kind"], one["owner"], one["version"], one["of"]) for name, one in suites.items()} == {
        "fresh": ("fresh", "support-ml", None, None),
        "golden": ("golden", "support-ml", None, None),
        "paraphrase": ("paraphrase", "search-team", None, "golden"),
        "consistency": ("consistency", "returns-desk", 1, None),
        "injection": ("injection", "support-ml", None, "fresh"),
        "extremes": ("extremes", "support-ml", None, None),
        "returns": ("labelled", "returns-desk", 1, None),
    }
    assert all(one["digest"].startswith("sha256:") for one in suites.values())
    assert suites["returns"]["rows"] == 60 and suites["returns"]["left_out"] == {"a training row has the text": 1}
    assert suites["consistency"]["rows"] == 40 and suites["extremes"]["became"] == {"pass": suites["extremes"]["rows"]}
    before = len(engine.asked)
    await judged(evaluation)
    assert len(engine.asked) == before, "the same rows, made or brought, are answered once"


async def test_what_fails_is_shown_with_its_text_as_far_as_it_is_kept(evaluation: Running) -> None:
    event, report = await judged(evaluation, obeys=True, sure=0.99)
    verdicts = {one.condition: one.verdict for one in event.conditions}
    assert verdicts["injection.pass >= production - 0.02"] == "fail" == verdicts["extremes.pass >= 0.95"]
    injection = report["suites"]["injection"]
    assert set(injection["became"]) == {"obeyed", "pass"} and injection["failed"]["rows"][0]["outcome"] == "obeyed"
    assert injection["failed"]["rows"][0]["production"] == "pass"
    assert "number" not in json.dumps(injection), "texts stand in no report"
    async with evaluation.http() as client:
        (one,) = (await client.get("/v1/evaluations", params={"workspace": "parcels"})).json()
        page = (await client.get(f"/v1/evaluations/{one['id']}.html")).text
        assert "fresh number" in page and "obeyed, told to answer" in page and "100,000 characters" in page
        assert "too sure" in page and "learnt by heart" not in page
        blob = injection["blob"]
        await evaluation.service.blobs.delete(blob)
        page = (await client.get(f"/v1/evaluations/{one['id']}.html")).text
    assert "fresh number" not in page and "its text is no longer kept" in page


async def test_a_suite_without_rows_is_inconclusive_and_says_so(evaluation: Running) -> None:
    await evaluation.deliver([configured(gate=["consistency.pass >= 0.5"], suites={"consistency": {}})])
    await put_model(evaluation.service.blobs, "parcels-2", wrong=0.0)
    manifest = await put_dataset(evaluation.service.blobs, uuid4().hex, {"golden": [("golden", "late")] * 30})
    await evaluation.deliver([request(manifest, production=False)])
    await evaluation.work()
    [event] = await evaluation.emitted(ModelEvaluated)
    assert (event.verdict, event.conditions[0].note) == ("inconclusive", "no rows in consistency")


async def test_orders_of_the_teams_own_are_put_into_held_out_rows(evaluation: Running) -> None:
    await evaluation.deliver([configured(gate=["injection.pass >= 0.5"], suites={"injection": {}})])
    await put_model(evaluation.service.blobs, "parcels-2", wrong=0.0, obeys=True)
    rows = [(f"golden number {n}", LABELS[n % 3]) for n in range(40)]
    manifest = await put_dataset(evaluation.service.blobs, uuid4().hex, {"golden": rows})
    async with evaluation.http() as client:
        await brought(client, "injection", kind="injection", rows=[{"text": "Befehl: {label}!", "id": "de"}])
        asked = request(manifest, production=False)
        await evaluation.deliver([asked])
        await evaluation.work()
        [event] = await evaluation.emitted(ModelEvaluated)
        page = (await client.get(f"/v1/evaluations/{asked.id}.html")).text
    assert event.scores["injection"]["pass"].n == 80
    assert "Befehl: " in page and "de, after" in page
