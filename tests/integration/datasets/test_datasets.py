"""Corpus and cuts on real Postgres and S3."""

import io
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
import pytest
from harness import START, Running, make, running

from millrace.chassis import Blobs, LeaseLost, Unavailable
from millrace.datasets.app import build_app
from millrace.datasets.domain import digest_of
from millrace.events import (
    DatasetFailed,
    DatasetGrown,
    DatasetReleased,
    DocumentDuplicated,
    DocumentKept,
    Origin,
    RetrainingRequested,
    WorkspaceConfigured,
)
from millrace.stack import Endpoints
from millrace.workspace import tasks

CYCLE = UUID("00000000-0000-0000-0000-00000000c0de")
SPLITS = ["train"] * 7 + ["validation"] * 2 + ["test"]


def configured(revision: int = 1, **sections: Any) -> WorkspaceConfigured:
    spec = {
        "workspace": "parcels",
        "owner": "support",
        "task": "classify",
        "labels": {"names": ["lost", "late"], "min_examples": 5},
        "data": {},
        "train": {"min_labels": 20, "on": {"new_documents": 25}},
    } | sections
    return make(WorkspaceConfigured, revision=revision, spec=spec, digest="-", by="test")


def kept(number: int, label: str | None = "lost", *, at: datetime = START, **fields: Any) -> DocumentKept:
    values: dict[str, Any] = {
        "document_id": f"d{number}", "source": "web", "text": f"text number {number}", "cluster": f"d{number}",
        "split": SPLITS[number % 10], "trainable": True, "trusted": True, "label": label,
        "origin": Origin(topic="document.submitted.v1", partition=number % 3, offset=number, event_id=f"e{number}"),
    }  # fmt: skip
    return make(DocumentKept, at=at, **(values | fields))


def many(numbers: Sequence[int], **fields: Any) -> list[DocumentKept]:
    return [kept(number, ["lost", "late"][number // 10 % 2], **fields) for number in numbers]


def request(*, attempt: int = 1, cycle: UUID = CYCLE, **fields: Any) -> RetrainingRequested:
    values: dict[str, Any] = {
        "because": "hand", "attempt": attempt, "deadline": START + timedelta(minutes=10), "workspace_revision": 1,
        "min_labels": 20,
    }  # fmt: skip
    return make(RetrainingRequested, cycle_id=cycle, **(values | fields))


@pytest.fixture
async def datasets(stack: Endpoints) -> AsyncIterator[Running]:
    async with running(stack, "datasets", build_app, part_rows=10) as service:
        await service.tables.put(configured())
        yield service


async def manifest_of(datasets: Running, released: DatasetReleased) -> dict[str, Any]:
    return dict(json.loads(await datasets.service.blobs.get(released.manifest)))


async def rows_of(datasets: Running, file: dict[str, Any]) -> list[dict[str, Any]]:
    return list(pq.read_table(io.BytesIO(await datasets.service.blobs.get(file["rows"]))).to_pylist())


async def test_a_cut_of_rows_in_parts_and_in_postgres(datasets: Running) -> None:
    await datasets.deliver([*many(range(30)), kept(90, suite="golden", trainable=False)])
    assert await datasets.work("flush") == 3
    await datasets.deliver(many(range(40, 45)))
    await datasets.deliver([request()])
    await datasets.work("cut")
    (released,) = await datasets.emitted(DatasetReleased)
    assert released.rows == {"train": 26, "validation": 6, "fresh": 3, "golden": 1}
    assert released.cycle_id == CYCLE and released.parent is None
    manifest = await manifest_of(datasets, released)
    assert released.dataset == manifest["digest"] == digest_of(manifest["content"])
    training = await rows_of(datasets, manifest["training"])
    assert [row["id"] for row in training] == [f"d{n}" for n in [*range(30), *range(40, 45)] if n % 10 != 9]
    assert {row["text"] for row in training} >= {"text number 0", "text number 44"}
    assert {row["split"] for row in training} == {"train", "validation"}
    assert [row["id"] for row in await rows_of(datasets, manifest["suites"]["golden"])] == ["d90"]
    assert manifest["offsets"]["document.submitted.v1"]["0"] == [0, 90]
    assert manifest["sources"] == {"web": 36}


async def test_the_engine_can_read_what_is_written(datasets: Running, tmp_path: Any) -> None:
    from millrace.learn.rows import read_rows

    await datasets.deliver([*many(range(30)), request()])
    await datasets.work()
    (released,) = await datasets.emitted(DatasetReleased)
    training = (await manifest_of(datasets, released))["training"]
    await datasets.service.blobs.get_file(training["rows"], tmp_path / "rows.parquet")
    rows = read_rows(tmp_path / "rows.parquet")
    assert len(rows) == training["count"] == 27
    assert rows[0].text == "text number 0" and rows[0].weight == 1.0


async def test_the_same_rows_give_the_same_digest_and_one_more_another(datasets: Running, stack: Endpoints) -> None:
    await datasets.deliver([*many(range(30)), request()])
    await datasets.work()
    await datasets.deliver([request(cycle=UUID(int=2))])
    await datasets.work()
    async with running(stack, "datasets", build_app, part_rows=1000) as other:
        await other.tables.put(configured())
        await other.deliver([*many(range(30)), request()], at_once=False)
        await other.work()
        (elsewhere,) = await other.emitted(DatasetReleased)
    first, again = await datasets.emitted(DatasetReleased)
    assert first.dataset == again.dataset == elsewhere.dataset
    await datasets.deliver([*many([50]), request(cycle=UUID(int=3))])
    await datasets.work()
    third = (await datasets.emitted(DatasetReleased))[-1]
    assert third.dataset != first.dataset and third.parent == first.dataset


async def test_a_cut_waits_for_its_labels_and_is_woken_by_the_last(datasets: Running) -> None:
    await datasets.deliver([request(), *many(range(12))])
    assert await datasets.work("cut") == 0
    await datasets.deliver(many(range(12, 19)))
    assert await datasets.work("cut") == 0, "19 of 20"
    await datasets.deliver(many([20]))
    assert await datasets.work("cut") == 1
    assert len(await datasets.emitted(DatasetReleased)) == 1


async def test_enough_in_all_but_too_few_of_one_waits_on(datasets: Running) -> None:
    await datasets.deliver([request(), *[kept(n, "lost") for n in range(25)]])
    assert await datasets.work("cut") == 1
    assert not await datasets.emitted(DatasetReleased)
    await datasets.deliver([kept(n, "late") for n in range(30, 35)])
    datasets.clock.advance(30)
    assert await datasets.work("cut") == 1
    assert len(await datasets.emitted(DatasetReleased)) == 1


async def test_at_the_deadline_it_fails_and_says_what_is_missing(datasets: Running) -> None:
    await datasets.deliver([request(), *[kept(n, "lost") for n in range(12)], kept(20, "late")])
    datasets.clock.advance(601)
    await datasets.work("cut")
    (failed,) = await datasets.emitted(DatasetFailed)
    assert failed.missing == {"*": 7, "late": 4} and failed.cycle_id == CYCLE
    assert failed.reason == "missing at the deadline: 7 of 20 labels since the change, 4 of late"
    assert not await datasets.emitted(DatasetReleased)


async def test_a_cut_takes_the_rows_since_the_change_and_a_share_of_the_older(datasets: Running) -> None:
    train = {"min_labels": 20, "on": {"new_documents": None}, "replay": 0.5}
    await datasets.tables.put(configured(2, train=train))
    change = START + timedelta(hours=1)
    await datasets.deliver(many(range(200)))
    await datasets.deliver([*many(range(200, 240), at=change), request(change_point=change)])
    await datasets.work()
    (released,) = await datasets.emitted(DatasetReleased)
    manifest = await manifest_of(datasets, released)
    training = await rows_of(datasets, manifest["training"])
    older = [row for row in training if row["occurred_at"] < change]
    assert len(training) - len(older) == 36, "all recent rows of train and validation"
    assert 60 < len(older) < 120
    fresh = await rows_of(datasets, manifest["suites"]["fresh"])
    assert [row["id"] for row in fresh] == ["d209", "d219", "d229", "d239"]
    assert manifest["lineage"]["left_out"] == {"held out before the change": 20, "not replayed": 180 - len(older)}
    assert released.change_point == change


async def test_new_labels_are_quarantined_until_the_owner_says_yes(datasets: Running) -> None:
    declared = many(range(30), source="desk")  # rows of no other test, whose manifest would stand already
    await datasets.deliver([*declared, *[kept(n, "locker") for n in range(40, 48)], request()])
    await datasets.work()
    await datasets.tables.put(configured(2, labels={"names": ["lost", "late"], "min_examples": 5, "new": "admit"}))
    await datasets.deliver([kept(60, "typo"), request(cycle=UUID(int=2))])
    await datasets.work()
    await datasets.tables.put(configured(3, labels={"names": ["lost", "late", "locker"], "min_examples": 5}))
    await datasets.deliver([request(cycle=UUID(int=3))])
    await datasets.work()
    manifests = [await manifest_of(datasets, event) for event in await datasets.emitted(DatasetReleased)]
    assert [manifest["labels"] for manifest in manifests] == [
        ["late", "lost"], ["late", "locker", "lost"], ["late", "locker", "lost"],
    ]  # fmt: skip
    assert [manifest["lineage"]["quarantined"] for manifest in manifests] == [{"locker": 8}, {"typo": 1}, {"typo": 1}]


async def test_golden_rows_bar_their_cluster_even_when_they_come_late(datasets: Running) -> None:
    await datasets.deliver(many(range(30)))
    golden = kept(99, "late", suite="golden", cluster="d1", split="train", trainable=False)
    await datasets.deliver([golden, kept(98, "late", cluster="d1", trainable=True), request()])
    await datasets.work()
    (released,) = await datasets.emitted(DatasetReleased)
    manifest = await manifest_of(datasets, released)
    assert not {"d1", "d98", "d99"} & {row["id"] for row in await rows_of(datasets, manifest["training"])}
    assert [row["id"] for row in await rows_of(datasets, manifest["suites"]["golden"])] == ["d99"]


async def test_a_retired_source_is_left_out_of_the_next_cut(datasets: Running) -> None:
    await datasets.deliver([*many(range(30)), *many(range(40, 50), source="bad"), request()])
    await datasets.work()
    await datasets.tables.put(configured(2, data={"retired": ["bad"]}))
    await datasets.deliver([request(cycle=UUID(int=2))])
    await datasets.work()
    first, second = [await manifest_of(datasets, event) for event in await datasets.emitted(DatasetReleased)]
    assert first["sources"] == {"web": 30, "bad": 10} and second["sources"] == {"web": 30}


async def test_a_revision_ends_the_row_it_replaces(datasets: Running) -> None:
    await datasets.deliver(many(range(30)))
    await datasets.work("flush")
    revised = [
        kept(3, "late", text="revised", replaces="d3"),
        kept(50, "late", replaces="d5"),
        kept(50, "late", text="again", replaces="d50"),
    ]
    await datasets.deliver([*revised, request()])
    await datasets.work()
    (released,) = await datasets.emitted(DatasetReleased)
    texts = {
        row["id"]: row["text"] for row in await rows_of(datasets, (await manifest_of(datasets, released))["training"])
    }
    assert texts["d3"] == "revised" and texts["d50"] == "again" and "d5" not in texts


async def test_growth_is_told_once_every_so_many_rows(datasets: Running) -> None:
    await datasets.deliver(many(range(60)))
    assert [(event.rows, event.new) for event in await datasets.emitted(DatasetGrown)] == [(25, 25), (50, 25)]
    await datasets.deliver([request()])
    await datasets.work()
    await datasets.deliver(many(range(60, 84)))
    assert len(await datasets.emitted(DatasetGrown)) == 2, "a version starts the count anew"
    await datasets.deliver(many([84]))
    assert [(event.rows, event.new) for event in await datasets.emitted(DatasetGrown)][2:] == [(85, 25)]


async def test_redelivery_changes_nothing(datasets: Running) -> None:
    duplicate = make(
        DocumentDuplicated, document_id="x", source="web", duplicate_of="d1", kind="near", similarity=0.9, cluster="d1"
    )
    batch = [*many(range(30)), duplicate, request()]
    await datasets.deliver(batch)
    await datasets.work()
    once = await datasets.snapshot()
    await datasets.deliver(batch, again=True)
    await datasets.deliver(batch)
    await datasets.work()
    assert await datasets.snapshot() == once


async def test_a_worker_that_dies_in_a_cut_is_followed_by_one_that_makes_the_same(
    datasets: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    from millrace.datasets import job_cut as module

    await datasets.deliver([*many(range(30)), request()])
    await datasets.work("flush")
    whole = module.manifest

    def dies(*args: Any) -> dict[str, Any]:
        raise LeaseLost("cut", "x", 1)

    monkeypatch.setattr(module, "manifest", dies)
    await datasets.work("cut")
    assert not await datasets.emitted(DatasetReleased)
    monkeypatch.setattr(module, "manifest", whole)
    await datasets.deliver(many(range(50, 60)))
    async with datasets.db.transaction() as tx:
        await tx.execute("UPDATE jobs SET lease_until = clock_timestamp() - interval '1 second' WHERE kind = 'cut'")
    await datasets.work("cut")
    (released,) = await datasets.emitted(DatasetReleased)
    assert released.rows == {"train": 21, "validation": 6, "fresh": 3, "golden": 0}, "the plan of the first attempt"


async def test_a_lost_part_fails_the_cycle_and_says_which(datasets: Running) -> None:
    await datasets.deliver([*many(range(30)), request()])
    await datasets.work("flush")
    blob = await datasets.db.pool.fetchval("UPDATE parts SET blob = blob || '.lost' WHERE part = 2 RETURNING blob")
    await datasets.work("cut")
    (failed,) = await datasets.emitted(DatasetFailed)
    assert blob in failed.reason and failed.cycle_id == CYCLE


async def test_a_flush_during_a_cut_loses_no_row(datasets: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    from millrace.datasets import corpus

    monkeypatch.setattr(corpus, "PAGE", 4)
    await datasets.deliver([*many(range(34)), request()])
    page = corpus._page
    flushed: list[int] = []

    async def between(*args: Any) -> Any:
        if not flushed:
            flushed.append(await datasets.work("flush"))
        return await page(*args)

    monkeypatch.setattr(corpus, "_page", between)
    await datasets.work("cut")
    (released,) = await datasets.emitted(DatasetReleased)
    assert flushed == [3]
    assert sum(released.rows.values()) == 34


async def test_a_cut_says_what_it_waits_for(datasets: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def waits() -> str | None:
        async with datasets.http() as client:
            (cut,) = (await client.get("/v1/datasets", params={"workspace": "parcels"})).json()["cuts"]
        said: str | None = cut["waits_for"]
        return said

    async def down(*_: Any, **__: Any) -> None:
        raise Unavailable("S3: down")

    await datasets.deliver([*many(range(12)), request()])
    assert await waits() == "labels: 12 of 20 have come since the change"
    with monkeypatch.context() as stopped:
        stopped.setattr(Blobs, "put_file", down)
        await datasets.deliver(many(range(12, 40)))
        await datasets.work("cut")
        assert await waits() == "the job cut, which is tried again: S3: down"
    datasets.clock.advance(31)
    await datasets.work("cut")
    assert await waits() is None


async def test_counts_versions_and_manifests_over_http(datasets: Running) -> None:
    duplicate = make(
        DocumentDuplicated, document_id="x", source="web", duplicate_of="d1", kind="exact", similarity=1, cluster="d1"
    )
    await datasets.deliver([*many(range(30)), kept(40, None), kept(41, suite="golden"), duplicate, request()])
    await datasets.work()
    async with datasets.http() as client:
        counts = (await client.get("/v1/counts", params={"workspace": "parcels"})).json()
        assert counts["labels"] == {"late": 10, "lost": 20} and counts["unlabelled"] == 1
        assert counts["suites"] == {"golden": 1} and counts["duplicated"] == {"exact": 1}
        assert counts["kept"] == counts["standing"] == 32 and counts["parts"] == 3 and counts["buffered"] == 2
        listed = (await client.get("/v1/datasets", params={"workspace": "parcels"})).json()
        (version,) = listed["datasets"]
        assert version["rows"]["train"] == 21 and listed["cuts"][0]["state"] == "released"
        shown = (await client.get(f"/v1/datasets/{version['dataset']}")).json()
        assert shown["digest"] == version["dataset"]
        assert (await client.get("/v1/datasets/sha256:nothing")).status_code == 404


async def test_a_cut_for_a_workspace_with_neither_labels_nor_target_fails_at_once(
    datasets: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = replace(tasks()["tabular"], needs=("entity", "features"))
    monkeypatch.setitem(tasks(), "tabular", bare)
    spec = {"workspace": "stations", "owner": "grid", "task": "tabular", "entity": "station"}
    spec |= {"features": {"load": {"last": "load"}}}
    await datasets.tables.put(
        make(WorkspaceConfigured, workspace="stations", revision=1, spec=spec, digest="-", by="t")
    )
    await datasets.deliver([request(workspace="stations", min_labels=0)])
    await datasets.work()
    (failed,) = await datasets.emitted(DatasetFailed)
    assert failed.reason == "stations is of task tabular, which has no labels to cut versions by"
