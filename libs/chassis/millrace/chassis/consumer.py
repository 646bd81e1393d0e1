"""Kafka in: FastStream subscribers that hand raw batches to intakes.

FastStream's own parsing, acknowledging and retrying are turned off (docs/decisions/ says why): records go
through whole, and the offsets that are committed are those of the records that Postgres has.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage, KafkaMessage

from millrace.chassis import loops, telemetry
from millrace.chassis.errors import TooManyDeadLetters, Unavailable
from millrace.chassis.intake import Intake, Read
from millrace.chassis.settings import Settings

log = structlog.get_logger()

PATIENCE = 120.0
"""Seconds a batch is tried again in place; well below Kafka's max.poll.interval of 300, past it it is fetched anew."""

FETCH_WAIT_MS = 2000
"""How long Kafka holds a fetch that finds nothing; what comes is sent at once. What thirty groups cost at rest."""

STUCK = 90.0
"""Seconds without a fetch though something waits, or in one try of a batch, after which a consumer counts as stuck."""


Records = Sequence[ConsumerRecord[Any, Any]]
T = TypeVar("T")


async def tolerant(batch: tuple[ConsumerRecord[Any, Any], ...]) -> KafkaMessage:
    """A message of raw records. FastStream's parser decodes headers strictly and loses the record when it can't."""
    return KafkaAckableMessage(
        body=b"", headers={}, raw_message=batch, message_id="", correlation_id="", consumer=NOBODY
    )


async def untouched(message: KafkaMessage) -> Any:
    return message.raw_message


class Nobody:
    """Offsets are committed by Consumer, never through a message, which would commit every partition's position."""

    async def commit(self) -> None:
        raise RuntimeError("a batch's offsets are committed by its consumer")

    def seek(self, partition: Any, offset: int) -> None:
        raise RuntimeError("a batch is rewound by its consumer")


NOBODY = Nobody()


def broker(settings: Settings) -> KafkaBroker:
    """A broker that creates no topics, parses nothing, and injects nothing."""
    return KafkaBroker(
        settings.kafka.split(","),
        client_id=settings.name,
        allow_auto_create_topics=False,
        apply_types=False,
        parser=tolerant,
        decoder=untouched,
        graceful_timeout=10.0,
        logger=None,
    )


class Consumer:
    """One handler's subscription: fetch, commit in Postgres, then in Kafka; retry with back-off."""

    def __init__(
        self, intake: Intake, settings: Settings, bus: KafkaBroker, halt: Callable[[BaseException], None]
    ) -> None:
        self.intake = intake
        self._halt = halt
        self._stopping = asyncio.Event()
        self._trying_since: float | None = None
        self._lag = 0
        self._fetched_at = time.monotonic()
        self._settled: dict[TopicPartition, int] = {}
        self._committing: asyncio.Future[Records] = _done(())
        self._settling: asyncio.Future[None] = _done(None)
        self.subscriber = bus.subscriber(
            intake.handler.event.topic,
            batch=True,
            group_id=f"{settings.name}.{intake.consumer}{settings.group_suffix}",
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            ack_policy=AckPolicy.MANUAL,
            max_records=settings.batch,
            batch_timeout_ms=1000,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            session_timeout_ms=10_000,
        )
        self.subscriber(self._take)

    async def _take(self, records: Records) -> None:
        """Reads a batch while the one before commits. Returns when its own turn has come, so one waits at most."""
        self._fetched_at = time.monotonic()
        if self.subscriber.consumer is not None:
            self.subscriber.consumer._fetcher._prefetch_backoff = STUCK  # no argument sets it: docs/decisions/0033
        reading = asyncio.create_task(self.intake.read(records))
        begun = asyncio.Event()
        self._committing = asyncio.create_task(self._commit(records, reading, self._committing, begun))
        await begun.wait()

    async def _commit(
        self, records: Records, reading: asyncio.Task[list[Read]], before: asyncio.Future[Records], begun: asyncio.Event
    ) -> Records:
        """What was lost of a batch: none of it, or all. One behind a lost one came from beyond it and goes with it."""
        arrived = time.monotonic()
        lost = await before
        if lost or self._stopping.is_set():
            reading.cancel()
            self._rewind([*lost, *records])
            begun.set()
            return ()
        begun.set()
        if not await self._process(records, reading):
            self._rewind(records)
            return records
        telemetry.BATCH_SECONDS.labels(self.intake.consumer).observe(time.monotonic() - arrived)
        await self._settling
        self._settling = asyncio.create_task(self._settle(records))
        return ()

    async def _process(self, records: Records, reading: asyncio.Task[list[Read]]) -> bool:
        """Whether the batch is committed. False when its time or the service's is up."""
        deadline, pause = time.monotonic() + PATIENCE, 0.1
        while True:
            self._trying_since = time.monotonic()
            try:
                await self.intake.commit(await reading)
                return True
            except TooManyDeadLetters as error:
                log.error("stopping", handler=self.intake.consumer, because=str(error))
                self._halt(error)
                return False
            except Unavailable as error:
                telemetry.RETRIES.labels(self.intake.consumer).inc()
                log.warning("batch waits", handler=self.intake.consumer, because=str(error), pause_s=pause)
            except Exception:
                telemetry.BUGS.labels(self.intake.consumer).inc()
                log.exception("batch fails", handler=self.intake.consumer, records=len(records), pause_s=pause)
            finally:
                self._trying_since = None
            if time.monotonic() + pause > deadline or await loops.set_within(self._stopping, pause):
                return False
            pause = min(pause * 2, 10.0)
            reading = asyncio.create_task(self.intake.read(records))

    async def _settle(self, records: Records) -> None:
        """Kafka's offsets follow Postgres; a commit that a rebalance refuses is made up for by the positions."""
        last = {(record.topic, record.partition): record.offset for record in records}  # they come in log order
        ends = {TopicPartition(*place): offset + 1 for place, offset in last.items()}
        consumer = self.subscriber.consumer
        if consumer is None:
            return
        self._settled.update(ends)
        try:
            await consumer.commit(ends)
        except KafkaError as error:
            log.info("offsets not committed", handler=self.intake.consumer, because=str(error))

    async def measure_lag(self) -> None:
        """Sets the lag gauge, also while a batch is stuck. Raises KafkaError."""
        consumer = self.subscriber.consumer
        if consumer is None or not consumer.assignment():
            return
        ends = await consumer.end_offsets(list(consumer.assignment()))
        lag = 0
        for place, end in ends.items():
            here = await consumer.position(place)
            if not self._committing.done():  # fetched, but not committed
                here = self._settled.get(place, here)
            lag += max(0, end - here)
        telemetry.LAG.labels(self.intake.consumer).set(lag)
        if not self._lag or not self._committing.done():  # nothing was to be fetched until now, or there was no room
            self._fetched_at = time.monotonic()
        self._lag = lag

    def _rewind(self, records: Records) -> None:
        consumer = self.subscriber.consumer
        if consumer is None:
            return
        starts: dict[TopicPartition, int] = {}
        for record in records:
            place = TopicPartition(record.topic, record.partition)
            starts[place] = min(starts.get(place, record.offset), record.offset)
        for place, offset in starts.items():
            if place in consumer.assignment():
                consumer.seek(place, offset)

    async def stop(self) -> None:
        """No further batches or tries; what is in hand commits or is fetched again by the next member."""
        self._stopping.set()
        if self.subscriber.consumer is not None:
            self.subscriber.consumer.pause(*self.subscriber.consumer.assignment())
        await asyncio.wait({self._committing}, timeout=10)
        await asyncio.wait({self._settling}, timeout=2)

    def assigned(self) -> bool:
        consumer = self.subscriber.consumer
        return consumer is not None and (bool(consumer.assignment()) or _joined(consumer))

    def stuck(self) -> str | None:
        """Why this consumer counts as stuck, None where it does not: liveness watches this, not the cluster."""
        name = self.intake.consumer
        if self._trying_since is not None and time.monotonic() - self._trying_since > STUCK:
            return f"{name}: one try of a batch has taken over {STUCK:g} s"
        if self._lag and self._committing.done() and time.monotonic() - self._fetched_at > STUCK:
            return f"{name}: has fetched nothing for over {STUCK:g} s though {self._lag} events wait"
        if any(task.done() for task in self.subscriber.tasks):
            return f"{name}: its consume loop has ended"
        if self._committing.done() and (error := self._committing.exception()):
            return f"{name}: a batch has ended in {error!r}"
        return None


def _done(result: T) -> asyncio.Future[T]:
    done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    done.set_result(result)
    return done


def _joined(consumer: Any) -> bool:
    """Whether the group has settled; a member may rightly have no partition."""
    generation = getattr(getattr(consumer, "_coordinator", None), "generation", -1)
    return bool(generation is not None and generation > 0)
