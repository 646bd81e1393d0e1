"""What is retired or erased leaves the index, and the next that repeated it is kept."""

from datetime import timedelta
from typing import Any

import pytest
from harness import START, Running, make
from shop import NEAR, OTHER, TEXT, beside, document, verdicts

from millrace.dedup import corpus
from millrace.events import DocumentDuplicated, DocumentKept, DocumentRetired, ErasureConfirmed, SubjectErased

HOUR = timedelta(hours=1)
PERSON = "p-5f0c2d1e7a9b4c3d8e6f5a4b3c2d1e0f"


def retired(id: str, after: timedelta = HOUR, **fields: Any) -> DocumentRetired:
    return make(DocumentRetired, document_id=id, source="web", because="vanished", at=START + after, **fields)


def erased(subject: str = PERSON, after: timedelta = HOUR, **fields: Any) -> SubjectErased:
    return make(SubjectErased, **{"erasure": "e-1", "subject": subject, "at": START + after, **fields})


async def test_the_first_that_repeated_it_takes_its_place_and_the_others_repeat_that(dedup: Running) -> None:
    await dedup.deliver([document("a"), document("b", NEAR), document("c", TEXT.upper()), document("d", OTHER)])
    await dedup.deliver([retired("a")])
    assert await verdicts(dedup) == {"a": "kept", "b": "kept", "c": "b", "d": "kept"}
    first, survivor = [event for event in await dedup.emitted(DocumentKept) if event.document_id in "ab"]
    assert survivor.replaces == "a" and (survivor.cluster, survivor.split) == (first.cluster, first.split)
    assert survivor.text == NEAR and survivor.known_at == START, "it was known before"
    await dedup.deliver([document("e", NEAR)])
    assert (await verdicts(dedup))["e"] == "b"


async def test_what_survived_is_all_that_it_was(dedup: Running) -> None:
    more = {"language": "en", "subject": "p-1", "metadata": {"page": "7"}, "at": START + HOUR / 2}
    await dedup.deliver([document("a"), document("b", NEAR + "\0", **more)])
    await dedup.deliver([retired("a")])
    survivor = (await dedup.emitted(DocumentKept))[-1]
    assert (survivor.text, survivor.label, survivor.language, survivor.subject) == (NEAR + "\0", "lost", "en", "p-1")
    assert (survivor.origin.event_id, survivor.metadata, survivor.occurred_at) == ("b", {"page": "7"}, START + HOUR / 2)


async def test_a_duplicate_leaves_without_a_word(dedup: Running) -> None:
    await dedup.deliver([document("a"), document("b", NEAR)])
    before = await dedup.emitted(DocumentKept), await dedup.emitted(DocumentDuplicated)
    await dedup.deliver([retired("b"), retired("never-seen")])
    assert (await dedup.emitted(DocumentKept), await dedup.emitted(DocumentDuplicated)) == before
    await dedup.deliver([retired("a")])
    assert len(await dedup.emitted(DocumentKept)) == 1


async def test_a_labelled_one_takes_the_place_before_an_unlabelled_one(dedup: Running) -> None:
    await dedup.deliver([document("a"), document("b", label=None), document("c")])
    await dedup.deliver([retired("a")])
    assert await verdicts(dedup) == {"a": "kept", "b": "c", "c": "kept"}


async def test_a_golden_cluster_stays_barred(dedup: Running) -> None:
    await dedup.deliver([document("g", suite="golden"), document("b", NEAR)])
    await dedup.deliver([retired("g")])
    survivor = (await dedup.emitted(DocumentKept))[-1]
    assert (survivor.document_id, survivor.cluster, survivor.trainable) == ("b", "g", False)


async def test_all_of_them_retired_at_once_leave_nobody(dedup: Running) -> None:
    await dedup.deliver([document("a"), document("b", NEAR), document("c")])
    await dedup.deliver([retired("b"), retired("a"), retired("c")])
    await dedup.deliver([document("d")])
    kept = [event.document_id for event in await dedup.emitted(DocumentKept)]
    assert kept == ["a", "d"]


async def test_a_revision_known_later_stays_and_one_known_before_is_not_kept(dedup: Running) -> None:
    await dedup.deliver([document("a", at=START + 2 * HOUR), retired("a"), retired("late", after=HOUR)])
    await dedup.deliver([document("late", OTHER, at=START + HOUR), document("b")])
    assert await verdicts(dedup) == {"a": "kept", "b": "a"}
    await dedup.deliver([document("late", OTHER, at=START + 2 * HOUR)])
    assert (await verdicts(dedup))["late"] == "kept"


async def test_nothing_of_an_erased_person_is_left_and_others_survive(dedup: Running) -> None:
    secret = "the blue vase of aunt edna broke in the box"
    await dedup.deliver([document("a", secret, subject=PERSON), document("b", secret + "!", subject="p-2")])
    await dedup.deliver([document("c", TEXT, subject="p-2"), document("d", NEAR, subject=PERSON)])
    await dedup.deliver([document("x", secret, subject=PERSON, workspace="nobody-s")])
    await dedup.deliver([erased()])
    await dedup.work("erase")
    assert await verdicts(dedup) == {"a": "kept", "b": "kept", "c": "kept", "d": "c"}
    (confirmed,) = await dedup.emitted(ErasureConfirmed)
    assert (confirmed.erasure, confirmed.service) == ("e-1", "dedup")
    assert confirmed.erased == {"documents": 1, "duplicates": 1, "dead_letters": 1}
    snapshot = {name: rows for name, rows in (await dedup.snapshot()).items() if name not in ("outbox", "erased")}
    assert PERSON not in str(snapshot) and NEAR not in str(snapshot)
    await dedup.deliver([document("e", secret, subject=PERSON, at=START + HOUR), document("f", secret)])
    assert (await verdicts(dedup)).get("e") is None, "known before the erasure, come after it"


async def test_an_erasure_that_finds_nothing_is_confirmed(dedup: Running) -> None:
    await dedup.deliver([erased(), erased(workspace="nobody-s", erasure="e-2")])
    await dedup.work("erase")
    assert [one.erased for one in await dedup.emitted(ErasureConfirmed)] == [{}, {}]


async def test_an_erasure_in_many_steps_tells_of_each_survivor_once(
    dedup: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millrace.chassis.erasure.STEP", 2)
    texts = [f"{word * 9} {NEAR}"[:70] for word in ("red ", "blue ", "green ", "amber ", "violet ")]
    await dedup.deliver([document(f"a{n}", text, subject=PERSON) for n, text in enumerate(texts)])
    await dedup.deliver([document(f"b{n}", text + "!", subject="p-2") for n, text in enumerate(texts)])
    await dedup.deliver([erased()])
    await dedup.work("erase")
    survivors = (await dedup.emitted(DocumentKept))[5:]
    assert sorted((one.document_id, one.replaces) for one in survivors) == [(f"b{n}", f"a{n}") for n in range(5)]
    assert len({one.id for one in survivors}) == 5
    assert [one.erased for one in await dedup.emitted(ErasureConfirmed)] == [{"documents": 5}]


@pytest.mark.parametrize("gone", [retired("a"), erased()], ids=["retired", "erased"])
async def test_a_redelivered_departure_changes_nothing(dedup: Running, gone: Any) -> None:
    await dedup.deliver([document("a", subject=PERSON), document("b", NEAR), document("c", TEXT)])
    await dedup.deliver([gone])
    await dedup.work("erase")
    once = await dedup.snapshot()
    await dedup.deliver([gone], again=True)
    await dedup.deliver([gone])
    await dedup.work("erase")
    assert await dedup.snapshot() == once


async def test_the_order_of_a_document_and_its_end_makes_no_difference(dedup: Running) -> None:
    batch = [document("a"), document("b", NEAR), retired("a")]
    for workspace, events in (("parcels", batch), ("other-shop", [batch[2], batch[0], batch[1]])):
        for event in events:
            await dedup.deliver([type(event).create(event.envelope._replace(id=_new()), **_fields(event, workspace))])
    standing = await _standing(dedup)
    assert standing["parcels"] == standing["other-shop"] == ["b"]


def _new() -> Any:
    return make(DocumentRetired, document_id="-", source="-", because="vanished").id


def _fields(event: Any, workspace: str) -> dict[str, Any]:
    return event.model_dump() | {"workspace": workspace}


async def _standing(dedup: Running) -> dict[str, list[str]]:
    async with dedup.db.reading() as tx:
        rows = await tx.fetch(
            "SELECT shelf AS workspace, array_agg(document_id) AS ids FROM documents WHERE stands GROUP BY shelf"
        )
    return {row["workspace"]: row["ids"] for row in rows}


async def test_the_many_that_repeated_it_are_decided_on_in_steps_and_a_kill_between_them_loses_none(
    dedup: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "ADOPTED", 10)
    await dedup.deliver([document("a"), *(document(f"b{n:02}", NEAR) for n in range(35))])
    await dedup.deliver([retired("a")])
    assert len(await dedup.emitted(DocumentDuplicated)) == 35 + 9
    adopt, calls = corpus.Index.adopt, []

    async def killed(*args: Any, **kwargs: Any) -> bool:
        calls.append(1)
        more = await adopt(*args, **kwargs)
        if len(calls) == 2:
            raise ZeroDivisionError
        return more

    monkeypatch.setattr(corpus.Index, "adopt", killed)
    await dedup.work("adopt")
    dedup.clock.advance(60)
    await dedup.work("adopt")
    said = await dedup.emitted(DocumentDuplicated)
    assert len(said) == 35 + 34 == len({event.id for event in said})
    assert {event.duplicate_of for event in said[35:]} == {"b00"}
    async with dedup.db.reading() as tx:
        assert not await tx.fetchval("SELECT count(*) FROM documents WHERE NOT stands AND duplicate_of IS NULL")


async def test_another_process_learns_of_a_departure_before_it_decides(dedup: Running) -> None:
    await dedup.deliver([document("a"), document("b", OTHER)])
    async with beside(dedup) as other:
        await other.deliver([document("c", NEAR)])
        await dedup.deliver([retired("a"), retired("b")])
        await other.deliver([document("d", NEAR), document("e", OTHER + "!")])
        held = other.service.intakes[0].handler.bound["index"].memory._held["parcels"].buckets
    assert await verdicts(dedup) == {"a": "kept", "b": "kept", "c": "kept", "d": "c", "e": "kept"}
    assert len(held) == 1, "what left is not even looked at, so a bucket's oldest rows are the same in every process"


async def test_the_counts_are_of_what_stands(dedup: Running) -> None:
    await dedup.deliver([document("a"), document("b", NEAR), document("c", OTHER)])
    await dedup.deliver([retired("a"), retired("c")])
    async with dedup.http() as client:
        counts = (await client.get("/v1/counts", params={"workspace": "parcels"})).json()
    assert (counts["kept"], counts["gone"], counts["standing"]) == (3, 2, 1)
