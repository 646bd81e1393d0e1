"""Suites that teams bring: versions, masking, erasure."""

from typing import Any

import httpx
import pytest
from harness import SECRET, START, Running, make
from worlds import configured

from millrace.events import ErasureConfirmed, SubjectErased
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
    assert evaluation.clock.now() > START
