"""A batch's state, position, ids and events are one commit."""

import asyncio
from datetime import UTC, datetime

import pytest
from harness import Running, make, record

from millrace.chassis import TooManyDeadLetters, Unavailable, wire
from millrace.events import DocumentAccepted, DocumentSubmitted
from millrace.probe.app import World


def document(text: str = "hello", **fields: object) -> DocumentSubmitted:
    return make(DocumentSubmitted, source="crm", text=text, **fields)


async def counted(probe: Running) -> int:
    async with probe.db.reading() as tx:
        return int(await tx.fetchval("SELECT coalesce(sum(n), 0) FROM counts"))


async def test_a_redelivered_batch_counts_once(probe: Running) -> None:
    batch = [document(document_id=f"d-{number}") for number in range(50)]
    await probe.deliver(batch)
    once = await probe.snapshot()
    await probe.deliver(batch, again=True)
    assert await probe.snapshot() == once
    assert await counted(probe) == 50


async def test_a_publishers_repetition_counts_once_at_new_offsets_and_within_a_batch(probe: Running) -> None:
    batch = [document(document_id=f"d-{number}") for number in range(10)]
    await probe.deliver([*batch, *batch])
    await probe.deliver(batch)
    assert await counted(probe) == 10
    assert len(await probe.emitted(DocumentAccepted)) == 10


async def test_a_replay_makes_the_same_ids(probe: Running) -> None:
    event = document(document_id="d-1")
    await probe.deliver([event])
    [emitted] = await probe.emitted(DocumentAccepted)
    again = DocumentAccepted.caused_by(event, **emitted.model_dump())
    assert again.id == emitted.id
    assert emitted.envelope.cause_id == event.id


async def test_one_poisoned_event_is_a_dead_letter_and_its_neighbours_are_unharmed(probe: Running) -> None:
    batch = [document(), document("poison"), document(), document("refuse")]
    await probe.deliver(batch)
    assert await counted(probe) == 2
    assert sorted(await probe.dead_letters()) == ["poison", "refused alone"]
    assert len(await probe.emitted(DocumentAccepted)) == 2
    await probe.deliver(batch, again=True)
    assert len(await probe.dead_letters()) == 2


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        (
            [("ce_id", None), ("agent", b"\xff\xfe"), ("trace", None)],
            b'{"workspace":"w","source":"s","text":"t"}',
            None,
        ),
        ([("ce_time", b"\xff\xfe")], b'{"workspace":"w","source":"s","text":"t"}', "ce_time: expected UTF-8"),
        ([("ce_time", b"noon")], b'{"workspace":"w","source":"s","text":"t"}', "ce_time: expected an RFC 3339 time"),
        ([("ce_causeid", b"7")], b'{"workspace":"w","source":"s","text":"t"}', "ce_causeid: expected a UUID"),
        ([("ce_type", b"other.v1")], b'{"workspace":"w","source":"s","text":"t"}', "ce_type: expected"),
        ([], b"{broken", "body: expected JSON: "),
        ([], b"\xff\xfe", "body: expected"),
        ([], None, "body: expected"),
        ([], b'{"workspace":"w","source":"s"}', "text: expected this key, which is required"),
        ([], b'{"workspace":"w","source":"s","text":7}', "text: expected text"),
    ],
)
async def test_what_products_send_is_read_or_named(
    probe: Running, headers: list[tuple[str, bytes | None]], body: bytes | None, reason: str | None
) -> None:
    good = record(document(), partition=0, offset=1)
    await probe.deliver_records([wire.Received("document.submitted.v1", 0, 0, 0, None, body, headers), good])
    letters = await probe.dead_letters()
    assert await counted(probe) == (2 if reason is None else 1)
    assert letters == [] if reason is None else letters[0].startswith(reason)


async def test_what_is_unavailable_commits_nothing_and_is_whole_later(probe: Running, world: World) -> None:
    empty = await probe.snapshot()
    batch = [document(), document()]
    world.down = True
    with pytest.raises(Unavailable):
        await probe.deliver(batch)
    assert await probe.snapshot() == empty
    world.down = False
    await probe.deliver(batch, again=True)
    assert await counted(probe) == 2


async def test_overlapping_members_of_a_group_count_once(probe: Running) -> None:
    records = [record(document(), partition=0, offset=number) for number in range(200)]
    intake = probe.service.intakes[0]
    await asyncio.gather(*(intake.process(records) for _ in range(4)))
    assert await counted(probe) == 200


async def test_a_handler_emits_only_what_it_declares(probe: Running) -> None:
    async with probe.db.transaction(emits=[]) as tx:
        with pytest.raises(TypeError, match="DocumentAccepted is not among"):
            tx.emit(_accepted())
    async with probe.db.transaction(emits=[DocumentAccepted]) as tx:
        event = _accepted()
        tx.emit(event)
        with pytest.raises(ValueError, match="ordinal"):
            tx.emit(event)


def _accepted() -> DocumentAccepted:
    origin = {"topic": "t", "event_id": "e"}
    return make(DocumentAccepted, document_id="d", source="s", text="t", trusted=True, origin=origin)


async def test_a_ceiling_stops_the_service_rather_than_drain_the_topic(probe: Running) -> None:
    probe.db.settings.dead_letter_ceiling = 5
    with pytest.raises(TooManyDeadLetters):
        await probe.deliver([document("refuse") for _ in range(6)])
    assert await probe.dead_letters() == []


async def test_dead_letters_of_intake_topics_are_encrypted_shown_and_replayed_into_the_handler(probe: Running) -> None:
    batch = [document("poison", document_id="secret name"), document()]
    await probe.deliver(batch)
    async with probe.db.reading() as tx:
        row = await tx.fetchrow("SELECT * FROM dead_letters")
    assert row is not None and row["sealed"] and b"secret name" not in row["body"] and row["expires_at"] is not None
    async with probe.http() as client:
        [listed] = (await client.get("/v1/dead-letters")).json()
        shown = (await client.get(f"/v1/dead-letters/{listed['id']}")).json()
        assert "secret name" in shown["body"] and shown["reason"] == "poison"
        refused = await client.post(f"/v1/dead-letters/{listed['id']}/replay", params={"by": "ada"})
        assert refused.status_code == 422 and refused.json()["error"]["message"] == "poison"
        async with probe.db.transaction() as tx:
            body = probe.service.intakes[0]._seal.close(batch[1].body().replace(b"hello", b"mended"))
            await tx.execute("UPDATE dead_letters SET body = $1", body)
        assert (await client.post(f"/v1/dead-letters/{listed['id']}/replay", params={"by": "ada"})).status_code == 200
        again = await client.post(f"/v1/dead-letters/{listed['id']}/replay", params={"by": "ada"})
        assert again.status_code == 409
        assert (await client.get("/v1/dead-letters/999")).status_code == 404
    assert await counted(probe) == 2


async def test_a_rollback_to_one_by_one_leaves_nothing_of_the_culprit(probe: Running) -> None:
    await probe.deliver([document("poison", document_id="culprit"), document(document_id="good")])
    async with probe.db.reading() as tx:
        assert [row["document_id"] for row in await tx.fetch("SELECT document_id FROM seen")] == ["good"]
    assert [event.document_id for event in await probe.emitted(DocumentAccepted)] == ["good"]


async def test_what_happened_long_ago_is_remembered_from_when_it_came(probe: Running) -> None:
    old = document(document_id="old", at=datetime(2019, 3, 1, tzinfo=UTC))
    await probe.deliver([old])
    await probe.db.keep_house()
    await probe.deliver([old])
    assert await counted(probe) == 1


async def test_ids_are_forgotten_in_whole_days_once_the_topics_have_forgotten_them(probe: Running) -> None:
    await probe.deliver([document(document_id="d")])
    await probe.db.pool.execute("UPDATE inbox SET seen_on = seen_on - 1000")
    probe.clock.advance(40 * 86400)
    await probe.db.keep_house()
    assert await probe.db.pool.fetchval("SELECT count(*) FROM inbox") == 0
