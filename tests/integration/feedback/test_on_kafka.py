"""Two replicas of feedback on Kafka: two workspaces, both sides interleaved, every pair recorded once."""

import random
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import uuid4

from harness import START, Bus, database, live, make

from millrace.events import Event, FeedbackGiven, FeedbackRecorded, PredictionServed, WorkspaceConfigured
from millrace.feedback.app import build_app
from millrace.stack import Endpoints


def configured(name: str) -> WorkspaceConfigured:
    labels = {"names": ["late", "lost"]}
    spec = {"workspace": name, "owner": "us", "task": "classify", "labels": labels, "lanes": 3}
    return make(WorkspaceConfigured, workspace=name, revision=1, spec=spec, digest="d", by="us")


def pairs(workspace: str, count: int) -> list[Event]:
    events: list[Event] = []
    for number in range(count):
        at = START + number * timedelta(milliseconds=20)
        request: dict[str, Any] = {"workspace": workspace, "request_id": f"q-{number}"}
        events.append(make(FeedbackGiven, at=at, kind="label", value="late", source="agent", **request))
        for arm in ("production", "shadow"):
            events.append(
                make(
                    PredictionServed,
                    at=at,
                    lane=number % 3,
                    prediction_id=f"p-{number}-{arm}",
                    version="v1",
                    arm=arm,
                    revision=1,
                    text="where?",
                    latency_ms=5.0,
                    tokens=3,
                    label="late",
                    **request,
                )
            )
    return events


async def test_two_replicas_record_every_pair_once(stack: Endpoints, bus: Bus) -> None:
    events = pairs("parcels-k", 150) + pairs("letters-k", 150)
    random.Random(3).shuffle(events)
    await bus.publish(configured("parcels-k"), configured("letters-k"))
    suffix = f"-{uuid4().hex[:8]}"
    async with AsyncExitStack() as running:
        dsn = await running.enter_async_context(database(stack, "feedback"))
        for _ in range(2):
            await running.enter_async_context(live(stack, "feedback", build_app, dsn=dsn, group_suffix=suffix))
        await bus.publish(*events)
        found = await bus.read(FeedbackRecorded, until=lambda read: len({one.id for one in read}) >= 600, within=60)
    assert len({(one.workspace, one.prediction_id) for one in found}) == len({one.id for one in found}) == 600
    assert {one.key for one in found} == {f"{name}-k/{lane}" for name in ("parcels", "letters") for lane in range(3)}
