"""What is retired, erased or too old stands no more, and what is erased is in no file any more."""

import io
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
import pytest
from harness import START, Running, make, running
from parcels import configured, cut, ids_of, kept, manifest_of, many, request, rows_of

from millrace.chassis import LeaseLost, Unavailable
from millrace.datasets.app import build_app
from millrace.datasets.domain import digest_of
from millrace.events import DatasetReleased, DocumentDuplicated, DocumentRetired, ErasureConfirmed, SubjectErased
from millrace.stack import Endpoints

SECOND = timedelta(seconds=1)


@pytest.fixture
async def datasets(stack: Endpoints) -> AsyncIterator[Running]:
    async with running(stack, "datasets", build_app, part_rows=10) as service:
        await service.tables.put(configured())
        BEFORE.clear()
        BEFORE.update(await blobs_of(service))
        yield service


BEFORE = set[str]()
"""Blobs of other tests: they share the bucket, and files of equal rows have one name."""


def retired(number: int, *, at: Any = START) -> DocumentRetired:
    return make(DocumentRetired, document_id=f"d{number}", source="web", because="vanished", at=at)


def erased(subject: str = "ann", *, at: Any = START + SECOND, erasure: str = "e1") -> SubjectErased:
    return make(SubjectErased, erasure=erasure, subject=subject, at=at)


def duplicate(number: int, of: int, *, kind: str = "near", **fields: Any) -> DocumentDuplicated:
    values = {"document_id": f"d{number}", "source": "web", "duplicate_of": f"d{of}", "similarity": 0.9}
    return make(DocumentDuplicated, kind=kind, cluster=f"d{of}", **(values | fields))


async def blobs_of(datasets: Running, workspace: str = "parcels") -> set[str]:
    return {name async for name in datasets.service.blobs.each(f"{workspace}/")}


async def texts_in_s3(datasets: Running, workspace: str = "parcels") -> str:
    """Every text that any Parquet file of a workspace holds, pointed to or not."""
    found = []
    for name in await blobs_of(datasets, workspace) - BEFORE:
        if name.endswith(".parquet"):
            table = pq.read_table(io.BytesIO(await datasets.service.blobs.get(name)), columns=["text"])
            found += table.column("text").to_pylist()
    return "\n".join(found)


async def test_a_retired_document_stands_no_more_and_a_later_revision_does(datasets: Running) -> None:
    await datasets.deliver(many(range(30)))
    await datasets.deliver([retired(3), retired(4)])
    await datasets.deliver([kept(4, text="is back", at=START + SECOND)])
    assert await ids_of(datasets, await cut(datasets)) == {f"d{n}" for n in range(30) if n != 3}
    async with datasets.http() as client:
        counts = (await client.get("/v1/counts", params={"workspace": "parcels"})).json()
    assert counts["kept"] == 31 and counts["standing"] == 29


async def test_topics_are_not_ordered_a_row_that_comes_after_its_end_does_not_stand(datasets: Running) -> None:
    await datasets.deliver([retired(3, at=START + SECOND)])
    await datasets.deliver([*many(range(30)), kept(3, text="newer", at=START + 2 * SECOND, replaces="d3")])
    released = await cut(datasets)
    rows = await rows_of(datasets, (await manifest_of(datasets, released))["training"])
    assert [row["text"] for row in rows if row["id"] == "d3"] == ["newer"]
    await datasets.deliver([retired(40), *many(range(40, 45))])
    assert "d40" not in await ids_of(datasets, await cut(datasets, 2))


async def test_a_cut_that_is_made_again_sees_the_rows_of_its_plan(
    datasets: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    from millrace.datasets import job_cut as module

    whole = module.manifest

    def dies(*args: Any) -> dict[str, Any]:
        raise LeaseLost("cut", "x", 1)

    await datasets.deliver([*many(range(30)), request()])
    monkeypatch.setattr(module, "manifest", dies)
    await datasets.work("cut")
    monkeypatch.setattr(module, "manifest", whole)
    await datasets.deliver([retired(3), duplicate(80, 4, weighs=True)])
    async with datasets.db.transaction() as tx:
        await tx.execute("UPDATE jobs SET lease_until = clock_timestamp() - interval '1 second' WHERE kind = 'cut'")
    await datasets.work("cut")
    (released,) = await datasets.emitted(DatasetReleased)
    assert await ids_of(datasets, released) == {f"d{n}" for n in range(30)}
    second = await cut(datasets, 2)
    assert "d3" not in await ids_of(datasets, second)
    rows = await rows_of(datasets, (await manifest_of(datasets, second))["training"])
    assert {row["id"]: row["weight"] for row in rows}["d4"] == 2.0


async def test_dropped_duplicates_weigh_and_one_that_was_kept_ends_the_row_that_stands(datasets: Running) -> None:
    await datasets.deliver([duplicate(90, 2, weighs=True, kind="exact"), *many(range(30))])
    echoes = [duplicate(91, 2, weighs=True), duplicate(92, 2), duplicate(7, 2, kind="semantic", weighs=True)]
    echoes += [duplicate(8, 3, ends="d8"), duplicate(93, 3, ends="d9"), duplicate(10, 3)]
    await datasets.deliver(echoes)
    await datasets.deliver(echoes, again=True)
    rows = await rows_of(datasets, (await manifest_of(datasets, await cut(datasets)))["training"])
    weights = {row["id"]: row["weight"] for row in rows}
    assert weights["d2"] == 4.0 and weights["d3"] == 1.0 and "d7" not in weights
    assert not {"d8", "d9"} & weights.keys() and "d10" in weights, "a revision that repeats, and a correction"


async def test_an_erased_person_is_in_no_file_any_more_and_versions_say_so(datasets: Running) -> None:
    mine = {"subject": "ann", "source": "desk"}
    await datasets.deliver([kept(n, text=f"ann's secret {n}", **mine) for n in (33, 34, 39)])
    await datasets.deliver(many(range(30)))
    await datasets.work("flush")
    first = await cut(datasets, 1)
    await datasets.deliver([kept(35, text="ann's newest secret", **mine)])
    before = await manifest_of(datasets, first)
    assert "secret" in await texts_in_s3(datasets)
    await datasets.deliver([erased()])
    assert not [id for id in await ids_of(datasets, await cut(datasets, 2)) if id in {"d33", "d34", "d35", "d39"}]
    assert await datasets.work("erase") == 1
    (confirmed,) = await datasets.emitted(ErasureConfirmed)
    assert confirmed.service == "datasets" and confirmed.erasure == "e1" and confirmed.datasets == [first.dataset]
    assert confirmed.dataset_names == ["parcels@1"]
    assert confirmed.erased == {"rows": 4, "files": 3}, "a part, training and fresh"
    assert "secret" not in await texts_in_s3(datasets)
    after = await manifest_of(datasets, first)
    assert after["digest"] == first.dataset == digest_of(after["content"]) and after["content"] == before["content"]
    lost = after["redacted"].pop("lost")
    assert after["redacted"] == {"rows": 3, "reproducible": False}
    assert sum(n for labels in lost.values() for n in labels.values()) == 3
    assert after["training"]["count"] == before["training"]["count"] - 2
    assert after["training"]["digest"] != before["training"]["digest"]
    assert await ids_of(datasets, first) == {f"d{n}" for n in range(30)}
    async with datasets.http() as client:
        shown = (await client.get("/v1/datasets/parcels@1")).json()
        exported = await client.get("/v1/datasets/parcels@1/files/train.parquet")
        listed = (await client.get("/v1/erasures", params={"workspace": "parcels"})).json()
    rows = {split: one["rows"] for split, one in before["content"]["splits"].items()}
    assert sum(rows.values()) - sum(shown["rows"].values()) == 3 and shown["rows"]["train"] < rows["train"]
    assert {split: sum(labels.values()) for split, labels in shown["left"].items()} == shown["rows"]
    assert sum(shown["rows"][split] for split in ("train", "validation")) == after["training"]["count"]
    assert shown["redacted"] == 3 and exported.status_code == 200
    assert listed[0]["done_at"] and listed[0]["rows"] == 4
    async with datasets.db.reading() as tx:
        assert not await tx.fetchval("SELECT count(*) FROM rows WHERE subject = 'ann'")


async def test_a_row_of_an_erased_person_that_comes_late_is_never_written(datasets: Running) -> None:
    await datasets.deliver([erased()])
    await datasets.deliver([kept(1, subject="ann"), kept(2, subject="ann", at=START + 2 * SECOND), kept(3)])
    async with datasets.db.reading() as tx:
        assert [row["document_id"] for row in await tx.fetch("SELECT document_id FROM rows ORDER BY seq")] == [
            "d2",
            "d3",
        ]
    await datasets.work("erase")
    assert (await datasets.emitted(ErasureConfirmed))[0].erased == {"rows": 0, "files": 0}


async def test_an_erasure_during_a_cut_makes_it_begin_anew_and_leaves_no_file_behind(
    datasets: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    from millrace.datasets import job_cut as module

    await datasets.deliver([*many(range(30)), kept(33, text="ann's secret", subject="ann"), request()])
    whole, told = module._publish, []

    async def late(*args: Any) -> dict[str, Any]:
        if not told:
            told.append(await datasets.deliver([erased()]))
        return await whole(*args)

    monkeypatch.setattr(module, "_publish", late)
    await datasets.work("cut")
    assert not await datasets.emitted(DatasetReleased)
    datasets.clock.advance(2)
    await datasets.work("cut", "erase")
    (released,) = await datasets.emitted(DatasetReleased)
    assert await ids_of(datasets, released) == {f"d{n}" for n in range(30)}
    assert "secret" not in await texts_in_s3(datasets)
    async with datasets.db.reading() as tx:
        left = [row["blob"] for row in await tx.fetch("SELECT blob FROM strays")]
    assert not left


async def test_two_erasures_at_once_take_out_both(datasets: Running) -> None:
    await datasets.deliver(
        [*many(range(30)), kept(33, text="ann's secret", subject="ann"), kept(34, text="bob's secret", subject="bob")]
    )
    await datasets.work("flush")
    released = await cut(datasets)
    await datasets.deliver([erased(), erased("bob", erasure="e2")])
    await datasets.work("erase")
    assert {one.erasure for one in await datasets.emitted(ErasureConfirmed)} == {"e1", "e2"}
    assert "secret" not in await texts_in_s3(datasets)
    assert await ids_of(datasets, released) == {f"d{n}" for n in range(30)}


async def test_s3_that_is_down_during_an_erasure_is_waited_for_and_nothing_is_half(
    datasets: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    from millrace.chassis import Blobs

    await datasets.deliver([kept(33, text="ann's secret", subject="ann"), *many(range(30))])
    await datasets.work("flush")
    released = await cut(datasets)
    await datasets.deliver([erased()])
    calls = {name: getattr(Blobs, name) for name in ("put", "put_file", "get_file", "delete")}
    left = 0

    def failing(name: str) -> Any:
        async def call(self: Blobs, *args: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Unavailable("S3: down")
            return await calls[name](self, *args)

        return call

    for name in calls:
        monkeypatch.setattr(Blobs, name, failing(name))
    for allowed in range(60):
        left = allowed
        await datasets.work("erase")
        if await datasets.emitted(ErasureConfirmed):
            break
        left = 10**6
        read = await ids_of(datasets, released)
        assert read - {"d33"} == {f"d{n}" for n in range(30)}, f"a reader finds the version after {allowed} calls"
        datasets.clock.advance(31)
    assert allowed > 5, "it was stopped at many places"
    monkeypatch.undo()
    assert "secret" not in await texts_in_s3(datasets)
    assert await ids_of(datasets, released) == {f"d{n}" for n in range(30)}
    confirmed = await datasets.emitted(ErasureConfirmed)
    assert len(confirmed) == 1 and confirmed[0].erased == {"rows": 1, "files": 2}


async def test_s3_that_is_down_during_a_cut_is_waited_for(datasets: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    from millrace.chassis import Blobs

    whole, tries = Blobs.put_file, []

    async def down(self: Blobs, key: str, path: Any) -> None:
        tries.append(key)
        if len(tries) < 4:
            raise Unavailable("S3: down")
        await whole(self, key, path)

    await datasets.deliver([*many(range(30)), request()])
    monkeypatch.setattr(Blobs, "put_file", down)
    for _ in range(6):
        await datasets.work("cut")
        datasets.clock.advance(31)
    assert len(await datasets.emitted(DatasetReleased)) == 1 and len(tries) > 3


async def test_rows_past_their_retention_are_erased_by_the_daily_job(datasets: Running) -> None:
    await datasets.tables.put(configured(2, data={"retention": "30d"}))
    await datasets.deliver(many(range(30)))
    await datasets.work("flush")
    first = await cut(datasets)
    datasets.clock.advance(86400 * 20)
    await datasets.deliver(many(range(40, 70), at=START + timedelta(days=20)))
    await datasets.work("housekeep", "flush")
    assert (await manifest_of(datasets, first))["training"]["count"] == 27
    datasets.clock.advance(86400 * 11)
    await datasets.work("housekeep", "erase")
    after = await manifest_of(datasets, first)
    assert after["training"]["count"] == after["documents"] == 0 and after["redacted"]["rows"] == 30
    async with datasets.db.reading() as tx:
        parts = [row["blob"] for row in await tx.fetch("SELECT blob FROM parts ORDER BY part")]
    rows = [row["document_id"] for blob in parts for row in await rows_of(datasets, {"rows": blob})]
    assert rows == [f"d{n}" for n in range(40, 70)]
    assert not await datasets.emitted(ErasureConfirmed), "nobody has asked"
    datasets.clock.advance(86400)
    assert await datasets.work("housekeep") == 1, "and again on the next day"
    released = await cut(datasets, 2, deadline=START + timedelta(days=60))
    assert await ids_of(datasets, released) == {f"d{n}" for n in range(40, 70)}


async def test_a_corpus_whose_last_rows_were_erased_can_be_cut(datasets: Running) -> None:
    await datasets.deliver([*many(range(30)), *[kept(n, subject="ann") for n in range(33, 36)], erased()])
    await datasets.work("flush", "erase")
    assert await ids_of(datasets, await cut(datasets)) == {f"d{n}" for n in range(30)}
    await datasets.deliver([*many(range(50, 60)), request(2)])
    await datasets.work("flush", "cut")
    assert UUID(int=2) in {event.cycle_id for event in await datasets.emitted(DatasetReleased)}


async def test_a_profile_that_showed_an_erased_persons_words_is_made_anew(datasets: Running) -> None:
    """Also that of the next version, which told what was gone since its parent."""
    mine = [kept(n, text=f"zanzibar {n}", subject="ann") for n in range(33, 39)]
    await datasets.deliver([*mine, *many(range(30))])
    versions = [await cut(datasets, 1)]
    await datasets.work("profile")
    await datasets.deliver([retired(n) for n in range(33, 39)])
    versions.append(await cut(datasets, 2))
    await datasets.work("profile")
    assert all("zanzibar" in page for page in await profiles_in_s3(datasets, versions))
    await datasets.deliver([erased()])
    assert await datasets.work("erase") == 1
    assert not await profiles_in_s3(datasets, versions)
    assert await datasets.work("profile") == 2
    told = await profiles_in_s3(datasets, versions)
    assert len(told) == 4 and not [page for page in told if "zanzibar" in page]


async def test_a_profile_waits_for_an_erasure_that_is_under_way(datasets: Running) -> None:
    await datasets.deliver([*many(range(30)), kept(33, text="ann's secret", subject="ann")])
    versions = [await cut(datasets)]
    await datasets.deliver([erased()])
    await datasets.work("profile")
    assert not await profiles_in_s3(datasets, versions)
    await datasets.work("erase")
    datasets.clock.advance(6)
    await datasets.work("profile")
    told = await profiles_in_s3(datasets, versions)
    assert len(told) == 2 and not [page for page in told if "secret" in page]


async def profiles_in_s3(datasets: Running, versions: list[DatasetReleased]) -> list[str]:
    prefixes = tuple(f"{version.manifest.removesuffix('.json')}-profile" for version in versions)
    names = sorted(name for name in await blobs_of(datasets) if name.startswith(prefixes))
    return [(await datasets.service.blobs.get(name)).decode() for name in names]


async def test_dead_letters_that_name_the_person_go_and_are_counted(datasets: Running) -> None:
    await datasets.deliver([kept(1, subject="ann", workspace="nowhere"), kept(2, subject="bob", workspace="nowhere")])
    assert len(await datasets.dead_letters()) == 2
    await datasets.deliver([erased()])
    await datasets.work("erase")
    [confirmed] = await datasets.emitted(ErasureConfirmed)
    assert confirmed.erased["dead_letters"] == 1
    assert len(await datasets.dead_letters()) == 1
