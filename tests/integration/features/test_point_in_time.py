"""The features that a model trains on are those that were served at that moment: row by row, bit by bit.

One stream, with late, out-of-order, repeated and redelivered events and a restart in between, goes to serving and to
datasets, each on real Postgres and S3. Serving is asked as time goes by, datasets makes its table at the end. So it is
where a source is retired on the way, or observations are past their retention by then (docs/decisions/0076).
"""

import io
import random
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
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
from millrace.workspace import COLUMNS, Workspace, load

FILE = """
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
"""
SPEC = load(FILE)
RETIRED = load(FILE + "data: {retired: [spare]}")
SHORT = load(
    FILE.replace("over: 2h", "over: 1h").replace("unknown: other", "unknown: other, over: 1h")
    + "data: {retention: 3h}\nsources: {spare: {kind: events, purposes: [evaluate]}}"
)
BEGIN = START + timedelta(hours=11, minutes=30)
"""So that there is a midnight on the way, when the day's housekeeping is due."""
MINUTES = 240
ENTITIES = [f"station-{number}" for number in range(6)]


def minute(number: float) -> datetime:
    return BEGIN + timedelta(minutes=number)


def stream(seed: int) -> list[ObservationAccepted]:
    """Four hours of six stations in the order in which they are known: a third late, by up to an hour and a half.

    Some are dated ahead, by up to ten minutes, and some come from a second source.
    """
    draw = random.Random(seed)
    events = []
    for number in range(MINUTES * 2):
        at = draw.uniform(0, MINUTES)
        late = draw.choice([0.0, 0.0, 0.01, draw.uniform(0, 12), draw.uniform(0, 90), draw.uniform(-10, 2)])
        entity = draw.randrange(len(ENTITIES))
        loads = [draw.gauss(1e6, 1), draw.gauss(0, 1e-3), draw.choice([0.1, 0.2, 1e16, -1e16]), "broken", None]
        values: dict[str, float | str | None] = {"load": draw.choices(loads, [8, 8, 2, 1, 1])[0]}
        values |= {"wind": draw.random()} if number % 3 == 0 else {}
        values |= {"state": draw.choice(["on", "off"])} if number % 4 == 0 else {}
        values |= {"region": draw.choice(["n", "s", "west"])} if number % 9 == 0 else {}
        source = draw.choices(["meters", "spare"], [4, 1])[0]
        about: dict[str, Any] = {"workspace": "stations", "lane": entity % 4, "source": source}
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
    try:
        yield Running(service, clock)
    finally:
        for resource in reversed(service.resources):
            await resource.stop()
        await service.db.stop()


async def declare(running: Running, spec: Workspace) -> None:
    fields: dict[str, Any] = {"spec": spec.plain(), "digest": spec.digest(), "revision": 1, "by": "t"}
    await running.tables.put(make(WorkspaceConfigured, workspace="stations", **fields))


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


async def tabled(running: Running) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows of a table asked for now, and what is said of it."""
    async with running.http() as client:
        asked = (await client.post("/v1/workspaces/stations/feature-tables", json={"by": "ada"})).json()
        await running.work("tabulate")
        answer = await client.get(f"/v1/feature-tables/{asked['table']}/file")
        assert answer.status_code == 200, answer.text
        told = (await client.get(f"/v1/feature-tables/{asked['table']}")).json()
    return list(pq.read_table(io.BytesIO(answer.content)).to_pylist()), dict(told)


Moment = tuple[str, datetime]
Rows = dict[Moment, dict[str, Any]]


async def at_the_end(
    stack: Endpoints, spec: Workspace, events: list[ObservationAccepted], seed: int
) -> tuple[Rows, dict[str, Any]]:
    """The table that datasets makes of all that came, after a restart and the night's housekeeping."""
    clock = FakeClock(minute(MINUTES + 20))
    async with database(stack, "datasets") as dsn:
        async with on(stack, "datasets", build_datasets, dsn, FakeClock(), observation_rows=100) as running:
            await declare(running, spec)
            await deliver(running, events[:300], random.Random(seed))
            await running.work("flush-observations")
        async with on(stack, "datasets", build_datasets, dsn, clock, observation_rows=100) as again:
            follows(again, running)
            await declare(again, spec)
            await deliver(again, events[300:], random.Random(seed + 1))
            assert await again.work("flush-observations", "housekeep") > 1
            table, told = await tabled(again)
            told["held"] = await held(again)
    rows = {(row["entity"], row["at"]): row for row in table if row["at"] > BEGIN}
    late = [event for event in events if event.known_at - event.occurred_at > timedelta(minutes=10)]
    ahead = [event for event in events if event.known_at < event.occurred_at]
    assert len(late) > 50 and len(ahead) > 20 and any(row["n_10m"] for row in rows.values())
    return rows, told


async def held(running: Running) -> set[str]:
    """The ids of all observations that are kept, wherever they are."""
    async with running.db.reading() as tx:
        found = {row["id"] for row in await tx.fetch("SELECT id::text FROM observations")}
        blobs = [row["blob"] for row in await tx.fetch("SELECT blob FROM observation_parts")]
    for blob in blobs:
        found.update(pq.read_table(io.BytesIO(await running.service.blobs.get(blob)))["id"].to_pylist())
    return found


async def through_time(
    stack: Endpoints,
    folder: Path,
    declared: Callable[[datetime], Workspace],
    events: list[ObservationAccepted],
    moments: Collection[Moment],
    seed: int,
) -> Rows:
    """What serving answered at each moment, asked at that moment under what was declared by then.

    It is restarted twice on the way.
    """
    draw, clock, answers = random.Random(seed), FakeClock(), Rows()
    waiting, ahead, before = list(events), sorted(moments, key=lambda one: one[1]), None
    third = len(ahead) // 3
    async with database(stack, "serving") as dsn:
        for part in (ahead[:third], ahead[third : 2 * third], ahead[2 * third :]):
            async with on(stack, "serving", build_serving, dsn, clock, cache=folder) as running:
                follows(running, before)
                before = running
                for number, (entity, at) in enumerate(part):
                    clock.advance((at - clock.now()).total_seconds())
                    await declare(running, declared(at))
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


def trained(row: dict[str, Any]) -> dict[str, str]:
    return bits({name: value for name, value in row.items() if name not in COLUMNS})


@pytest.mark.parametrize("seed", [1, 2])
async def test_training_features_are_those_served_at_that_moment(stack: Endpoints, tmp_path: Path, seed: int) -> None:
    events = stream(seed)
    rows, told = await at_the_end(stack, SPEC, events, seed)
    assert len(rows) > 150 and told["held"] == {str(event.id) for event in events}
    answers = await through_time(stack, tmp_path, lambda at: SPEC, events, rows, seed)
    assert answers.keys() == rows.keys()
    for moment, row in rows.items():
        assert bits(answers[moment]) == trained(row), moment


async def test_from_when_a_source_is_retired_it_is_in_no_answer_and_in_no_row_of_any_time(
    stack: Endpoints, tmp_path: Path
) -> None:
    """Rows of before have what would have been answered without it: not what was, which it had spoilt."""
    events, retired_at = stream(4), minute(120)
    rows, told = await at_the_end(stack, RETIRED, events, 4)
    assert told["unused"] == {"retired": sum(event.source == "spare" for event in events)}
    answers = await through_time(stack, tmp_path, lambda at: RETIRED if at >= retired_at else SPEC, events, rows, 4)
    before = {moment for moment in rows if moment[1] < retired_at}
    without = await through_time(stack, tmp_path, lambda at: RETIRED, events, before, 5)
    assert 50 < len(before) < len(rows) - 50
    for moment, row in rows.items():
        assert bits((without if moment in before else answers)[moment]) == trained(row), moment
    assert sum(bits(answers[moment]) != trained(rows[moment]) for moment in before) > 30


async def test_what_is_past_its_retention_is_held_by_nobody_and_every_row_is_still_what_was_served(
    stack: Endpoints, tmp_path: Path
) -> None:
    """Moments whose windows reach to where something is gone have no row. A source that may not train is in none."""
    events, now = stream(6), minute(MINUTES + 20)
    rows, told = await at_the_end(stack, SHORT, events, 6)
    gone = [event for event in events if event.known_at < now - timedelta(hours=3)]
    assert told["held"] == {str(event.id) for event in events} - {str(event.id) for event in gone}
    whole_from = max(event.occurred_at for event in gone) + timedelta(hours=1)
    assert len(rows) > 50 and min(at for _, at in rows) >= whole_from
    assert told["left_out"]["past the retention"] > 10 and told["unused"].keys() == {"its source may not train"}
    answers = await through_time(stack, tmp_path, lambda at: SHORT, events, rows, 6)
    for moment, row in rows.items():
        assert bits(answers[moment]) == trained(row), moment


ARCHIVED = load(FILE + "sources: {archive: {kind: events, history: true}}")
HISTORIES = {"station-0": (120, 130), "station-1": (120, 130), "station-2": (130, 130), "station-5": (100, 200)}
"""Until when a station's observations are history, and when it is brought in. Those of others come as they happen."""


def with_history(seed: int) -> tuple[list[ObservationAccepted], list[ObservationAccepted]]:
    """A stream as it came, the first part of it as history; and as it would have come, had Millrace been there."""
    came, there = [], []
    for event in stream(seed):
        until, brought = HISTORIES.get(event.entity, (0, 0))
        fields: dict[str, Any] = {name: getattr(event, name) for name in ("workspace", "lane", "entity", "values")}
        fields |= {"id": event.id, "at": event.occurred_at}
        if event.known_at < minute(until):
            told = make(
                ObservationAccepted,
                known_at=minute(brought),
                known_since=event.known_at,
                source="archive",
                **fields,
            )
            came.append(told)
            event = make(ObservationAccepted, known_at=event.known_at, source="archive", **fields)
        else:
            came.append(event)
        there.append(event)
    return sorted(came, key=lambda event: event.known_at), there


async def test_before_millrace_knew_an_entity_history_is_believed_and_from_then_on_rows_are_what_was_served(
    stack: Endpoints, tmp_path: Path
) -> None:
    """A moment at which something of its entity was known has what was known by then, whatever history says now."""
    came, there = with_history(7)
    rows, told = await at_the_end(stack, ARCHIVED, came, 7)
    first: dict[str, datetime] = {}
    for event in came:
        first.setdefault(event.entity, event.known_at)
    before = {moment for moment in rows if moment[1] < first[moment[0]]}
    blind = {(entity, at) for entity, at in rows.keys() - before if at < minute(HISTORIES.get(entity, (0, 0))[1])}
    assert len(before) > 60 and len(rows) - len(before) > 60 and len(blind) > 5
    assert told["history"] >= len(before) and {entity for entity, _ in before} >= HISTORIES.keys()
    served_then = await through_time(stack, tmp_path, lambda at: ARCHIVED, came, rows.keys() - before, 7)
    would_be = await through_time(stack, tmp_path, lambda at: ARCHIVED, there, before | blind, 8)
    for moment, row in rows.items():
        answers = would_be if moment in before else served_then
        assert bits(answers[moment]) == trained(row), moment
    assert any(bits(would_be[moment]) != trained(rows[moment]) for moment in blind), "it was not known when asked"
    late = timedelta(minutes=15)
    for (entity, at), row in rows.items():
        assert row["target_known_at"] <= row["target_at"] + late
        if row["target_known_at"] < first[entity]:
            assert (entity, at) in before, "it is believed of moments of then alone"


async def test_a_truth_is_what_was_observed_a_horizon_later_and_known_in_time(stack: Endpoints) -> None:
    events = stream(3)
    async with (
        database(stack, "datasets") as dsn,
        on(stack, "datasets", build_datasets, dsn, FakeClock(), observation_rows=100) as running,
    ):
        await declare(running, SPEC)
        await deliver(running, events, random.Random(3))
        table, _ = await tabled(running)
    truths = {
        (event.entity, event.occurred_at - timedelta(minutes=10)): event.values["load"]
        for event in events
        if isinstance(event.values["load"], float) and event.known_at - event.occurred_at <= timedelta(minutes=15)
    }
    assert {(row["entity"], row["at"]): row["target"] for row in table} == truths
