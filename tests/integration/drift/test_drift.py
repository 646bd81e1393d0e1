"""drift on real Postgres: it rings once, says why, counts once, and a restart changes nothing."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from harness import START, Bus, Running, database, eventually, live, make, running

from millrace.drift.app import build_app
from millrace.events import DriftDetected, FeedbackRecorded, PredictionServed, WorkspaceConfigured, WorkspaceRouted
from millrace.events.parts import Deployment, Route
from millrace.stack import Endpoints

SPEC = {"workspace": "parcels", "owner": "us", "task": "classify", "labels": {"names": ["late", "lost", "damaged"]}}
LABELS = ("late", "lost", "damaged")


@pytest.fixture
async def drift(stack: Endpoints) -> AsyncIterator[Running]:
    async with running(stack, "drift", build_app) as service:
        await service.tables.put(make(WorkspaceConfigured, revision=1, spec=SPEC, digest="d", by="us"))
        yield service


def predictions(stable: int, shifted: int, *, seed: int = 1, first: int = 0, **changes: Any) -> list[PredictionServed]:
    """Production's answers, 20 ms apart; of the shifted ones 30 % are to inputs that it was not trained on."""
    draw, made = random.Random(seed), []
    for position in range(first, first + stable + shifted):
        strange = position - first >= stable and draw.random() < 0.3
        fields: dict[str, Any] = {
            "lane": 0,
            "request_id": f"q-{position}",
            "prediction_id": f"p-{position}",
            "version": "v1",
            "arm": "production",
            "revision": 1,
            "text": "where?",
            "latency_ms": 5.0,
            "tokens": 3,
            "label": draw.choice(LABELS),
            "probability": draw.betavariate(2.2, 1.8) if strange else draw.betavariate(4, 0.45),
            "novelty": max(0.0, draw.gauss(0.37, 0.09) if strange else draw.gauss(0.22, 0.08)),
            **changes,
        }
        made.append(make(PredictionServed, at=START + position * timedelta(milliseconds=20), **fields))
    return made


def labels(stable: int, shifted: int, *, first: int = 0) -> list[FeedbackRecorded]:
    draw = random.Random(2)
    return [
        make(
            FeedbackRecorded,
            at=START + timedelta(hours=1),
            lane=0,
            feedback_id=f"f-{position}",
            kind="label",
            value="late",
            source="agent",
            trusted=True,
            basis="blind",
            request_id=f"q-{position}",
            prediction_id=f"p-{position}",
            version="v1",
            arm="production",
            revision=1,
            predicted_at=START + position * timedelta(milliseconds=20),
            text="where?",
            predicted="late",
            correct=draw.random() > (0.08 if position < first + stable else 0.35),
        )
        for position in range(first, first + stable + shifted)
    ]


async def in_batches(service: Running, events: list[PredictionServed], size: int = 50) -> None:
    for start in range(0, len(events), size):
        await service.deliver(events[start : start + size])


async def test_one_drift_is_announced_once_with_its_evidence(drift: Running) -> None:
    await in_batches(drift, predictions(600, 600))
    await drift.deliver(labels(300, 300, first=300))
    (announced,) = await drift.emitted(DriftDetected)
    changed = START + 600 * timedelta(milliseconds=20)
    assert abs(announced.change_point - changed) <= 60 * timedelta(milliseconds=20)
    assert (announced.version, announced.monitor, announced.detector) == ("v1", "confidence", "adwin")
    assert announced.after < announced.before - 0.05
    assert 600 < announced.predictions < 900
    assert announced.examples
    async with drift.db.reading() as tx:
        outcomes = [row["outcome"] for row in await tx.fetch("SELECT outcome FROM alarms ORDER BY id")]
    assert outcomes[0] == "announced" and "same" in outcomes and outcomes.count("announced") == 1


async def test_errors_alone_are_found(drift: Running) -> None:
    await drift.deliver(labels(300, 200))
    (announced,) = await drift.emitted(DriftDetected)
    assert announced.monitor == "error"
    assert announced.before == pytest.approx(0.08, abs=0.05)
    assert announced.occurred_at < START + timedelta(minutes=1)


async def test_a_redelivered_batch_counts_once(drift: Running) -> None:
    batch = predictions(600, 300)
    await drift.deliver(batch)
    once = await drift.snapshot()
    await drift.deliver(batch, again=True)
    await drift.deliver(batch)
    assert await drift.snapshot() == once


async def test_a_restart_between_any_two_batches_changes_nothing(stack: Endpoints) -> None:
    events = predictions(600, 300)
    shots = []
    for size in (900, 37):
        async with running(stack, "drift", build_app) as service:
            await service.tables.put(make(WorkspaceConfigured, revision=1, spec=SPEC, digest="d", by="us"))
            await in_batches(service, events, size)
            shot = await service.snapshot()
            shots.append((shot["monitors"], shot["alarms"], shot["drifts"], len(shot["outbox"])))
    assert shots[0] == shots[1]


async def test_shadow_canary_and_failed_answers_are_not_watched(drift: Running) -> None:
    answers: list[dict[str, Any]] = [{"arm": "shadow"}, {"arm": "canary"}, {"error": "timed out"}]
    for changes in answers:
        await drift.deliver(predictions(10, 0, seed=3, **changes))
    assert not (await drift.snapshot())["monitors"]


async def test_versions_and_lanes_have_monitors_of_their_own(drift: Running) -> None:
    await drift.deliver(
        predictions(50, 0) + predictions(30, 0, first=50, lane=1) + predictions(20, 0, first=80, version="v2")
    )
    async with drift.http() as client:
        shown = {}
        for version in ("v1", "v2"):
            answer = (await client.get("/v1/monitors", params={"workspace": "parcels", "version": version})).json()
            shown[version] = {(one["lane"], one["seen"]) for one in answer["monitors"]}
    assert shown == {"v1": {(0, 50), (1, 30)}, "v2": {(0, 20)}}


async def test_a_second_drift_within_the_cool_down_is_announced_when_that_is_over(drift: Running) -> None:
    low: dict[str, Any] = {"probability": 0.15}
    await drift.deliver(predictions(600, 400) + predictions(400, 0, first=1000, **low))
    assert len(await drift.emitted(DriftDetected)) == 1
    assert await drift.work() == 0
    drift.clock.advance(3600)
    assert await drift.work() == 1
    first, second = await drift.emitted(DriftDetected)
    assert second.change_point > first.occurred_at
    assert second.after < first.after


async def test_an_unknown_workspace_is_a_dead_letter_and_its_neighbours_are_watched(drift: Running) -> None:
    nowhere: dict[str, Any] = {"workspace": "nowhere", "request_id": "q", "prediction_id": "p", "label": "late"}
    same = {**nowhere, "probability": 0.9, "novelty": 0.1}
    await drift.deliver([*predictions(5, 0), *predictions(2, 0, first=5, **same)])
    assert len(await drift.dead_letters()) == 2
    async with drift.http() as client:
        answer = (await client.get("/v1/monitors", params={"workspace": "parcels"})).json()
    assert {one["seen"] for one in answer["monitors"]} == {5}


async def test_monitors_are_shown_with_series_alarms_and_the_change_point(drift: Running) -> None:
    await drift.deliver(predictions(600, 300))
    async with drift.http() as client:
        answer = (await client.get("/v1/monitors", params={"workspace": "parcels", "points": 60})).json()
    confidence = next(one for one in answer["monitors"] if one["signal"] == "confidence")
    assert answer["version"] == "v1" and confidence["watching"] and 20 <= len(confidence["series"]) <= 120
    assert confidence["series"][0]["mean"] > confidence["series"][-1]["mean"]
    alarm = answer["alarms"][-1]
    assert alarm["outcome"] == "announced" and alarm["change_point"].startswith("2026-01-05T09:00:1")


async def test_monitors_of_versions_long_gone_are_forgotten(stack: Endpoints) -> None:
    async with running(stack, "drift", build_app, versions=2) as service:
        await service.tables.put(make(WorkspaceConfigured, revision=1, spec=SPEC, digest="d", by="us"))
        for number in range(1, 4):
            version = f"v{number}"
            await service.deliver(predictions(10, 0, seed=number, first=10 * number, version=version))
            deployment = Deployment(version=version, artifact="a", digest="d", task="classify", labels=list(LABELS))
            route = Route(revision=number, workspace_revision=1, production=deployment)
            await service.deliver([make(WorkspaceRouted, route=route)])
        async with service.db.reading() as tx:
            kept = {row["version"] for row in await tx.fetch("SELECT DISTINCT version FROM monitors")}
    assert kept == {"v2", "v3"}


async def test_one_workspace_drifts_and_is_announced_once(stack: Endpoints, bus: Bus) -> None:
    """Two replicas and two workspaces, of which one drifts; a replica leaves half way."""
    for name in ("parcels-k", "letters-k"):
        spec = {**SPEC, "workspace": name}
        await bus.publish(make(WorkspaceConfigured, workspace=name, revision=1, spec=spec, digest="d", by="us"))
    suffix = f"-{uuid4().hex[:8]}"
    async with AsyncExitStack() as running:
        dsn = await running.enter_async_context(database(stack, "drift"))
        first = await running.enter_async_context(live(stack, "drift", build_app, dsn=dsn, group_suffix=suffix))
        async with live(stack, "drift", build_app, dsn=dsn, group_suffix=suffix):
            await bus.publish(*predictions(400, 0, workspace="parcels-k"), *predictions(400, 0, workspace="letters-k"))
            await eventually(lambda: all_seen(first, 2400), within=60)
        await bus.publish(
            *predictions(200, 600, first=400, seed=2, workspace="parcels-k"),
            *predictions(800, 0, first=400, seed=2, workspace="letters-k"),
        )
        await eventually(lambda: all_seen(first, 7200), within=60)
        found = await bus.read(DriftDetected, until=bool, within=30)
    assert {(one.workspace, one.monitor) for one in found} == {("parcels-k", "confidence")}
    assert len({one.id for one in found}) == 1


async def all_seen(service: Running, values: int) -> bool:
    async with service.http() as client:
        shown = [
            (await client.get("/v1/monitors", params={"workspace": name})).json() for name in ("parcels-k", "letters-k")
        ]
    seen: int = sum(one["seen"] for answer in shown for one in answer["monitors"])
    return seen == values
