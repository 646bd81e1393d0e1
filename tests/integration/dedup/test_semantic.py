"""What means the same as an older document stands no more: in whatever order they come, and after a kill."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import pytest
from harness import START, Running, make, running
from numpy.typing import NDArray
from shop import configured, document, verdicts

from millrace.dedup import job_semantic, meaning
from millrace.dedup.app import build_app
from millrace.dedup.engine import DIMENSIONS, Embed, EmbeddingDied, Process
from millrace.events import DocumentDuplicated, DocumentKept, DocumentRetired
from millrace.stack import Endpoints

MINUTE = timedelta(minutes=1)
MEANINGS = {
    "a": ("where is my parcel, it should have come on monday", 0.0),
    "b": ("the package that was due at the start of the week has not turned up", 0.2),
    "c": ("nothing arrived although the delivery was announced days ago", 0.4),
    "x": ("the vase inside the box is in pieces", 1.5),
}
"""Texts far apart by their letters, with an angle each: 0.2 is a cosine of 0.98, 0.4 one of 0.92."""


class Angles:
    """An engine that knows the texts above."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.dies = 0

    @asynccontextmanager
    async def embedding(self) -> AsyncIterator[Embed]:
        yield self._embed

    async def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.dies:
            self.dies -= 1
            raise EmbeddingDied("as it was told")
        self.batches.append(len(texts))
        angles = [angle for text in texts for known, angle in MEANINGS.values() if known == text]
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        vectors[:, 0], vectors[:, 1] = np.cos(angles), np.sin(angles)
        return vectors


def said(name: str, *, minute: int = 0, **fields: Any) -> Any:
    return document(fields.pop("id", name), MEANINGS[name][0], at=START + minute * MINUTE, **fields)


def retired(id: str) -> DocumentRetired:
    return make(DocumentRetired, document_id=id, source="web", because="vanished", at=START + 5 * MINUTE)


@pytest.fixture
def engine() -> Angles:
    return Angles()


@pytest.fixture
async def dedup(stack: Endpoints, engine: Angles) -> AsyncIterator[Running]:
    async with running(stack, "dedup", partial(build_app, engine=engine)) as service:
        await service.tables.put(configured("parcels", semantic=0.95), configured("other-shop"))
        yield service


async def standing(dedup: Running) -> set[str]:
    async with dedup.db.reading() as tx:
        return {row["document_id"] for row in await tx.fetch("SELECT document_id FROM documents WHERE stands")}


async def test_the_younger_stands_no_more_and_its_neighbours_in_the_index_know(dedup: Running) -> None:
    await dedup.deliver([said("a"), said("b", minute=1), said("x", minute=2)])
    assert await standing(dedup) == {"a", "b", "x"}, "exact and near are decided at once"
    await dedup.work("semantic")
    assert await standing(dedup) == {"a", "x"}
    (ended,) = await dedup.emitted(DocumentDuplicated)
    assert (ended.document_id, ended.duplicate_of, ended.kind, ended.cluster) == ("b", "a", "semantic", "a")
    assert ended.similarity == pytest.approx(0.98, abs=0.01)
    assert ended.known_at == START + MINUTE, "what it ends was known until then"
    await dedup.deliver([said("b", id="b2", minute=3)])
    assert (await verdicts(dedup))["b2"] == "kept", "b is no longer in the index"
    await dedup.work("semantic")
    assert (await verdicts(dedup))["b2"] == "a"


async def test_the_same_stand_whatever_order_they_come_in(dedup: Running) -> None:
    """c is near to b alone, and b does not stand for anything while a does."""
    batch = [said("a", minute=0), said("b", minute=1), said("c", minute=2)]
    for event in reversed(batch):
        await dedup.deliver([event])
        await dedup.work("semantic")
    assert await standing(dedup) == {"a", "c"}
    kept = [event for event in await dedup.emitted(DocumentKept) if event.document_id == "c"]
    ended = [event for event in await dedup.emitted(DocumentDuplicated) if event.document_id == "c"]
    assert len(kept) == 2 and len(ended) == 1
    assert kept[1].known_at > ended[0].known_at, "it comes after its end"
    assert kept[1].cluster == "c" == kept[0].cluster, "c was first seen before the others"


async def test_labels_golden_rows_and_other_workspaces_are_left_alone(dedup: Running) -> None:
    await dedup.deliver([said("a", suite="golden"), said("b", minute=1, label="late")])
    await dedup.deliver([said("x", workspace="other-shop")])
    await dedup.deliver([said("c", minute=2, suite="golden"), said("a", minute=3, workspace="other-shop")])
    await dedup.work("semantic")
    assert not await dedup.emitted(DocumentDuplicated)


async def test_a_partition_is_vacuumed_before_what_fell_hides_what_is_there(dedup: Running) -> None:
    await dedup.deliver([said("a")])
    await dedup.work("semantic")
    async with dedup.db.reading() as tx:
        (options,) = await tx.fetch(
            """SELECT c.reloptions FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
               WHERE i.inhparent = 'embeddings'::regclass"""
        )
    assert options["reloptions"] == ["autovacuum_vacuum_scale_factor=0.05"]


async def test_what_meant_the_same_takes_the_place_of_what_is_gone(dedup: Running) -> None:
    await dedup.deliver([said("a"), said("b", minute=1)])
    await dedup.work("semantic")
    await dedup.deliver([retired("a")])
    survivor = (await dedup.emitted(DocumentKept))[-1]
    assert (survivor.document_id, survivor.replaces, survivor.cluster) == ("b", "a", "a")
    await dedup.work("semantic")
    assert await standing(dedup) == {"b"}
    async with dedup.db.reading() as tx:
        assert await tx.fetchval("SELECT count(*) FROM embeddings") == 1, "nothing is kept of what is gone"


async def test_what_repeated_one_in_between_repeats_what_stands_for_that(dedup: Running) -> None:
    await dedup.deliver([said("b", minute=1), said("b", id="b2", minute=2), said("a")])
    await dedup.work("semantic")
    await dedup.deliver([retired("b")])
    async with dedup.http() as client:
        assert (await client.get("/v1/duplicates/b2")).json()["duplicate_of"]["document_id"] == "a"


async def test_what_means_the_same_is_one_cluster_whatever_its_label(dedup: Running) -> None:
    """b, labelled otherwise, stands and joins; so does what joined b's cluster by its text, before it was compared."""
    await dedup.deliver([said("a"), said("x", minute=1)])
    await dedup.work("semantic")
    await dedup.deliver([said("b", minute=2, label="late"), said("b", id="b2", minute=3, label="damaged")])
    await dedup.deliver([said("b", id="b3", minute=4, label="late")])
    await dedup.work("semantic")
    kept = {event.document_id: event for event in await dedup.emitted(DocumentKept)}
    assert {id: event.cluster for id, event in kept.items()} == {"a": "a", "x": "x", "b": "a", "b2": "a"}
    assert kept["b"].split == kept["b2"].split == kept["a"].split
    assert (kept["b"].replaces, kept["b"].label) == ("b", "late")
    assert START + 2 * MINUTE < kept["b"].known_at < START + 3 * MINUTE, "it comes after what was said of it before"
    async with dedup.db.reading() as tx:
        rows = await tx.fetch("SELECT document_id, cluster, known_at FROM documents ORDER BY document_id")
    assert {row["document_id"]: row["cluster"] for row in rows} == {"a": "a", "x": "x", "b": "a", "b2": "a", "b3": "a"}
    assert {row["document_id"]: row["known_at"] for row in rows}["b"] == kept["b"].known_at
    once = await dedup.snapshot()
    await dedup.work("semantic")
    assert await dedup.snapshot() == once


async def test_clusters_join_once_and_a_survivor_or_a_revision_stays_where_it_was(dedup: Running) -> None:
    await dedup.deliver([said("x"), said("a", minute=1)])
    await dedup.work("semantic")
    await dedup.deliver([said("x", id="a", minute=2, label="late"), said("b", minute=3)])
    await dedup.work("semantic")
    kept = [(event.document_id, event.cluster) for event in await dedup.emitted(DocumentKept)]
    assert kept == [("x", "x"), ("a", "a"), ("a", "x"), ("b", "b")]
    await dedup.deliver([said("b", id="x", minute=4, label="late")])
    await dedup.work("semantic")
    assert (await dedup.emitted(DocumentKept))[-1].cluster == "b", "its text says so; nobody else's cluster moves"
    async with dedup.db.reading() as tx:
        assert await tx.fetchval("SELECT cluster FROM documents WHERE document_id = 'a'") == "x"


@pytest.mark.parametrize("first", ["golden", "plain"])
async def test_what_means_the_same_as_a_golden_row_never_trains(dedup: Running, first: str) -> None:
    golden, plain = said("a", suite="golden"), said("b", minute=1, label="late")
    for event in (golden, plain) if first == "golden" else (plain, golden):
        await dedup.deliver([event])
        await dedup.work("semantic")
    kept = {event.document_id: event for event in await dedup.emitted(DocumentKept)}
    assert kept["a"].cluster == kept["b"].cluster and not kept["a"].trainable
    if first == "golden":
        assert not kept["b"].trainable
    await dedup.deliver([said("b", id="b2", minute=5)])
    assert not (await dedup.emitted(DocumentKept))[-1].trainable, "the cluster is barred, whichever came first"


async def test_what_repeated_one_that_fell_is_explained_step_by_step_and_weighs_for_what_stands(
    dedup: Running,
) -> None:
    await dedup.tables.put(configured("parcels", revision=2, semantic=0.95, then="weight"))
    await dedup.deliver([said("a"), said("b", minute=1), said("b", id="b2", minute=2)])
    await dedup.work("semantic")
    told = [
        (one.document_id, one.duplicate_of, one.kind, one.weighs) for one in await dedup.emitted(DocumentDuplicated)
    ]
    assert told == [("b2", "b", "exact", True), ("b", "a", "semantic", True), ("b2", "a", "exact", True)]
    assert [one.ended for one in await dedup.emitted(DocumentDuplicated)] == [None, "b", None]
    async with dedup.http() as client:
        because = (await client.get("/v1/duplicates/b2")).json()["because"]
        assert [(one["document_id"], one["kind"], one["duplicate_of"]) for one in because] == [
            ("b2", "exact", "b"),
            ("b", "semantic", "a"),
        ]
        await dedup.deliver([retired("b")])
        (because,) = (await client.get("/v1/duplicates/b2")).json()["because"]
    assert (because["kind"], because["duplicate_of"]) == ("semantic", "a"), "as b did"
    assert because["similarity"] == pytest.approx(0.98, abs=0.01)


async def test_policies_hold_for_meaning_too(dedup: Running) -> None:
    await dedup.tables.put(configured("parcels", revision=2, semantic=0.95, then="weight"))
    await dedup.deliver([said("a"), said("b", minute=1)])
    await dedup.work("semantic")
    assert [one.weighs for one in await dedup.emitted(DocumentDuplicated)] == [True]
    await dedup.tables.put(configured("other-shop", revision=2, semantic=0.95, then="keep"))
    await dedup.deliver([said("a", workspace="other-shop"), said("b", minute=1, workspace="other-shop")])
    await dedup.work("semantic")
    assert len(await dedup.emitted(DocumentDuplicated)) == 1
    async with dedup.http() as client:
        found = (await client.get("/v1/duplicates", params={"workspace": "other-shop"})).json()
    assert [(one["document_id"], one["kind"], one["stands"]) for one in found] == [("b", "semantic", True)]
    kept = (await dedup.emitted(DocumentKept))[-1]
    assert (kept.document_id, kept.cluster, kept.replaces) == ("b", "a", "b"), "it is kept in the cluster of the other"


async def test_it_goes_on_in_batches_and_turns_also_after_a_death_and_a_kill(
    dedup: Running, engine: Angles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meaning, "BATCH", 2)
    monkeypatch.setattr(job_semantic, "TURN", 2)
    labels = ["lost", "late", "damaged", None, "other"]
    rows = [said(name, id=f"{name}{n}", minute=n, label=label) for n, label in enumerate(labels) for name in "ab"]
    await dedup.deliver(rows)
    settle, calls, engine.dies = meaning._settle, [], 1

    async def killed(*args: Any) -> None:
        await settle(*args)
        calls.append(1)
        if len(calls) == 2:
            raise ZeroDivisionError

    monkeypatch.setattr(meaning, "_settle", killed)
    for _ in range(3):
        await dedup.work("semantic")
        dedup.clock.advance(60)
    ended = await dedup.emitted(DocumentDuplicated)
    assert len(ended) == len({one.id for one in ended}) == len({one.document_id for one in ended})
    assert await standing(dedup) == {f"a{n}" for n in range(3)} | {"a4"}
    assert engine.batches == [2, 2, 2, 2, 2], "one of the four twice"
    once = await dedup.snapshot()
    await dedup.work("semantic")
    assert await dedup.snapshot() == once


async def test_rows_kept_before_it_was_declared_are_compared_once_it_is(dedup: Running) -> None:
    await dedup.deliver([said(name, minute=n, workspace="other-shop") for n, name in enumerate("ab")])
    assert await dedup.work("semantic") == 0
    await dedup.tables.put(configured("other-shop", revision=2, semantic=0.95))
    await dedup.deliver([said("x", minute=9, workspace="other-shop")])
    await dedup.work("semantic")
    assert [one.document_id for one in await dedup.emitted(DocumentDuplicated)] == ["b"]


async def test_a_real_encoder_in_a_process_of_its_own() -> None:
    texts = ["my parcel is late", "my package has not arrived in time", "how do I cook rice"]
    async with Process(threads=1, nice=0, within=120).embedding() as embed:
        first, again = await embed(texts), await embed(texts[:1])
    assert first.shape == (3, DIMENSIONS) and np.allclose(np.linalg.norm(first, axis=1), 1, atol=1e-3)
    assert np.allclose(first[0], again[0], atol=0.02)
    assert first[0] @ first[1] > 0.5 > first[0] @ first[2] + 0.2


async def test_a_process_that_does_not_answer_is_ended_and_told() -> None:
    with pytest.raises(EmbeddingDied, match="within"):
        async with Process(threads=1, nice=0, within=0.01).embedding():
            raise AssertionError("it can't be ready yet")
