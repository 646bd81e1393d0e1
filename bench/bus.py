"""Events a second through the chassis, beside bare FastStream and bare aiokafka, on the same Kafka in one run.

Every reader reads the same topic from its start, in turn, several rounds; medians are printed. `ratio` is the
chassis (validated, position, inbox, one state row and one outbox row an event, committed) to FastStream's raw
batches; `ratio_single` to FastStream one by one with its own validation. The relay is measured apart and at once.

    python bench/bus.py [--events 60000] [--rounds 3]
"""

import argparse
import asyncio
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvloop
from aiokafka import AIOKafkaConsumer
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench" / "bus_service")]

import millrace  # noqa: E402

millrace.__path__ = [*millrace.__path__, str(ROOT / "bench" / "bus_service" / "millrace")]

import harness  # noqa: E402

from millrace.bus.app import build_app  # noqa: E402
from millrace.chassis import Service, SystemClock  # noqa: E402
from millrace.chassis.consumer import Consumer, broker, tolerant, untouched  # noqa: E402
from millrace.chassis.intake import Intake  # noqa: E402
from millrace.chassis.relay import Relay  # noqa: E402
from millrace.chassis.transaction import Transaction  # noqa: E402
from millrace.events import DocumentAccepted  # noqa: E402
from millrace.stack import Endpoints, Stack  # noqa: E402

TOPIC = DocumentAccepted.topic
STAGES = {
    "_decode": "validate",
    "commit": "whole batch",
    "_lock": "position",
    "_remember": "inbox",
    "_together": "handler",
    "_advance": "advance",
}
SINGLE = 6000
"""Events read one by one: enough to time, few enough to wait for."""


class Count:
    """Counts to a goal; the clock starts after the first batch, so that joining a group is not measured."""

    def __init__(self, goal: int) -> None:
        self.left = goal
        self.reached = asyncio.Event()
        self._counted = 0
        self._started = self._ended = 0.0

    def add(self, number: int) -> None:
        self.left -= number
        if self._started:
            self._counted += number
        else:
            self._started = time.perf_counter()
        if self.left <= 0:
            self._ended = time.perf_counter()
            self.reached.set()

    @property
    def rate(self) -> float:
        return self._counted / (self._ended - self._started)


async def bare_aiokafka(stack: Endpoints, events: int) -> float:
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=stack.kafka, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    count = Count(events)
    while not count.reached.is_set():
        for records in (await consumer.getmany(timeout_ms=200, max_records=1000)).values():
            count.add(len(records))
    await consumer.stop()
    return count.rate


async def faststream_raw(stack: Endpoints, events: int) -> float:
    """FastStream's batches as bytes, committed after each batch, nothing parsed."""
    bus = KafkaBroker(stack.kafka, apply_types=False, parser=tolerant, decoder=untouched, logger=None)
    count = Count(events)
    subscriber = bus.subscriber(
        TOPIC,
        batch=True,
        group_id=f"raw-{uuid4().hex}",
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_records=1000,
        ack_policy=AckPolicy.MANUAL,
    )

    async def take(records: Any) -> None:
        count.add(len(records))
        await subscriber.consumer.commit()

    subscriber(take)
    return await timed(bus, count)


async def faststream_single(stack: Endpoints, events: int) -> float:
    """FastStream as its tutorial has it: one record at a time, parsed into the model, acknowledged each."""
    bus = KafkaBroker(stack.kafka, logger=None)
    count = Count(events)

    @bus.subscriber(
        TOPIC,
        group_id=f"single-{uuid4().hex}",
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    async def take(event: DocumentAccepted) -> None:
        count.add(1)

    return await timed(bus, count)


async def timed(bus: KafkaBroker, count: Count, *stops: Callable[[], Awaitable[None]]) -> float:
    await bus.start()
    await count.reached.wait()
    for stop in (*stops, bus.stop):
        await stop()
    return count.rate


@asynccontextmanager
async def service(stack: Endpoints) -> AsyncIterator[Service]:
    async with harness.database(stack, "bus") as dsn:
        built = build_app(harness.settings_for(stack, "bus", dsn, group_suffix=f"-{uuid4().hex}"), clock=SystemClock())
        await built.db.start()
        await built.db.keep_house()
        yield built
        await built.db.stop()


async def chassis(stack: Endpoints, events: int, stages: dict[str, list[float]], *, relayed: bool) -> dict[str, float]:
    """The chassis's consumer; with `relayed` its relay publishes at the same time."""
    async with service(stack) as built:
        [intake] = built.intakes
        count = Count(events)
        watched = Watched(intake, count, stages if not relayed else {})
        bus = broker(built.settings)
        consumer = Consumer(watched, built.settings, bus, lambda error: None)  # type: ignore[arg-type]
        relay = Relay(built.settings, built.db, built.blobs)
        if relayed:
            await relay.start()
        consumed = await timed(bus, count, consumer.stop)
        if relayed:
            await relay.stop()
            return {"chassis and relay": consumed}
        started = time.perf_counter()
        await relay.start()
        await harness.eventually(lambda: _empty(built), within=300)
        relayed_in = time.perf_counter() - started
        await relay.stop()
        return {"chassis": consumed, "relay": events / relayed_in}


async def _empty(built: Service) -> bool:
    return not await built.db.pool.fetchval("SELECT EXISTS (SELECT FROM outbox)")


class Watched:
    """An intake with a watch on its stages."""

    def __init__(self, intake: Intake, count: Count, stages: dict[str, list[float]]) -> None:
        self._intake, self._count = intake, count
        self.consumer, self.handler, self.read = intake.consumer, intake.handler, intake.read
        for method, stage in STAGES.items():
            setattr(intake, method, clocked(getattr(intake, method), stages.setdefault(stage, [])))

    async def commit(self, batch: Any) -> int:
        done = await self._intake.commit(batch)
        self._count.add(done)
        return done


def clocked(call: Callable[..., Any], times: list[float]) -> Callable[..., Any]:
    """The call, sync or async, with its seconds appended to `times`."""
    if asyncio.iscoroutinefunction(call):

        async def later(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return await call(*args, **kwargs)
            finally:
                times.append(time.perf_counter() - started)

        return later

    def now(*args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        try:
            return call(*args, **kwargs)
        finally:
            times.append(time.perf_counter() - started)

    return now


async def fill(stack: Endpoints, events: int) -> int:
    """Publishes the events; the size of one body in bytes."""
    text = "My parcel with the blue label was due on Monday and the driver has not been seen since. " * 2
    made = [
        harness.make(
            DocumentAccepted,
            workspace=f"w-{number % 30}",
            document_id=f"d-{number}",
            source="crm",
            text=text[: 150 + number % 40],
            label="late",
            trusted=True,
            origin={"topic": "document.submitted.v1", "partition": 0, "offset": number, "event_id": f"e-{number}"},
        )
        for number in range(events)
    ]
    await harness.Bus(stack).publish(*made)
    return len(made[0].body())


async def measure(events: int, rounds: int) -> None:
    console = Console(stderr=True)
    figures: dict[str, list[float]] = {}
    stages: dict[str, list[float]] = {}
    parts = Stack(Path(tempfile.mkdtemp(prefix="bench-bus-")))
    stack = await asyncio.to_thread(parts.start)
    clocked_flush = clocked(Transaction.flush, stages.setdefault("outbox", []))
    Transaction.flush = clocked_flush  # type: ignore[method-assign]
    try:
        await harness.prepare(stack)
        size = await fill(stack, events)
        runs: list[tuple[str, Callable[[], Awaitable[float | dict[str, float]]]]] = [
            ("aiokafka raw", lambda: bare_aiokafka(stack, events)),
            ("FastStream raw batches", lambda: faststream_raw(stack, events)),
            ("FastStream one by one", lambda: faststream_single(stack, min(events, SINGLE))),
            ("chassis", lambda: chassis(stack, events, stages, relayed=False)),
            ("chassis and relay", lambda: chassis(stack, events, stages, relayed=True)),
        ]
        for number in range(rounds):
            for name, run in runs:
                console.print(f"[dim]round {number + 1} of {rounds}: {name}")
                found = await run()
                for key, value in (found if isinstance(found, dict) else {name: found}).items():
                    figures.setdefault(key, []).append(value)
    finally:
        await asyncio.to_thread(parts.stop)
    report(figures, stages, events, size)


def report(figures: dict[str, list[float]], stages: dict[str, list[float]], events: int, size: int) -> None:
    medians = {name: statistics.median(values) for name, values in figures.items()}
    raw = medians["FastStream raw batches"]
    table = Table("reader", "events/s (median)", "to raw batches", title=f"{events} events of {size} bytes")
    for name, value in medians.items():
        table.add_row(name, f"{value:,.0f}", f"{value / raw:.2f}")
    Console().print(table)
    whole = sum(stages["whole batch"])
    where = Table("stage of a batch", "to its commit", title="where the chassis's time goes; it validates beside")
    for stage, times in stages.items():
        if stage != "whole batch":
            where.add_row(stage, f"{sum(times) / whole:.0%}")
    Console().print(where)
    print(
        json.dumps(
            {
                "ratio": round(medians["chassis"] / raw, 3),
                "ratio_single": round(medians["chassis"] / medians["FastStream one by one"], 2),
                "ratio_with_relay": round(medians["chassis and relay"] / raw, 3),
                **{name.replace(" ", "_"): round(value) for name, value in medians.items()},
                "stages": {stage: round(sum(times) / whole, 3) for stage, times in stages.items()},
            }
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    gc.set_threshold(50_000, 20, 50)  # as a service's process does; for every reader alike
    uvloop.run(measure(given.events, given.rounds))
