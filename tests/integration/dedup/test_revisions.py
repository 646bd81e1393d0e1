"""A kept row is revised: those that repeated its former text are looked at again, and any order comes to the same."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from harness import START, Running, make
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shop import NEAR, OTHER, TEXT, configured, document, verdicts

from millrace.dedup import corpus
from millrace.events import DocumentAccepted, DocumentDuplicated, DocumentKept, DocumentRetired, FeedbackRecorded
from millrace.events import Event as AnyEvent

MINUTE = timedelta(minutes=1)


def revision(id: str, text: str, minute: int = 1, **fields: Any) -> DocumentAccepted:
    return document(id, text, at=START + minute * MINUTE, **fields)


def gone(id: str, minute: int = 1) -> DocumentRetired:
    return make(DocumentRetired, document_id=id, source="web", because="vanished", at=START + minute * MINUTE)


async def test_the_next_that_repeated_the_former_text_is_kept_and_the_others_repeat_that(dedup: Running) -> None:
    await dedup.deliver([document("a"), document("b", NEAR), document("c", TEXT.upper())])
    await dedup.deliver([revision("a", OTHER)])
    assert await verdicts(dedup) == {"a": "kept", "b": "kept", "c": "b"}
    survivor = (await dedup.emitted(DocumentKept))[-1]
    assert (survivor.document_id, survivor.replaces, survivor.cluster) == ("b", None, "a"), "it stays where it was seen"
    assert (await _counts(dedup))["standing"] == 2


async def test_those_that_repeat_the_new_text_too_still_repeat_it(dedup: Running) -> None:
    await dedup.deliver([document("a"), document("b", NEAR)])
    await dedup.deliver([revision("a", NEAR + "!")])
    assert await verdicts(dedup) == {"a": "kept", "b": "a"}


async def test_a_revision_that_says_what_another_does_ends_its_former_text(dedup: Running) -> None:
    await dedup.deliver([document("a"), document("b", OTHER), document("c", OTHER + "!")])
    await dedup.deliver([revision("b", NEAR)])
    assert await verdicts(dedup) == {"a": "kept", "b": "a", "c": "kept"}
    ended = [one for one in await dedup.emitted(DocumentDuplicated) if one.document_id == "b"][-1]
    assert (ended.kind, ended.ends, ended.ended, ended.known_at) == ("near", "b", "b", START + MINUTE)
    assert (await _counts(dedup))["standing"] == 2
    await dedup.deliver(
        [make(DocumentRetired, document_id="a", source="web", because="vanished", at=START + 2 * MINUTE)]
    )
    survivor = (await dedup.emitted(DocumentKept))[-1]
    assert survivor.document_id == "b" and survivor.known_at > ended.known_at, "readers were told that it ended"


async def test_within_a_batch_what_came_before_the_revision_is_looked_at_again_and_what_came_after_is_not(
    dedup: Running,
) -> None:
    await dedup.tables.put(configured("parcels", revision=2, then="weight"))
    await dedup.deliver([document("a"), document("b"), revision("a", OTHER), document("c", OTHER), document("d", NEAR)])
    assert await verdicts(dedup) == {"a": "kept", "b": "d", "c": "a", "d": "kept"}
    told = [(one.document_id, one.duplicate_of, one.weighs) for one in await dedup.emitted(DocumentDuplicated)]
    assert told == [("b", "a", True), ("c", "a", True), ("b", "d", True)]


async def test_a_label_that_is_corrected_frees_those_that_repeated_it(dedup: Running) -> None:
    await dedup.deliver([_label("f1", "late"), _label("f2", "late")])
    await dedup.deliver([_label("f3", "lost", supersedes="f1")])
    assert await verdicts(dedup) == {"f1": "kept", "f2": "kept", "f3": "kept"}
    await dedup.deliver([_label("f4", "late"), _label("f5", "lost", supersedes="f4")])
    await dedup.deliver(
        [make(DocumentRetired, document_id="f2", source="agent", because="withdrawn", at=START + MINUTE)]
    )
    async with dedup.db.reading() as tx:
        left = {row["document_id"] for row in await tx.fetch("SELECT document_id FROM documents")}
    assert left == {"f3", "f5"}, "what was corrected while it repeated another does not come back"


async def test_a_revision_that_comes_late_is_none(dedup: Running) -> None:
    await dedup.deliver(
        [revision("a", TEXT, 5), revision("a", OTHER, 3), revision("b", TEXT, 6), revision("b", OTHER, 4)]
    )
    assert await verdicts(dedup) == {"a": "kept", "b": "a"}


async def test_an_end_from_before_it_was_published_again_ends_it_no_more(dedup: Running) -> None:
    await dedup.deliver([document("a"), document("b", NEAR), revision("a", TEXT, 5)])
    await dedup.deliver([gone("a", minute=3)])
    _, again = await dedup.emitted(DocumentKept)
    assert (again.document_id, again.known_at) == ("a", START + 5 * MINUTE), "readers hear of its end themselves"
    assert (await verdicts(dedup))["b"] == "a"
    await dedup.deliver([gone("a", minute=6)])
    assert (await verdicts(dedup))["b"] == "kept"


async def test_the_many_that_repeated_it_are_left_to_a_job(dedup: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "ADOPTED", 10)
    await dedup.deliver([document("a"), *(document(f"b{n:02}", NEAR) for n in range(25))])
    await dedup.deliver([revision("a", OTHER)])
    await dedup.work("adopt")
    said = await verdicts(dedup)
    assert Counter(said.values()) == {"kept": 2, "b00": 24}


async def test_a_redelivered_revision_changes_nothing(dedup: Running) -> None:
    batch = [document("a"), document("b"), revision("a", OTHER), document("c", OTHER)]
    await dedup.deliver(batch)
    once = await dedup.snapshot()
    await dedup.deliver(batch, again=True)
    await dedup.deliver(batch)
    assert await dedup.snapshot() == once


GROUPS = [[TEXT, NEAR, TEXT.upper(), TEXT + "!"], [OTHER, OTHER + "!", OTHER.title()]]
"""Texts of a group repeat each other, whichever two; those of the other do not."""
TEXTS = st.sampled_from([(group, variant) for group, texts in enumerate(GROUPS) for variant in range(len(texts))])
WROTE = st.tuples(TEXTS, st.sampled_from([False, False, False, True]))
LIFE = st.lists(st.one_of(WROTE, WROTE, WROTE, st.none()), min_size=1, max_size=4)
"""A document's revisions, each a text and whether it is labelled late rather than lost; None retires it."""


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LIFE, min_size=3, max_size=6), st.randoms(use_true_random=False), st.integers(1, 8))
async def test_any_order_of_arrivals_revisions_and_ends_keeps_one_of_each(
    dedup: Running, lives: list[list[Any]], draw: random.Random, size: int
) -> None:
    """One of each group and label stands; which one is who came first. What repeats does so of one that stands."""
    events, last = [], {}
    for n, life in enumerate(lives):
        id, minute = f"d{n}", n
        for wrote in life:
            minute += 10
            at = START + minute * MINUTE
            if wrote is None:
                events.append(make(DocumentRetired, document_id=id, source="web", because="vanished", at=at))
            else:
                (group, variant), late = wrote
                events.append(document(id, GROUPS[group][variant], "late" if late else "lost", at=at))
        last[id] = life[-1]
    there = {id: (wrote[0][0], "late" if wrote[1] else "lost") for id, wrote in last.items() if wrote}
    draw.shuffle(events)
    workspace = f"w-{uuid4().hex[:12]}"
    await dedup.tables.put(configured(workspace))
    for start in range(0, len(events), size):
        await dedup.deliver([_in(workspace, event) for event in events[start : start + size]])
    async with dedup.db.reading() as tx:
        rows = await tx.fetch("SELECT * FROM documents WHERE shelf = $1", workspace)
    stands = {row["document_id"] for row in rows if row["stands"]}
    assert {row["document_id"] for row in rows} == set(there)
    assert sorted(there[id] for id in stands) == sorted(set(there.values()))
    for row in rows:
        if not row["stands"]:
            assert row["duplicate_of"] in stands and there[row["duplicate_of"]] == there[row["document_id"]]
    assert await _told(dedup, workspace) == stands
    assert (await _counts(dedup, workspace))["standing"] == len(stands)


def _in(workspace: str, event: AnyEvent) -> AnyEvent:
    fields = event.model_dump() | {"workspace": workspace}
    return type(event).create(event.envelope._replace(id=uuid4()), **fields)


async def _told(dedup: Running, workspace: str) -> set[str]:
    """Who stands for a reader that heard everything: of each document what was said as known last, an end at a tie."""
    kept: dict[str, Any] = {}
    ended: dict[str, Any] = {}
    for one in await dedup.emitted(DocumentKept):
        if one.workspace == workspace:
            kept[one.document_id] = max(one.known_at, kept.get(one.document_id, one.known_at))
    for one in await dedup.emitted(DocumentDuplicated):
        if one.workspace == workspace and one.ended:
            ended[one.ended] = max(one.known_at, ended.get(one.ended, one.known_at))
    async with dedup.db.reading() as tx:
        for row in await tx.fetch("SELECT id, known_at FROM tombstones WHERE workspace = $1", workspace):
            ended[row["id"]] = max(row["known_at"], ended.get(row["id"], row["known_at"]))
    return {id for id, at in kept.items() if id not in ended or at > ended[id]}


def _label(id: str, value: str, **fields: Any) -> FeedbackRecorded:
    values: dict[str, Any] = {
        "lane": 0, "kind": "label", "source": "agent", "trusted": True, "basis": "blind", "request_id": "r",
        "prediction_id": "p", "version": "v", "arm": "production", "revision": 1, "text": OTHER, "predicted_at": START,
    }  # fmt: skip
    return make(FeedbackRecorded, feedback_id=id, value=value, **(values | fields))


async def _counts(dedup: Running, workspace: str = "parcels") -> dict[str, Any]:
    async with dedup.http() as client:
        counts: dict[str, Any] = (await client.get("/v1/counts", params={"workspace": workspace})).json()
    return counts
