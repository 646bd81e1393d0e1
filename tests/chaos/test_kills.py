"""SIGKILL for every process in turn while events stream: nothing is lost, nothing counts twice, order holds."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from checker import problems
from harness import eventually, make
from kept import read_tables
from log import read_log

from millrace.chassis import wire
from millrace.events import (
    DocumentSubmitted,
    Event,
    FeedbackGiven,
    InteractionLogged,
    ObservationSubmitted,
    PredictionServed,
)
from millrace.stack.supervisor import Supervisor

E = TypeVar("E", bound=Event)

WORKSPACES = ("north", "south")
EVENTS = 20_000
RATE = 160
"""Events a second."""

SPEC = """
workspace: {name}
owner: chaos
task: classify
labels: {{names: [late, lost], new: admit, min_examples: 100000}}
data: {{languages: []}}
train: {{on: {{drift: false, new_documents: null, schedule: null}}}}
"""
METERS = """
workspace: meters
owner: chaos
task: tabular
entity: meter
lanes: 3
features: {load_30d: {mean: load, over: 30d}, state: {category: ["on", "off"]}}
target: {name: load, kind: regression, horizon: 1h, arrives_within: 3h}
"""
WORDS = (Path(__file__).parent / "words.txt").read_text().split()


@pytest.fixture
async def up(data_folder: Path) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(data_folder / "chaos")
    await asyncio.to_thread(supervisor.start)
    try:
        await asyncio.to_thread(supervisor.wait_ready)
        yield supervisor
    finally:
        await asyncio.to_thread(supervisor.stop)


async def test_kills_lose_nothing_and_count_nothing_twice(up: Supervisor) -> None:
    for name in WORKSPACES:
        await apply(up, SPEC.format(name=name))
    await apply(up, METERS)
    names = [process.name for process in up.seen().processes if process.service]
    killed = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        streaming = group.create_task(stream(up.seen().endpoints.kafka, killed))
        for name in [*names, "kafka", *names, "postgres"]:
            await kill(up, name)
        assert not streaming.done(), "the last kill fell after the stream"
        killed.set()
    sent, found = streaming.result(), list[str]()

    async def settled() -> bool:
        ends = up.seen().endpoints
        found[:] = problems(sent, await read_log(ends.kafka), await read_tables(ends.postgres))
        return not found

    try:
        await eventually(settled, within=240)
    except AssertionError as error:
        raise AssertionError("\n".join(found)) from error
    restarts = {process.name: process.restarts for process in up.seen().processes}
    assert all(restarts[name] >= 2 for name in names) and restarts["kafka"] >= 1 and restarts["postgres"] >= 1


async def apply(up: Supervisor, file: str) -> None:
    async with httpx.AsyncClient(timeout=40) as client:
        url = f"{up.seen().url('registry')}/v1/workspaces"
        answer = await client.post(url, params={"by": "chaos"}, content=file)
    assert answer.status_code in {200, 201, 202}, answer.text


async def kill(up: Supervisor, name: str) -> None:
    """Kills a process that is ready, and returns when another has its place."""
    await eventually(lambda: up.seen().process(name).state == "ready", within=120)
    process = up.seen().process(name)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    await eventually(lambda: up.seen().process(name).pid not in {None, process.pid}, within=60)


async def stream(kafka: str, killed: asyncio.Event) -> list[Event]:
    """Publishes `EVENTS` at an even rate, and more until all were killed; returns them when Kafka has taken each."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, enable_idempotence=True, acks="all", request_timeout_ms=60_000, linger_ms=5
    )
    await producer.start()
    sent: list[Event] = []
    waiting = []
    try:
        for event in events():
            if len(sent) >= EVENTS and killed.is_set():
                break
            headers = wire.to_kafka(wire.headers_of(event, "chaos", None))
            waiting.append(await producer.send(event.topic, event.body(), key=event.key.encode(), headers=headers))
            sent.append(event)
            if len(sent) % RATE == 0:
                await asyncio.sleep(1.0)
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()
    return sent


def events() -> Iterator[Event]:
    """Documents, interactions, predictions and labels for both workspaces, without end; some texts come again.

    Between them stations of a third are observed.
    """
    chance = random.Random(11)
    for number in count():
        workspace = WORKSPACES[number % 2]
        text = (
            " ".join(chance.choices(WORDS, k=14))
            if number % 11
            else "where is the parcel that I sent on monday morning"
        )
        yield new(
            DocumentSubmitted, chance, workspace, source="crm", document_id=f"d-{number}", text=text, label="late"
        )
        yield new(InteractionLogged, chance, workspace, source="chat", input=" ".join(chance.choices(WORDS, k=12)))
        yield prediction(chance, workspace, number)
        yield label(chance, workspace, number)
        yield observation(chance, number)


def new(event: type[E], chance: random.Random, workspace: str, **fields: Any) -> E:
    """An event of long ago that is known only now."""
    id = UUID(int=chance.getrandbits(128), version=4)
    return make(event, id=id, known_at=datetime.now(UTC), workspace=workspace, **fields)


def observation(chance: random.Random, number: int) -> ObservationSubmitted:
    """Of now, so that no window has passed by the end."""
    values = {"load": chance.random(), "state": chance.choice(["on", "off", None])}
    meter = f"meter-{number % 40}"
    now = datetime.now(UTC)
    return new(ObservationSubmitted, chance, "meters", at=now, source="meters", entity=meter, values=values)


def prediction(chance: random.Random, workspace: str, number: int) -> PredictionServed:
    return new(
        PredictionServed,
        chance,
        workspace,
        lane=0,
        request_id=f"q-{number}",
        prediction_id=f"p-{number}",
        version=f"{workspace}-1",
        arm="production",
        revision=1,
        text=" ".join(chance.choices(WORDS, k=11)),
        latency_ms=5.0,
        tokens=11,
        label="late",
        probability=0.9,
        entropy=0.3,
        novelty=0.2,
    )


def label(chance: random.Random, workspace: str, number: int) -> FeedbackGiven:
    return new(
        FeedbackGiven,
        chance,
        workspace,
        kind="label",
        value=chance.choice(["late", "lost"]),
        source="agent",
        request_id=f"q-{number}",
    )
