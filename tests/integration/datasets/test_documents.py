"""Lineage at the level of documents: those of a version, and the versions that hold one."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from harness import Running, make, running
from parcels import configured, cut, ids_of, kept, many

from millrace.datasets.app import build_app
from millrace.events import SubjectErased
from millrace.stack import Endpoints


@pytest.fixture
async def datasets(stack: Endpoints) -> AsyncIterator[Running]:
    async with running(stack, "datasets", build_app, part_rows=10, keep_versions=1) as service:
        await service.tables.put(configured())
        yield service


async def asked(datasets: Running, path: str, of: int = 200, **params: Any) -> Any:
    async with datasets.http() as client:
        answer = await client.get(f"/v1/{path}", params=params)
    assert answer.status_code == of, answer.text
    return answer.json()


async def test_a_version_tells_its_documents_page_by_page_with_where_they_came_from(datasets: Running) -> None:
    await datasets.deliver(many(range(30)))
    released = await cut(datasets)
    pages = [await asked(datasets, "datasets/parcels@1/documents", after=at, limit=7) for at in range(0, 35, 7)]
    found = [one for page in pages for one in page["documents"]]
    assert sorted(one["document"] for one in found) == sorted(await ids_of(datasets, released)), "each once"
    assert [len(page["documents"]) for page in pages[:3]] == [7, 7, 7]
    one = next(one for one in found if one["document"] == "d12")
    assert one == {
        "document": "d12",
        "split": "train",
        "label": "late",
        "source": "web",
        "origin": {"topic": "document.submitted.v1", "partition": 0, "offset": 12, "event": "e12"},
    }
    assert (await asked(datasets, "datasets/parcels@1/documents", after=30))["documents"] == []


async def test_a_document_leads_to_every_version_that_holds_it_as_it_was_then(datasets: Running) -> None:
    await datasets.deliver(many(range(30)))
    first = await cut(datasets, 1)
    await datasets.deliver([kept(3, "late", replaces="d3"), *many(range(40, 50))])
    second = await cut(datasets, 2)
    await datasets.deliver(many(range(60, 70)))
    third = await cut(datasets, 3)
    found = await asked(datasets, "workspaces/parcels/documents/d3")
    assert [(one["name"], one["dataset"], one["label"]) for one in found["datasets"]] == [
        ("parcels@3", third.dataset, "late"),
        ("parcels@2", second.dataset, "late"),
        ("parcels@1", first.dataset, "lost"),
    ]
    assert (found["standing"]["label"], found["standing"]["source"], found["unread"]) == ("late", "web", [])
    newest = await asked(datasets, "workspaces/parcels/documents/d61")
    assert [one["name"] for one in newest["datasets"]] == ["parcels@3"]
    await datasets.work("housekeep")
    await datasets.service.blobs.put("unrelated", b"")
    emptied = await asked(datasets, "workspaces/parcels/documents/d61")
    assert emptied["datasets"] == newest["datasets"]


async def test_versions_whose_rows_are_gone_are_named_as_not_read(datasets: Running) -> None:
    await datasets.deliver(many(range(30)))
    await cut(datasets, 1)
    await datasets.deliver(many(range(40, 60)))
    await cut(datasets, 2)
    async with datasets.db.transaction() as tx:
        await tx.execute("UPDATE versions SET emptied_at = now() WHERE number = 1")
    found = await asked(datasets, "workspaces/parcels/documents/d3")
    assert (found["unread"], [one["name"] for one in found["datasets"]]) == (["parcels@1"], ["parcels@2"])
    told = await asked(datasets, "datasets/parcels@1/documents", 409)
    assert told["error"]["code"] == "rows_gone"


async def test_an_unknown_document_is_named_and_one_of_an_erased_person_leads_nowhere(datasets: Running) -> None:
    told = await asked(datasets, "workspaces/parcels/documents/web/d99", 404)
    assert told["error"]["code"] == "document_not_found" and "web/d99" in told["error"]["message"]
    await datasets.deliver([*many(range(30)), kept(33, "late", subject="p-1")])
    await cut(datasets)
    assert (await asked(datasets, "workspaces/parcels/documents/d33"))["datasets"]
    await datasets.deliver([make(SubjectErased, erasure="e-1", subject="p-1")])
    await datasets.work("erase")
    await asked(datasets, "workspaces/parcels/documents/d33", 404)
