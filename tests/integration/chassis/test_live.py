"""The chassis on Apache Kafka: relay, consumers, tables, HTTP, and what our stack does wrong by default."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import MessageSizeTooLargeError
from faststream.kafka import KafkaBroker
from harness import Bus, Running, database, eventually, live, make

from millrace.chassis import Settings, Table, Unavailable, Unknown, bodies, consumer, tables, wire
from millrace.chassis.bodies import INLINE
from millrace.events import DocumentAccepted, DocumentSubmitted, Event, Route, WorkspaceRouted
from millrace.probe.app import World, build_app
from millrace.stack import Endpoints


def document(text: str = "hello", **fields: object) -> DocumentSubmitted:
    return make(DocumentSubmitted, source="crm", text=text, **fields)


async def counted(probe: Running) -> int:
    return int(await probe.db.pool.fetchval("SELECT coalesce(sum(n), 0) FROM counts"))


async def outbox_empty(probe: Running) -> bool:
    return int(await probe.db.pool.fetchval("SELECT count(*) FROM outbox")) == 0


async def test_an_event_goes_through_and_out_in_order_per_key(live_probe: Running, bus: Bus) -> None:
    sent = [document(document_id=f"{number}", workspace=f"w-{number % 5}") for number in range(600)]
    await bus.publish(*sent)
    found = await bus.read(DocumentAccepted, until=lambda events: len(events) >= 600)
    for workspace in range(5):
        order = [int(event.document_id) for event in found if event.workspace == f"w-{workspace}"]
        assert order == sorted(order) and len(order) == 120
    assert len({event.id for event in found}) == 600
    await eventually(lambda: outbox_empty(live_probe))


async def test_null_and_non_utf8_headers_lose_neither_their_record_nor_the_next(live_probe: Running, bus: Bus) -> None:
    body = document().body()
    await bus.publish_raw(
        ("document.submitted.v1", b"parcels", body, [("agent", b"\xff\xfe")]),
        ("document.submitted.v1", b"parcels", b"{", []),
        ("document.submitted.v1", b"parcels", body, []),
    )
    await eventually(lambda: _is(counted(live_probe), 2))
    assert len(await live_probe.dead_letters()) == 1


async def _is(awaitable: object, value: object) -> bool:
    return bool(await awaitable == value)  # type: ignore[misc]


async def test_an_outage_holds_the_batch_and_loses_nothing(live_probe: Running, bus: Bus, world: World) -> None:
    world.down = True
    await bus.publish(*(document() for _ in range(20)))
    await eventually(lambda: len(world.batches) >= 3)
    assert await counted(live_probe) == 0
    world.down = False
    await eventually(lambda: _is(counted(live_probe), 20))
    assert await live_probe.dead_letters() == []


async def test_batches_in_hand_behind_one_that_is_given_up_come_again_in_order(
    stack: Endpoints, bus: Bus, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "PATIENCE", 0.3)
    world.down = True
    await bus.publish(*(document(document_id=f"{number}", workspace=f"w-{number % 5}") for number in range(100)))
    async with live(stack, "probe", partial(build_app, world=world), batch=10) as probe:
        await eventually(lambda: len(world.batches) >= 6)  # two tries, given up, fetched anew
        world.down = False
        found = await bus.read(DocumentAccepted, until=lambda events: len(events) >= 100)
        for workspace in range(5):
            order = [int(event.document_id) for event in found if event.workspace == f"w-{workspace}"]
            assert order == sorted(order) and len(order) == 20
        assert await counted(probe) == 100


async def test_a_busy_partition_is_part_of_every_fetch(
    stack: Endpoints, bus: Bus, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetches: list[set[int]] = []
    send = Fetcher._proc_fetch_request

    async def noted(self: Fetcher, assignment: Any, node_id: int, request: Any) -> Any:
        [(topic, partitions)] = request.topics
        if topic == DocumentSubmitted.topic:
            fetches.append({partition for partition, *_ in partitions})
        return await send(self, assignment, node_id, request)

    async with live(stack, "probe", partial(build_app, world=world), batch=1) as probe:
        await bus.publish(document())
        await eventually(lambda: _is(counted(probe), 1))
        monkeypatch.setattr(Fetcher, "_proc_fetch_request", noted)
        world.down = True
        long = "long " * (INLINE // 6)  # thirty are more than a fetch brings
        await bus.publish(*(document(long, document_id=f"{number}") for number in range(30)))
        await eventually(lambda: len(world.batches) >= 5)  # by now aiokafka would have fetched the other partitions
        world.down = False
        await eventually(lambda: _is(counted(probe), 31))
        assert fetches and all(partitions == {0, 1, 2} for partitions in fetches)


async def test_a_bug_is_not_acknowledged_and_does_not_spin(live_probe: Running, bus: Bus, world: World) -> None:
    world.broken = True
    await bus.publish(document())
    await eventually(lambda: len(world.batches) >= 2)
    await asyncio.sleep(1.0)
    assert len(world.batches) < 10
    world.broken = False
    await eventually(lambda: _is(counted(live_probe), 1))


async def test_two_members_of_a_group_share_the_partitions_and_count_once(stack: Endpoints, bus: Bus) -> None:
    first, second = World(), World()
    suffix = f"-{uuid4().hex[:8]}"
    async with live(
        stack, "probe", lambda s, clock: build_app(s, clock=clock, world=first), group_suffix=suffix
    ) as one:
        async with live(
            stack,
            "probe",
            lambda s, clock: build_app(s, clock=clock, world=second),
            group_suffix=suffix,
            dsn=one.db.settings.postgres,
        ):
            await bus.publish(*(document(workspace=f"w-{number % 9}") for number in range(900)))
            await eventually(lambda: _is(counted(one), 900))
        await bus.publish(*(document(workspace=f"w-{number % 9}") for number in range(90)))
        await eventually(lambda: _is(counted(one), 990))


async def test_a_large_body_travels_by_reference(live_probe: Running, bus: Bus) -> None:
    text = "long " * (INLINE // 4)
    await bus.publish(document(text, document_id="long"))
    raw = await _raw(live_probe)
    assert dict(raw.headers)[wire.DATA_REFERENCE] and raw.value == b""
    whole = await bodies.whole(raw, DocumentAccepted, live_probe.service.blobs)
    assert wire.decode(DocumentAccepted, whole).text == text


async def _raw(probe: Running) -> wire.Record:
    from aiokafka import TopicPartition

    consumer = AIOKafkaConsumer(bootstrap_servers=probe.db.settings.kafka, isolation_level="read_committed")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(DocumentAccepted.topic, number) for number in range(3)])
        await consumer.seek_to_beginning()
        async with asyncio.timeout(20):
            return await consumer.getone()  # type: ignore[no-any-return]
    finally:
        await consumer.stop()


async def test_a_batch_that_outlasts_kafkas_patience_is_neither_lost_nor_endless_nor_counted_twice(
    stack: Endpoints, bus: Bus, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its member is put out of the group; what it had in hand commits in Postgres, and its positions end the rest."""
    whole = consumer.broker

    def hasty(settings: Settings) -> KafkaBroker:
        broker = whole(settings)
        broker.subscriber = partial(broker.subscriber, max_poll_interval_ms=1000)  # type: ignore[method-assign]
        return broker

    monkeypatch.setattr(consumer, "broker", hasty)
    world.stuck = True
    await bus.publish(*(document(workspace=f"w-{number % 5}") for number in range(100)))
    async with live(stack, "probe", partial(build_app, world=world), batch=10) as probe:
        await eventually(lambda: world.batches)
        await eventually(lambda: _is(members(probe), 0))
        world.stuck = False
        world.hold.set()
        await eventually(lambda: _is(counted(probe), 100))
        await eventually(lambda: _is(members(probe), 1))
        await bus.publish(document(), document())
        await eventually(lambda: _is(counted(probe), 102))
        tries = len(world.batches)
        await eventually(lambda: _is(committed(probe), 102))
        assert len(world.batches) == tries, "what is committed is not handled again"


async def members(probe: Running) -> int:
    """How many the probe's group has."""
    async with admin_of(probe) as admin:
        [response] = await admin.describe_consumer_groups([group_of(probe)])
    [(_, _, _, _, _, found, *_)] = response.groups
    return len(found)


async def committed(probe: Running) -> int:
    """How many records the probe's group has left behind, as Kafka sees it. The topic's earlier ones were deleted."""
    async with admin_of(probe) as admin:
        offsets = await admin.list_consumer_group_offsets(group_of(probe))
    async with AIOKafkaConsumer(bootstrap_servers=probe.db.settings.kafka) as reader:
        starts = await reader.beginning_offsets(list(offsets))
    return sum(at.offset - starts[place] for place, at in offsets.items())


def group_of(probe: Running) -> str:
    return f"probe.on_document_submitted{probe.db.settings.group_suffix}"


@asynccontextmanager
async def admin_of(probe: Running) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=probe.db.settings.kafka)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def test_a_service_makes_no_topic_it_misses(stack: Endpoints, bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = {event: f"missing-{uuid4().hex}" for event in (DocumentSubmitted, WorkspaceRouted)}
    for event, topic in missing.items():
        monkeypatch.setattr(event, "topic", topic)
    monkeypatch.setattr(consumer, "KafkaBroker", partial(KafkaBroker, request_timeout_ms=3000))
    with pytest.raises(Unavailable, match=missing[DocumentSubmitted]):
        async with live(stack, "probe", build_app):
            pass
    async with AIOKafkaConsumer(bootstrap_servers=stack.kafka) as reader:
        assert not {*missing.values()} & await reader.topics()


async def test_http_answers_when_it_is_on_the_topic_and_says_429_when_the_outbox_is_behind(
    live_probe: Running, bus: Bus
) -> None:
    async with live_probe.http() as client:
        answer = await client.post("/v1/documents", json={"workspace": "parcels", "text": "by http"})
        assert answer.status_code == 202
        [event] = await bus.read(DocumentAccepted, until=lambda events: len(events) == 1)
        assert str(event.id) == answer.json()["id"]
        live_probe.db.settings.outbox_ceiling = 0
        await live_probe.db.pool.execute(
            "INSERT INTO outbox (topic, key, headers, body, xid) VALUES ('t', 'k', '{}', '', '9223372036854775807')"
        )  # newer than every transaction, so the relay leaves it: as behind as with Kafka away
        await live_probe.db.measure_outbox()
        busy = await client.post("/v1/documents", json={"workspace": "parcels", "text": "late"})
        assert busy.status_code == 429 and float(busy.headers["Retry-After"]) > 0


async def test_what_http_refuses_is_told_in_one_form(live_probe: Running) -> None:
    async with live_probe.http() as client:

        async def refused(method: str, path: str, **given: Any) -> tuple[int, str, str]:
            answer = await client.request(method, path, **given)
            error = answer.json()["error"]
            return answer.status_code, error["code"], error["message"]

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b" " * 1024 * 1024

        json = {"headers": {"content-type": "application/json"}}
        too_large = (413, "too_large", "the body is longer than 8388608 bytes")
        assert await refused("POST", "/v1/documents", content=b" " * 20 * 1024 * 1024, **json) == too_large
        assert await refused("POST", "/v1/documents", content=chunks(), **json) == too_large, "its length is not told"
        status, code, message = await refused("POST", "/v1/documents", content=b'{"workspace": ', **json)
        assert (status, code) == (422, "invalid") and message.startswith("body: JSON: Expecting value")
        status, code, message = await refused("POST", "/v1/documents", json={"workspace": 7})
        assert (status, code) == (422, "invalid") and message.startswith("workspace: ")
        for body in (b'"\xc3("', b"[" * 100_000):
            assert (await refused("POST", "/v1/documents", content=body, **json))[:2] == (400, "bad_request")
        assert (await refused("GET", "/v1/documnets"))[:2] == (404, "not_found")
        assert (await refused("PUT", "/v1/documents"))[:2] == (405, "method_not_allowed")


async def test_a_body_over_kafkas_limit_is_the_publishers_error_and_no_record(
    stack: Endpoints, live_probe: Running, bus: Bus
) -> None:
    """The client's own limit first; whoever raises that hears it from Kafka."""
    for limit in (1024 * 1024, 64 * 1024 * 1024):
        async with AIOKafkaProducer(bootstrap_servers=stack.kafka, max_request_size=limit) as producer:
            with pytest.raises(MessageSizeTooLargeError):
                await producer.send_and_wait(DocumentSubmitted.topic, b"x" * 20 * 1024 * 1024, key=b"parcels")
    await bus.publish(document("a good neighbour"))
    [event] = await bus.read(DocumentAccepted, until=lambda events: len(events) == 1)
    assert event.text == "a good neighbour"
    assert await live_probe.dead_letters() == []


async def test_health_is_true_while_it_consumes_and_false_when_the_loop_has_ended(live_probe: Running) -> None:
    async with live_probe.http() as client:

        async def ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await eventually(ready)
        assert (await client.get("/healthz")).status_code == 200
        live_probe.service.consumers[0].subscriber.tasks[0].cancel()

        async def ill() -> bool:
            return (await client.get("/healthz")).status_code == 503

        await eventually(ill)
        assert b"millrace_events_total" in (await client.get("/metrics")).content


async def test_a_table_is_read_to_its_end_before_a_key_is_unknown(
    stack: Endpoints, live_probe: Running, bus: Bus
) -> None:
    [table] = live_probe.service.tables
    await eventually(lambda: table.ready() is None)
    name = f"late-{uuid4().hex[:6]}"
    with pytest.raises(Unknown):
        await table.get(name)
    for revision in (1, 2):
        route = Route(revision=revision, workspace_revision=1)
        await bus.publish(make(WorkspaceRouted, workspace=name, route=route))
        await eventually(lambda: _revision(table, name) == revision)  # noqa: B023
    again = await table.get(name)
    assert again.route.revision == 2


async def test_a_key_is_not_unknown_before_its_table_has_read_anything(
    stack: Endpoints, probe: Running, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work that is due at a start asks before the table is connected: it waits, and fails for good by no race."""
    name = f"early-{uuid4().hex[:6]}"
    await bus.publish(make(WorkspaceRouted, workspace=name, route=Route(revision=1, workspace_revision=1)))
    table: Table[WorkspaceRouted] = Table(WorkspaceRouted, probe.db.settings)
    early = asyncio.create_task(table.get(name))
    await asyncio.sleep(0)
    await table.start()
    try:
        assert (await early).route.revision == 1
    finally:
        await table.stop()
    monkeypatch.setattr(tables, "REACH", 0.1)
    never: Table[WorkspaceRouted] = Table(WorkspaceRouted, probe.db.settings)
    with pytest.raises(Unavailable):
        await never.get(name)


def _revision(table: object, name: str) -> int | None:
    event = table.now(name)  # type: ignore[attr-defined]
    return event.route.revision if isinstance(event, Event) and isinstance(event, WorkspaceRouted) else None


async def test_a_consumer_that_fetches_nothing_though_events_wait_is_ill(
    live_probe: Running, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka answers and the loop runs: a ping would not see it. Nothing is ill about having nothing to do."""
    monkeypatch.setattr(consumer, "STUCK", 0.5)
    watched, _ = live_probe.service.consumers
    kafka = watched.subscriber.consumer
    assert kafka is not None

    async def stuck() -> str | None:
        await watched.measure_lag()
        return watched.stuck()

    await bus.publish(document())
    await eventually(lambda: _is(counted(live_probe), 1))
    await asyncio.sleep(0.6)
    assert await stuck() is None
    kafka.pause(*kafka.assignment())
    await bus.publish(document())
    assert (
        await eventually(stuck) == f"{watched.intake.consumer}: has fetched nothing for over 0.5 s though 1 events wait"
    )
    kafka.resume(*kafka.assignment())
    await eventually(lambda: _is(counted(live_probe), 2))
    assert await stuck() is None


async def test_stopping_is_bounded_also_while_a_handler_hangs_and_the_next_takes_its_batch(
    stack: Endpoints, bus: Bus, world: World
) -> None:
    world.stuck = True
    suffix = f"-{uuid4().hex[:8]}"
    async with database(stack, "probe") as dsn:
        await bus.publish(document(), document())
        async with live(stack, "probe", partial(build_app, world=world), dsn=dsn, group_suffix=suffix) as probe:
            await eventually(lambda: world.batches)
            async with asyncio.timeout(45):
                await probe.service.stop()
        world.hold.set()
        async with live(stack, "probe", build_app, dsn=dsn, group_suffix=suffix) as successor:
            await eventually(lambda: _is(counted(successor), 2))


async def test_no_page_that_pulls_its_scripts_from_elsewhere_is_served(probe: Running) -> None:
    async with probe.http() as client:
        assert (await client.get("/openapi.json")).status_code == 200
        for page in ("/docs", "/redoc", "/docs/oauth2-redirect", "/asyncapi"):
            assert (await client.get(page)).status_code == 404, page
