"""Documents a second from intake to document.kept, a process each for ingestion and dedup, beside bare FastStream.

Documents of 1 KB wait in Kafka, some with an address or a phone number, one in ten the near copy of another. ingestion
takes them as document.submitted (read, masked, examined, committed), its relay publishes what it accepted, and dedup
takes that (sketched, compared exactly and nearly, committed with the event of the decision in the outbox). The peer
reads the same topic in raw batches, parses and keeps nothing. `documents_s` is what one process would do that did both.

    python bench/intake.py [--documents 20000] [--rounds 3]
"""

import argparse
import asyncio
import gc
import json
import random
import statistics
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import bus  # beside this file: the readers and their watch
import harness
import uvloop
from rich.console import Console
from rich.table import Table

from millrace.chassis import Service, SystemClock
from millrace.chassis.consumer import Consumer, broker
from millrace.chassis.relay import Relay
from millrace.chassis.transaction import Transaction
from millrace.dedup import corpus
from millrace.dedup.app import build_app as build_dedup
from millrace.events import DocumentAccepted, DocumentSubmitted, WorkspaceConfigured
from millrace.ingestion.app import build_app as build_ingestion
from millrace.stack import Endpoints, Stack

WORKSPACES = 4
SAID = """
    the a my your our this that parcel box order letter label driver courier depot door neighbour street town monday
    friday week month morning evening was is has been came went left arrived waited called wrote asked promised broke
    lost found late early damaged empty wrong heavy small green blue never always again twice already still yesterday
    today tomorrow because although when where which whom nobody someone and or but not with without for from under over
    before after until since please refund money invoice price number code signature photo garden garage stairs bell
"""
WORDS = SAID.split()


def texts(number: int) -> list[str]:
    """About 1 KB each; every tenth is the one before it with a word or two exchanged."""
    draw = random.Random(7)
    made: list[str] = []
    for n in range(number):
        words = draw.choices(WORDS, k=180) if n % 10 else (made[-1].split() if made else draw.choices(WORDS, k=180))
        if n % 10 == 0:
            words[draw.randrange(len(words))] = draw.choice(WORDS)
        elif n % 7 == 0:
            words[20:20] = ["write", "to", f"customer{n}@example.org", "or", "call", f"+49 30 {900_000 + n}"]
        made.append(" ".join(words))
    return made


def workspace(n: int) -> str:
    """A near copy goes where the text before it went."""
    return f"w-{(n + 5) // 10 % WORKSPACES}"


async def fill(stack: Endpoints, number: int) -> int:
    """Publishes the documents; the size of one body in bytes."""
    made = [
        harness.make(DocumentSubmitted, workspace=workspace(n), source="crm", text=text, label="late")
        for n, text in enumerate(texts(number))
    ]
    await harness.Bus(stack).publish(*made)
    return round(statistics.mean(len(event.body()) for event in made[:100]))


@asynccontextmanager
async def service(stack: Endpoints, name: str, build: Callable[..., Service]) -> AsyncIterator[Service]:
    async with harness.database(stack, name) as dsn:
        built = build(harness.settings_for(stack, name, dsn, group_suffix=f"-{uuid4().hex}"), clock=SystemClock())
        await built.db.start()
        await built.db.keep_house()
        for resource in built.resources:
            await resource.start()
        for number in range(WORKSPACES):
            await declare(built, f"w-{number}")
        try:
            yield built
        finally:
            for resource in reversed(built.resources):
                await resource.stop()
            await built.db.stop()


async def declare(built: Service, workspace: str) -> None:
    spec = {"workspace": workspace, "owner": "bench", "task": "classify", "labels": {"names": ["late", "lost"]}}
    data = {"data": {"languages": ["en"]}}
    declared = harness.make(
        WorkspaceConfigured, workspace=workspace, revision=1, spec=spec | data, digest="-", by="bench"
    )
    await harness.Tables(built.tables).put(declared)


async def consumed(built: Service, handler: str, number: int, stages: dict[str, list[float]]) -> float:
    """Events a second of one handler, from Kafka to commit."""
    count = bus.Count(number)
    reader = broker(built.settings)
    watched = bus.Watched(built.intake(handler), count, stages)
    consumer = Consumer(watched, built.settings, reader, lambda error: None)  # type: ignore[arg-type]
    return await bus.timed(reader, count, consumer.stop)


async def one_round(stack: Endpoints, number: int, stages: dict[str, dict[str, list[float]]]) -> dict[str, float]:
    told = {}
    async with service(stack, "ingestion", build_ingestion) as built:
        with OutboxWatched(stages["ingestion"]):
            told["ingestion"] = await consumed(built, "on_document_submitted", number, stages["ingestion"])
        accepted = await built.db.pool.fetchval("SELECT count(*) FROM outbox WHERE topic = $1", DocumentAccepted.topic)
        assert accepted == number, f"only {accepted} of {number} were accepted"
        relay = Relay(built.settings, built.db, built.blobs)
        await relay.start()
        await harness.eventually(lambda: empty(built), within=600)
        await relay.stop()
    async with service(stack, "dedup", build_dedup) as built:
        with OutboxWatched(stages["dedup"]):
            told["dedup"] = await consumed(built, "on_document_accepted", number, stages["dedup"])
        rows = await built.db.pool.fetch("SELECT count(*) AS n FROM documents GROUP BY stands ORDER BY stands")
        told["dropped"] = rows[0]["n"] if len(rows) > 1 else 0
    return told


async def empty(built: Service) -> bool:
    return not await built.db.pool.fetchval("SELECT EXISTS (SELECT FROM outbox)")


class OutboxWatched:
    """Clocks the writing of the outbox while it lasts."""

    def __init__(self, stages: dict[str, list[float]]) -> None:
        self._stages = stages
        self._plain = Transaction.flush

    def __enter__(self) -> None:
        times = self._stages.setdefault("outbox", [])
        Transaction.flush = bus.clocked(self._plain, times)  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        Transaction.flush = self._plain  # type: ignore[method-assign]


async def measure(number: int, rounds: int) -> None:
    console = Console(stderr=True)
    figures: dict[str, list[float]] = {}
    stages: dict[str, dict[str, list[float]]] = {"ingestion": {}, "dedup": {}}
    parts = Stack(Path(tempfile.mkdtemp(prefix="bench-intake-")))
    stack = await asyncio.to_thread(parts.start)
    try:
        for turn in range(rounds):
            await harness.prepare(stack)
            await harness.empty_topics(stack)
            size = await fill(stack, number)
            console.print(f"[dim]round {turn + 1} of {rounds}: bare FastStream")
            bus.TOPIC = DocumentSubmitted.topic
            figures.setdefault("FastStream raw batches", []).append(await bus.faststream_raw(stack, number))
            console.print(f"[dim]round {turn + 1} of {rounds}: ingestion, then dedup")
            for name, value in (await one_round(stack, number, stages)).items():
                figures.setdefault(name, []).append(value)
    finally:
        await asyncio.to_thread(parts.stop)
    report(figures, stages, number, size)


def report(figures: dict[str, list[float]], stages: dict[str, dict[str, list[float]]], number: int, size: int) -> None:
    medians = {name: statistics.median(values) for name, values in figures.items()}
    dropped = round(medians.pop("dropped"))
    both = 1 / (1 / medians["ingestion"] + 1 / medians["dedup"])
    raw = medians["FastStream raw batches"]
    table = Table("reader", "documents/s (median)", "to raw batches", title=f"{number} documents of {size} bytes")
    for name, value in {**medians, "both, in one process": both}.items():
        table.add_row(name, f"{value:,.0f}", f"{value / raw:.3f}")
    Console().print(table)
    where = Table("stage", "ingestion", "dedup", title="us a document; validation goes on beside the commit before")
    told = {name: per_document(times, number * len(figures["dedup"])) for name, times in stages.items()}
    for stage in told["ingestion"]:
        where.add_row(stage, *(f"{told[name].get(stage, 0):,.0f}" for name in told))
    for step, micros in dedup_steps(number * len(figures["dedup"])).items():
        where.add_row(f"handler: {step}", "", f"{micros:,.0f}")
    Console().print(where)
    print(
        json.dumps(
            {
                "ratio": round(both / raw, 4),
                "documents_s": round(both),
                **{name.replace(" ", "_"): round(value) for name, value in medians.items()},
                "dropped": dropped,
                "stages_us": {name: {stage: round(us) for stage, us in one.items()} for name, one in told.items()},
                "dedup_us": {step: round(us) for step, us in dedup_steps(number * len(figures["dedup"])).items()},
            }
        )
    )


def per_document(stages: dict[str, list[float]], number: int) -> dict[str, float]:
    return {stage: 1e6 * sum(times) / number for stage, times in stages.items()}


def dedup_steps(number: int) -> dict[str, float]:
    [metric] = corpus.SECONDS.collect()
    return {
        sample.labels["step"]: 1e6 * sample.value / number
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    gc.set_threshold(50_000, 20, 50)  # as a service's process does; for every reader alike
    uvloop.run(measure(given.documents, given.rounds))
