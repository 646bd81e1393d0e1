"""The index on real Postgres: batches, redelivery, two events, two processes, another threshold."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from harness import START, Running, make, running
from shop import NEAR, OTHER, TEXT, beside, configured, document, verdicts

from millrace.chassis import Unavailable
from millrace.dedup import store
from millrace.dedup.app import build_app
from millrace.events import DocumentDuplicated, DocumentKept, FeedbackRecorded, WorkspaceConfigured
from millrace.stack import Endpoints

GONE = "where has my money gone, it is weeks"


def feedback(id: str, value: str = "lost", **fields: Any) -> FeedbackRecorded:
    values: dict[str, Any] = {
        "lane": 0, "kind": "label", "source": "agent", "trusted": True, "basis": "blind", "request_id": "r",
        "prediction_id": "p", "version": "v", "arm": "production", "revision": 1, "text": OTHER,
        "predicted_at": START - timedelta(minutes=5),
    }  # fmt: skip
    return make(FeedbackRecorded, feedback_id=id, value=value, **(values | fields))


async def test_later_batches_meet_earlier_ones(dedup: Running) -> None:
    await dedup.deliver([document("a"), document("b", TEXT.upper()), document("c", OTHER)])
    await dedup.deliver([document("d", NEAR), document("e", NEAR, "late"), document("f", OTHER)])
    assert await verdicts(dedup) == {"a": "kept", "b": "a", "c": "kept", "d": "a", "e": "kept", "f": "c"}
    kept = {event.document_id: event for event in await dedup.emitted(DocumentKept)}
    assert kept["e"].cluster == "a" and kept["e"].split == kept["a"].split
    near = next(event for event in await dedup.emitted(DocumentDuplicated) if event.document_id == "d")
    assert near.kind == "near" and 0.8 <= near.similarity < 1.0


async def test_a_redelivered_batch_counts_once(dedup: Running) -> None:
    batch = [document("a"), document("b"), document("c", OTHER)]
    await dedup.deliver(batch)
    once = await dedup.snapshot()
    await dedup.deliver(batch, again=True)
    await dedup.deliver(batch)
    assert await dedup.snapshot() == once


async def test_one_by_one_gives_what_one_batch_gives(stack: Endpoints) -> None:
    texts = [TEXT, NEAR, OTHER, TEXT + " please", OTHER + "!", "where is my refund"]
    batch = [document(f"d{n}", text, ["lost", "late"][n % 2]) for n, text in enumerate(texts * 3)]
    told = []
    for at_once in (True, False):
        async with running(stack, "dedup", build_app) as dedup:
            await dedup.tables.put(configured("parcels"))
            await dedup.deliver(batch, at_once=at_once)
            told.append(await verdicts(dedup))
    assert told[0] == told[1]
    assert set(told[0].values()) != {"kept"}


async def test_workspaces_do_not_see_each_other(dedup: Running) -> None:
    await dedup.deliver([document("a"), document("b", workspace="other-shop"), document("c", NEAR)])
    assert await verdicts(dedup) == {"a": "kept", "b": "kept", "c": "a"}


async def test_an_undeclared_workspace_is_a_dead_letter_and_its_neighbours_go_on(dedup: Running) -> None:
    await dedup.deliver([document("a"), document("x", workspace="nobody-s"), document("b", NEAR)])
    assert await verdicts(dedup) == {"a": "kept", "b": "a"}
    assert len(await dedup.dead_letters()) == 1


async def test_a_revision_takes_the_place_of_the_former(dedup: Running) -> None:
    await dedup.deliver([document("a")])
    await dedup.deliver([document("a", OTHER)])
    await dedup.deliver([document("b", TEXT), document("c", OTHER)])
    kept = await dedup.emitted(DocumentKept)
    assert [(event.document_id, event.replaces) for event in kept] == [("a", None), ("a", "a"), ("b", None)]
    assert (await verdicts(dedup))["c"] == "a"


async def test_a_documents_metadata_goes_on_with_it(dedup: Running) -> None:
    await dedup.deliver([document("d-1", metadata={"product": "letters"}), document("d-2", OTHER)])
    assert [kept.metadata for kept in await dedup.emitted(DocumentKept)] == [{"product": "letters"}, {}]


async def test_a_label_becomes_a_document_once_however_many_predictions_it_joins(dedup: Running) -> None:
    await dedup.deliver([feedback("f1", arm="production"), feedback("f1", arm="shadow", prediction_id="q")])
    await dedup.deliver([feedback("f1", arm="canary", prediction_id="s"), feedback("f2", kind="rating", value=1.0)])
    (kept,) = await dedup.emitted(DocumentKept)
    assert (kept.feedback_id, kept.label, kept.text, kept.source) == ("f1", "lost", OTHER, "agent")
    assert kept.occurred_at == START - timedelta(minutes=5)
    assert not await dedup.emitted(DocumentDuplicated)


async def test_a_label_given_while_looking_stays_shown_and_makes_way_for_a_blind_one(dedup: Running) -> None:
    await dedup.deliver([feedback("f1", basis="shown"), feedback("f2", basis="blind"), feedback("f3", basis="shown")])
    assert [event.basis for event in await dedup.emitted(DocumentKept)] == ["shown", "blind"]
    assert [event.document_id for event in await dedup.emitted(DocumentDuplicated)] == ["f3"]


async def test_a_corrected_label_replaces_and_its_late_original_says_nothing(dedup: Running) -> None:
    await dedup.deliver([feedback("f1", "late")])
    await dedup.deliver([feedback("f2", "lost", supersedes="f1")])
    await dedup.deliver([feedback("g2", "late", text=TEXT, supersedes="g1"), feedback("g1", "lost", text=TEXT)])
    kept = await dedup.emitted(DocumentKept)
    assert [(event.document_id, event.label, event.replaces) for event in kept] == [
        ("f1", "late", None),
        ("f2", "lost", "f1"),
        ("g2", "late", None),
    ]


async def test_documents_and_feedback_of_one_workspace_take_turns(stack: Endpoints, dedup: Running) -> None:
    """Their keys differ, so two partitions bring the same text at the same time: still one row."""
    for turn in range(10):
        text = f"{TEXT} number {turn} {'x' * turn}"
        await asyncio.gather(
            dedup.deliver([document(f"a{turn}", text)]),
            dedup.deliver([feedback(f"f{turn}", text=text)]),
        )
    async with dedup.db.reading() as tx:
        twice = await tx.fetch(
            "SELECT digest FROM documents WHERE stands GROUP BY shelf, digest, label HAVING count(*) > 1"
        )
    assert not twice


async def test_what_resembles_a_golden_row_never_trains(dedup: Running) -> None:
    await dedup.deliver([document("g", suite="golden")])
    await dedup.deliver([document("a", NEAR), document("b", NEAR, "late"), document("c", OTHER)])
    kept = {event.document_id: event.trainable for event in await dedup.emitted(DocumentKept)}
    assert kept == {"g": False, "b": False, "c": True}


async def test_another_threshold_holds_from_the_next_batch_on(dedup: Running) -> None:
    near = TEXT.replace("nothing has", "nobody had")
    await dedup.deliver([document("a")])
    await dedup.deliver([document("b", near)])
    assert (await verdicts(dedup))["b"] == "kept", "0.8 is not reached"
    await dedup.tables.put(configured("parcels", revision=2, near=0.5))
    await dedup.deliver([document("c", near.replace("parcel", "parcels"), label="lost")])
    assert (await verdicts(dedup))["c"] in {"a", "b"}


async def test_a_second_process_and_one_started_anew_decide_as_the_first(stack: Endpoints) -> None:
    """Their buckets are in memory; what stands, was revised or went in between is read before they decide."""
    batches = [
        [document("a"), document("b", OTHER, "late")],
        [document("c", NEAR), document("b", "where is my refund, it is three weeks now", "late")],
        [document("d", OTHER, "late"), document("e", "where is my refund, it is three weeks now!", "late")],
        [document("f", NEAR + "!"), document("g", OTHER + "!", "late")],
    ]
    async with running(stack, "dedup", build_app) as alone:
        await alone.tables.put(configured("parcels"))
        for batch in batches:
            await alone.deliver(batch)
        expected = await verdicts(alone)
    async with running(stack, "dedup", build_app) as one:
        await one.tables.put(configured("parcels"))
        await one.deliver(batches[0])
        async with beside(one) as other:
            await other.deliver(batches[1])
            await one.deliver(batches[2])
            async with beside(one) as fresh:
                await fresh.deliver(batches[3])
            await other.deliver([document("h", OTHER, "late")])
        assert await verdicts(one) == expected | {"h": "d"}


async def test_a_reading_that_is_cut_off_goes_on_where_it_stopped(
    dedup: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await dedup.deliver([document(f"d{n}", f"{n} {TEXT} {n * 7}", f"label-{n}") for n in range(10)])
    await dedup.deliver([document("d1", OTHER)])
    monkeypatch.setattr("millrace.dedup.memory.PAGE", 2)
    signatures, read = store.signatures, []

    async def slow(tx: Any, workspace: str, after: int, most: int) -> Any:
        read.append(after)
        if len(read) in (3, 5):
            raise TimeoutError
        return await signatures(tx, workspace, after, most)

    monkeypatch.setattr(store, "signatures", slow)
    async with beside(dedup) as anew:
        for _ in range(2):
            with pytest.raises(Unavailable):
                await anew.deliver([document("x", f"5 {TEXT} 35!", "label-5")])
        await dedup.deliver([document("d0", "where is my refund")])
        await anew.deliver([document("x", f"5 {TEXT} 35!", "label-5"), document("y", f"0 {TEXT} 0!", "label-0")])
    assert read.count(0) == 1 and len({*read}) < len(read), "what was cut off was read again, and no more"
    said = await verdicts(dedup)
    assert (said["x"], said["y"]) == ("d5", "kept")


async def test_a_workspace_that_was_let_go_is_read_again(dedup: Running) -> None:
    memory = dedup.service.intakes[0].handler.bound["index"].memory
    memory._most_bytes = 1
    for turn in range(2):
        for workspace in ("parcels", "other-shop"):
            await dedup.deliver([document(f"{workspace}{turn}", f"{NEAR} {'!' * turn}", workspace=workspace)])
            assert turn == 0 or list(memory._held) == [workspace], "the first batch of each has nothing to read"
    assert await verdicts(dedup) == {
        "parcels0": "kept", "other-shop0": "kept", "parcels1": "parcels0", "other-shop1": "other-shop0",
    }  # fmt: skip


async def test_what_a_lost_transaction_had_written_changes_nothing(dedup: Running) -> None:
    """One bad record makes the batch run one by one, in one transaction; here that is lost as well."""
    await dedup.deliver([document("x", OTHER), document("y", GONE)])
    accepted = dedup.service.intakes[0].handler
    with pytest.raises(ZeroDivisionError):
        async with dedup.db.transaction(emits=accepted.emits) as tx:
            await accepted([document("a"), document("y", "another text")], tx)
            await accepted([document("b")], tx)
            raise ZeroDivisionError
    await dedup.deliver([document("c"), document("z", GONE + "!")])
    assert await verdicts(dedup) == {"x": "kept", "y": "kept", "c": "kept", "z": "y"}


async def test_counts_and_duplicates_over_http(dedup: Running) -> None:
    await dedup.deliver([document("a"), document("b", TEXT.title()), document("c", NEAR), document("a", TEXT + "?")])
    async with dedup.http() as client:
        counts = (await client.get("/v1/counts", params={"workspace": "parcels"})).json()
        assert counts == {
            "workspace": "parcels", "kept": 2, "revised": 1, "gone": 0, "standing": 1,
            "duplicated": {"exact": 1, "near": 1, "semantic": 0},
        }  # fmt: skip
        found = (await client.get("/v1/documents/a/duplicates", params={"workspace": "parcels"})).json()
        assert [one["document_id"] for one in found["duplicates"]] == ["b", "c"]
        assert (await client.get("/v1/documents/b/duplicates", params={"workspace": "parcels"})).json()["document"][
            "duplicate_of"
        ] == "a"
        assert (await client.get("/v1/documents/zz/duplicates", params={"workspace": "parcels"})).status_code == 404
        assert (await client.get("/v1/counts", params={"workspace": "nobody-s"})).status_code == 404


async def test_pairs_over_http(dedup: Running) -> None:
    await dedup.deliver([document("a"), document("b/1", TEXT.title()), document("c", NEAR)])
    await dedup.deliver([document("o", workspace="other-shop"), document("c", NEAR, workspace="other-shop")])
    async with dedup.http() as client:
        found = (await client.get("/v1/duplicates", params={"workspace": "parcels"})).json()
        assert [(one["document_id"], one["duplicate_of"], one["kind"]) for one in found] == [
            ("c", "a", "near"),
            ("b/1", "a", "exact"),
        ]
        older = {"workspace": "parcels", "before": found[0]["number"]}
        assert [one["document_id"] for one in (await client.get("/v1/duplicates", params=older)).json()] == ["b/1"]
        strange = await client.get("/v1/duplicates", params={"workspace": "parcels", "before": 1})
        assert strange.status_code == 422 and "a document that repeats another; 1 is none" in strange.text
        kind = {"workspace": "parcels", "kind": "near"}
        assert [one["document_id"] for one in (await client.get("/v1/duplicates", params=kind)).json()] == ["c"]
        assert (await client.get("/v1/duplicates/b%2F1")).json()["similarity"] == 1.0
        assert (await client.get("/v1/duplicates/c")).status_code == 409, "two workspaces have one"
        pair = (await client.get("/v1/duplicates/c", params={"workspace": "parcels"})).json()
        assert (pair["document"]["document_id"], pair["duplicate_of"]["document_id"]) == ("c", "a")
        sides = ("document", "duplicate_of")
        texts = [pair[side]["text"] for side in sides]
        assert texts == [NEAR, TEXT]
        for span in pair["overlaps"]:
            mine, theirs = (
                text[slice(*span[side])] for text, side in zip(texts, ("document", "duplicate_of"), strict=True)
            )
            assert mine == theirs
        assert pair["overlaps"][0]["document"] == [0, len("my parcel says delivered but nothing has")]
        for gone in ("a", "zz"):
            assert (await client.get(f"/v1/duplicates/{gone}")).status_code == 404


async def test_where_answers_are_learned_an_edit_is_a_pair_and_a_rating_says_how_good(stack: Endpoints) -> None:
    said: dict[str, Any] = {"predicted": "It comes on Monday.", "basis": "blind"}
    given = [
        feedback("f1", "It comes today.", kind="edit", **said),
        feedback("f2", kind="rating", **said | {"value": -1.0}),
        feedback("f3", "It comes today.", kind="label", **said),
        feedback("f4", kind="rating", **said | {"value": 1.0, "predicted": None}),
        feedback("f5", "It comes on Monday.", kind="edit", **said),
    ]
    async with running(stack, "dedup", build_app) as dedup:
        spec = {"workspace": "parcels", "owner": "support", "task": "generate"}
        await dedup.tables.put(make(WorkspaceConfigured, revision=1, spec=spec, digest="-", by="test"))
        await dedup.deliver(given)
        kept = {event.document_id: event for event in await dedup.emitted(DocumentKept)}
        assert (kept["f1"].label, kept["f1"].rejected, kept["f1"].basis) == (
            "It comes today.", "It comes on Monday.", "shown"
        )  # fmt: skip
        assert (kept["f2"].label, kept["f2"].rating, kept["f2"].basis) == ("It comes on Monday.", -1.0, "shown")
        assert set(kept) == {"f1", "f2", "f3"}  # f3 was given blind, which f1 was not; what failed can't be rated
        assert {event.document_id for event in await dedup.emitted(DocumentDuplicated)} == {"f5"}  # it bettered nothing


async def test_an_edit_of_a_label_is_a_label_and_no_pair(dedup: Running) -> None:
    await dedup.deliver([feedback("f1", kind="edit", predicted="late"), feedback("f2", kind="label")])
    (kept,) = await dedup.emitted(DocumentKept)
    assert (kept.label, kept.rejected, kept.basis) == ("lost", None, "blind")
    assert [event.document_id for event in await dedup.emitted(DocumentDuplicated)] == ["f2"]
