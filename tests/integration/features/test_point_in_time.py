"""The features that a model trains on are those that were served at that moment: row by row, bit by bit.

One stream, with late, out-of-order, repeated and redelivered events and a restart in between, goes to serving and to
datasets, each on real Postgres and S3. Serving is asked as time goes by, datasets makes its table at the end.
"""

import io
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
import pytest
from harness import START, Drained, FakeClock, Running, database, make, settings_for

from millrace.chassis import Service
from millrace.datasets.app import build_app as build_datasets
from millrace.events import ObservationAccepted, WorkspaceConfigured
from millrace.serving.app import build_app as build_serving
from millrace.stack import Endpoints
from millrace.workspace import COLUMNS, load

SPEC = load("""
workspace: stations
owner: grid
task: tabular
entity: station
lanes: 4
features:
  n_10m: {count: load, over: 10m}
  sum_10m: {sum: load, over: 10m}
  mean_1h: {mean: load, over: 1h}
  std_1h: {std: load, over: 1h}
  low_30m: {min: load, over: 30m}
  high_30m: {max: load, over: 30m}
  now: {last: load, over: 20m}
  wind_2h: {mean: wind, over: 2h}
  states_1h: {distinct: state, over: 1h}
  region: {category: [n, s], unknown: other}
target: {name: load, kind: regression, horizon: 10m, arrives_within: 15m}
""")
MINUTES = 240
ENTITIES = [f"station-{number}" for number in range(6)]


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def stream(seed: int) -> list[ObservationAccepted]:
    """Four hours of six stations in the order in which they are known: a third late, by up to an hour and a half."""
    draw = random.Random(seed)
    events = []
    for number in range(MINUTES * 2):
        at = draw.uniform(0, MINUTES)
        late = draw.choice([0.0, 0.0, 0.01, draw.uniform(0, 12), draw.uniform(0, 90), draw.uniform(0, 2)])
        entity = draw.randrange(len(ENTITIES))
        loads = [draw.gauss(1e6, 1), draw.gauss(0, 1e-3), draw.choice([0.1, 0.2, 1e16, -1e16]), "broken", None]
        values: dict[str, float | str | None] = {"load": draw.choices(loads, [8, 8, 2, 1, 1])[0]}
        values |= {"wind": draw.random()} if number % 3 == 0 else {}
        values |= {"state": draw.choice(["on", "off"])} if number % 4 == 0 else {}
        values |= {"region": draw.choice(["n", "s", "west"])} if number % 9 == 0 else {}
        about: dict[str, Any] = {"workspace": "stations", "lane": entity % 4, "source": "meters"}
        made = make(
            ObservationAccepted,
            id=UUID(int=draw.getrandbits(128)),
            at=minute(at),
            known_at=minute(at + late),
            entity=ENTITIES[entity],
            values=values,
            **about,
        )
        events.append(made)
    return sorted(events, key=lambda event: event.known_at)


@asynccontextmanager
async def on(
    stack: Endpoints, name: str, build: Callable[..., Service], dsn: str, clock: FakeClock, **more: Any
) -> AsyncIterator[Running]:
    """A process of a service on a database that may have been another's before."""
    service = build(settings_for(stack, name, dsn, **more), clock=clock)
    await service.db.start()
    await service.db.keep_house()
    for resource in service.resources:
        await resource.start()
    for table in service.tables:
        table._consumer = Drained()
    service.started = True
    running = Running(service, clock)
    spec: dict[str, Any] = {"spec": SPEC.plain(), "digest": SPEC.digest(), "revision": 1, "by": "t"}
    await running.tables.put(make(WorkspaceConfigured, workspace="stations", **spec))
    try:
        yield running
    finally:
        for resource in reversed(service.resources):
            await resource.stop()
        await service.db.stop()


def follows(running: Running, before: Running | None) -> None:
    """The log goes on where it was, whoever reads it."""
    if before is not None:
        running._records, running._ends = before._records, before._ends


def batches(events: Sequence[ObservationAccepted], draw: random.Random) -> Iterator[list[ObservationAccepted]]:
    """As a consumer might get them: not in the order of being known, since partitions have none between them."""
    shuffled = list(events)
    draw.shuffle(shuffled)
    while shuffled:
        size = draw.randint(1, 7)
        yield shuffled[:size]
        shuffled = shuffled[size:]


async def deliver(running: Running, events: Sequence[ObservationAccepted], draw: random.Random) -> None:
    """Each once, some again: repeated by their publisher, or redelivered by Kafka."""
    for batch in batches(events, draw):
        await running.deliver(batch)
        if draw.random() < 0.3:
            await running.deliver(batch, again=draw.random() < 0.5)


async def served(running: Running, entity: str, at: datetime | None = None) -> dict[str, Any]:
    async with running.http() as client:
        body = {"entity": entity} | ({"at": at.isoformat()} if at else {})
        answer = await client.post("/v1/workspaces/stations/features", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def bits(vector: dict[str, Any]) -> dict[str, str]:
    return {name: value.hex() if isinstance(value, float) else repr(value) for name, value in sorted(vector.items())}


async def tabled(running: Running) -> list[dict[str, Any]]:
    async with running.http() as client:
        asked = (await client.post("/v1/workspaces/stations/feature-tables", json={})).json()
        await running.work("tabulate")
        answer = await client.get(f"/v1/feature-tables/{asked['table']}/file")
    assert answer.status_code == 200, answer.text
    return list(pq.read_table(io.BytesIO(answer.content)).to_pylist())


Moment = tuple[str, datetime]


async def through_time(
    stack: Endpoints, folder: Path, events: list[ObservationAccepted], moments: list[Moment], seed: int
) -> dict[Moment, dict[str, Any]]:
    """What serving answered at each moment, asked at that moment; it is restarted twice on the way."""
    draw, clock, answers = random.Random(seed), FakeClock(), dict[Moment, dict[str, Any]]()
    waiting, ahead, before = list(events), sorted(moments, key=lambda one: one[1]), None
    third = len(ahead) // 3
    async with database(stack, "serving") as dsn:
        for part in (ahead[:third], ahead[third : 2 * third], ahead[2 * third :]):
            async with on(stack, "serving", build_serving, dsn, clock, cache=folder) as running:
                follows(running, before)
                before = running
                for number, (entity, at) in enumerate(part):
                    clock.advance((at - clock.now()).total_seconds())
                    known = [event for event in waiting if event.known_at <= at]
                    waiting = waiting[len(known) :]
                    await deliver(running, known, draw)
                    if number % 10 == 0:
                        await running.work("prune")
                    told = await served(running, entity)
                    assert told["at"] == at.isoformat().replace("+00:00", "Z")
                    assert told["incomplete"] == []
                    answers[entity, at] = told["features"]
    return answers


@pytest.mark.parametrize("seed", [1, 2])
async def test_training_features_are_those_served_at_that_moment(stack: Endpoints, tmp_path: Path, seed: int) -> None:
    events, clock = stream(seed), FakeClock(minute(MINUTES + 120))
    async with database(stack, "datasets") as dsn:
        async with on(stack, "datasets", build_datasets, dsn, clock, observation_rows=100) as running:
            await deliver(running, events[:300], random.Random(seed))
            await running.work("flush-observations")
        async with on(stack, "datasets", build_datasets, dsn, clock, observation_rows=100) as again:
            follows(again, running)
            await deliver(again, events[300:], random.Random(seed + 1))
            await again.work("flush-observations")
            table = await tabled(again)
    rows = {(row["entity"], row["at"]): row for row in table if row["at"] > START}
    assert len(rows) > 150, "there is something to compare"
    late = [event for event in events if event.known_at - event.occurred_at > timedelta(minutes=10)]
    assert len(late) > 50 and any(row["n_10m"] for row in rows.values())
    answers = await through_time(stack, tmp_path, events, list(rows), seed)
    assert answers.keys() == rows.keys()
    for moment, row in rows.items():
        trained = {name: value for name, value in row.items() if name not in COLUMNS}
        assert bits(answers[moment]) == bits(trained), moment


async def test_a_truth_is_what_was_observed_a_horizon_later_and_known_in_time(stack: Endpoints) -> None:
    events = stream(3)
    async with (
        database(stack, "datasets") as dsn,
        on(stack, "datasets", build_datasets, dsn, FakeClock(), observation_rows=100) as running,
    ):
        await deliver(running, events, random.Random(3))
        table = await tabled(running)
    truths = {
        (event.entity, event.occurred_at - timedelta(minutes=10)): event.values["load"]
        for event in events
        if isinstance(event.values["load"], float) and event.known_at - event.occurred_at <= timedelta(minutes=15)
    }
    assert {(row["entity"], row["at"]): row["target"] for row in table} == truths
