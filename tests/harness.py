"""How tests run services: on a database of their own, with real records, with or without Kafka."""

import asyncio
import base64
import importlib
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg
import httpx
import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from millrace.chassis import Database, Service, Unprocessable, provision, wire
from millrace.chassis.jobs import Worker
from millrace.chassis.signatures import Signer
from millrace.chassis.tables import Table
from millrace.events import Envelope, Event
from millrace.stack import Endpoints

E = TypeVar("E", bound=Event)

CONTRACTS = Path(__file__).parents[1] / "contracts"
PARTITIONS = 3
SECRET = "a test's secret"
SIGNER = Signer(base64.b64encode(b"a test's signing key, 32 bytes..").decode())
SIGNING = {"signing_key": base64.b64encode(b"a test's signing key, 32 bytes..").decode(), "trusted_keys": SIGNER.public}
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class FakeClock:
    """A clock that stands until it is moved."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


def make(
    event: type[E],
    *,
    id: UUID | None = None,
    at: datetime = START,
    known_at: datetime | None = None,
    cycle_id: UUID | None = None,
    cause_id: UUID | None = None,
    traceparent: str | None = None,
    **fields: Any,
) -> E:
    """An event from scratch."""
    fields.setdefault("workspace", "parcels")
    envelope = Envelope(id or uuid4(), "test", at, known_at or at, cause_id, cycle_id, traceparent)
    return event.create(envelope, **fields)


def example(event: type[E], name: str, *, times: int = 1, **fields: Any) -> list[E]:
    """Events from a contract's example. Ids, and fields that end in `_id`, differ; times go on by 20 ms."""
    contract = yaml.safe_load(CONTRACTS.joinpath("topics", f"{event.topic}.yaml").read_text())
    body = {**contract["examples"][name], **fields}
    made = []
    for number in range(times):
        own = {key: f"{value}-{number}" if key.endswith("_id") and times > 1 else value for key, value in body.items()}
        made.append(make(event, at=START + number * timedelta(milliseconds=20), **own))
    return made


def record(event: Event, *, partition: int, offset: int) -> wire.Received:
    """An event as Kafka would give it."""
    headers = wire.headers_of(event, "test", event.traceparent)
    stamp = int(event.occurred_at.timestamp() * 1000)
    return wire.Received(
        event.topic, partition, offset, stamp, event.key.encode(), event.body(), wire.to_kafka(headers)
    )


class Tables:
    """Fills a service's tables without Kafka."""

    def __init__(self, tables: Sequence[Table[Any]]) -> None:
        self._tables = tables

    async def put(self, *events: Event) -> None:
        for event in events:
            for table in self._tables:
                if table.topic == event.topic:
                    await table.put(event)
                    table.caught_up = True


class Drained:
    """What a table reads where there is no Kafka: nothing is to come but what is put in by hand."""

    async def end_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return {}


class Running:
    """A service on real Postgres, driven by hand."""

    def __init__(self, service: Service, clock: FakeClock) -> None:
        self.service = service
        self.clock = clock
        self.tables = Tables(service.tables)
        self._records: dict[UUID, wire.Received] = {}
        self._ends: dict[tuple[str, int], int] = {}

    @property
    def db(self) -> Database:
        return self.service.db

    async def deliver(self, events: Iterable[Event], *, again: bool = False, at_once: bool = True) -> None:
        """Takes events through the batch path of every handler that eats them.

        They come at new offsets, as a publisher's repetition does; with `again` at those they had, as a redelivery.
        """
        records = [self._record(event, again) for event in events]
        await self.deliver_records(records, at_once=at_once)

    async def deliver_records(self, records: Sequence[wire.Record], *, at_once: bool = True) -> None:
        for intake in self.service.intakes:
            batch = [record for record in records if record.topic == intake.handler.event.topic]
            for part in [batch] if at_once else [[record] for record in batch]:
                if part:
                    await intake.process(part)

    def _record(self, event: Event, again: bool) -> wire.Received:
        if again:
            return self._records[event.id]
        partition = zlib.crc32(event.key.encode()) % PARTITIONS
        place = (event.topic, partition)
        offset = self._ends.get(place, 0)
        self._ends[place] = offset + 1
        made = record(event, partition=partition, offset=offset)
        self._records.setdefault(event.id, made)
        return made

    async def snapshot(self) -> dict[str, list[str]]:
        """Every table of the schema as sorted rows, without what records how rather than what."""
        left_out = {"positions", "migrations", "leases"}
        volatile = {
            "outbox": {"seq", "xid"},
            "jobs": {"claimed_at", "finished_at", "lease_until"},
            "dead_letters": {"at"},
        }
        shot: dict[str, list[str]] = {}
        async with self.db.reading() as tx:
            names = await tx.fetch(
                """SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r'
                   AND NOT relispartition ORDER BY relname""",
                self.service.name,
            )
            for name in (row["relname"] for row in names):
                if name in left_out:
                    continue
                rows = await tx.fetch(f"SELECT * FROM {name}")
                kept = volatile.get(name, set())
                shot[name] = sorted(repr({k: v for k, v in row.items() if k not in kept}) for row in rows)
        return shot

    async def emitted(self, event: type[E]) -> list[E]:
        """The events of a class in the outbox, in order."""
        async with self.db.reading() as tx:
            rows = await tx.fetch("SELECT * FROM outbox WHERE topic = $1 ORDER BY seq", event.topic)
        found = []
        for row in rows:
            headers = [(name, value.encode()) for name, value in json.loads(row["headers"]).items()]
            found.append(
                wire.decode(event, wire.Received(row["topic"], 0, 0, 0, row["key"].encode(), row["body"], headers))
            )
        return found

    async def dead_letters(self) -> list[str]:
        async with self.db.reading() as tx:
            return [row["reason"] for row in await tx.fetch("SELECT reason FROM dead_letters ORDER BY id")]

    async def work(self, *kinds: str, most: int = 200) -> int:
        """Runs due jobs, of the kinds given or of all, until none is left; how many ran."""
        workers = [Worker(job, self.db) for job in self.service.jobs if not kinds or job.kind in kinds]
        ran = 0
        while ran < most:
            done = [await worker.once() for worker in workers]
            if not any(done):
                return ran
            ran += sum(done)
        raise AssertionError(f"jobs still due after {most}")

    @asynccontextmanager
    async def http(self) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app=self.service.app(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client


def settings_for(stack: Endpoints, name: str, dsn: str, **more: Any) -> Any:
    """The settings of a service on the test's stack."""
    module = importlib.import_module(f"millrace.{name}.settings")
    keys = {key: value for key, value in SIGNING.items() if key in module.Settings.model_fields}
    return module.Settings(
        kafka=stack.kafka,
        postgres=dsn,
        s3_url=stack.s3.url,
        s3_access_key=stack.s3.access_key,
        s3_secret_key=stack.s3.secret_key,
        s3_bucket="millrace",
        secret=SECRET,
        **{**keys, **more},
    )


@asynccontextmanager
async def database(stack: Endpoints, *schemas: str) -> AsyncIterator[str]:
    """The DSN of a new database with schemas; dropped afterwards."""
    name = f"test_{uuid4().hex[:12]}"
    admin = await asyncpg.connect(stack.postgres)
    await admin.execute(f"CREATE DATABASE {name}")
    base, _, _ = stack.postgres.partition("?")
    dsn = base.rsplit("/", 1)[0] + f"/{name}"
    fresh = await asyncpg.connect(dsn)
    await fresh.execute("CREATE EXTENSION IF NOT EXISTS vector")
    for schema in schemas:
        await fresh.execute(f"CREATE SCHEMA {schema}")
    await fresh.close()
    try:
        yield dsn
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


@asynccontextmanager
async def running(
    stack: Endpoints,
    name: str,
    build_app: Callable[..., Service],
    *,
    clock: FakeClock | None = None,
    dsn: str | None = None,
    **more: Any,
) -> AsyncIterator[Running]:
    """A service with its resources started, but without Kafka: no consumers, no relay, no workers.

    On a database of its own, or on the one given.
    """
    clock = clock or FakeClock()
    async with database(stack, name) if dsn is None else nullcontext(dsn) as dsn:
        service = build_app(settings_for(stack, name, dsn, **more), clock=clock)
        await service.db.start()
        await service.db.keep_house()
        for resource in service.resources:
            await resource.start()
        for table in service.tables:
            table._consumer = Drained()
        service.started = True
        try:
            yield Running(service, clock)
        finally:
            for resource in reversed(service.resources):
                await resource.stop()
            await service.db.stop()


class Bus:
    """Publishes to and reads from the test's Kafka."""

    def __init__(self, stack: Endpoints) -> None:
        self._stack = stack

    async def publish(self, *events: Event) -> None:
        await self.publish_raw(
            *(
                (
                    event.topic,
                    event.key.encode(),
                    event.body(),
                    wire.to_kafka(wire.headers_of(event, "test", event.traceparent)),
                )
                for event in events
            )
        )

    async def publish_raw(
        self, *records: tuple[str, bytes | None, bytes | None, Sequence[tuple[str, bytes | None]]]
    ) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._stack.kafka, enable_idempotence=True, linger_ms=5)
        await producer.start()
        try:
            sent = [
                await producer.send(topic, value, key=key, headers=headers) for topic, key, value, headers in records
            ]
            await asyncio.gather(*sent)
        finally:
            await producer.stop()

    async def read(self, event: type[E], *, until: Callable[[list[E]], bool], within: float = 30.0) -> list[E]:
        """Reads a topic from its start until the events satisfy `until`. Raises AssertionError with what there was."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._stack.kafka, isolation_level="read_committed", auto_offset_reset="earliest"
        )
        await consumer.start()
        found: list[E] = []
        try:
            consumer.assign([TopicPartition(event.topic, number) for number in range(PARTITIONS)])
            await consumer.seek_to_beginning()
            deadline = asyncio.get_running_loop().time() + within
            while not until(found):
                if asyncio.get_running_loop().time() > deadline:
                    raise AssertionError(f"{event.topic}: {len(found)} events within {within} s, last {found[-1:]}")
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for one in records:
                        try:
                            found.append(wire.decode(event, one))
                        except Unprocessable:
                            continue
        finally:
            await consumer.stop()
        return found


async def empty_topics(stack: Endpoints) -> None:
    """Deletes every record of every topic: serving would wait for the models of routes that an earlier test left."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.kafka)
    await admin.start()
    await consumer.start()
    try:
        places = [TopicPartition(name, number) for name in Event.by_topic for number in range(PARTITIONS)]
        ends = await consumer.end_offsets(places)
        await admin.delete_records({place: RecordsToDelete(before_offset=end) for place, end in ends.items() if end})
    finally:
        await consumer.stop()
        await admin.close()


@asynccontextmanager
async def live(
    stack: Endpoints, name: str, build_app: Callable[..., Service], *, dsn: str | None = None, **more: Any
) -> AsyncIterator[Running]:
    """A whole service on Kafka: consumers, relay, workers, tables. HTTP by `http()`."""
    from millrace.chassis import SystemClock

    async with database(stack, name) as own:
        more.setdefault("group_suffix", f"-{uuid4().hex[:8]}")
        service = build_app(settings_for(stack, name, dsn or own, **more), clock=SystemClock())
        try:
            await service.start()
            yield Running(service, FakeClock())
        finally:
            await service.stop()


async def eventually(check: Callable[[], Any], *, within: float = 30.0) -> Any:
    """Waits for a condition: awaits or calls `check` until it gives something true, and returns that."""
    deadline = asyncio.get_running_loop().time() + within
    while True:
        result = check()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return result
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {within} s: {check}")
        await asyncio.sleep(0.05)


async def prepare(stack: Endpoints) -> None:
    """Topics and bucket for a test session."""
    topics = provision.topics(CONTRACTS, partitions=PARTITIONS)
    for topic in topics:
        if topic.topic_configs.get("cleanup.policy") == "compact":  # else the tests could not empty it
            topic.topic_configs = {"cleanup.policy": "compact,delete", "retention.ms": "-1"}
    await provision.create_topics(stack.kafka, topics)
    await provision.create_bucket(
        provision.Settings(
            kafka=stack.kafka,
            postgres=stack.postgres,
            s3_url=stack.s3.url,
            s3_access_key=stack.s3.access_key,
            s3_secret_key=stack.s3.secret_key,
            services={},
        )
    )
