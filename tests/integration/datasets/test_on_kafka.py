"""dedup and datasets with two replicas each on three partitions, from accepted documents to a released version."""

import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from harness import Bus, database, live, make

from millrace.datasets.app import build_app as build_datasets
from millrace.dedup.app import build_app as build_dedup
from millrace.events import (
    DatasetReleased,
    DocumentAccepted,
    DocumentDuplicated,
    DocumentKept,
    Event,
    FeedbackRecorded,
    Origin,
    RetrainingRequested,
    WorkspaceConfigured,
)
from millrace.stack import Endpoints

TEXTS, FEEDBACK, LANES = 150, 60, 6
NOW = datetime.now(UTC)


def configured(workspace: str) -> WorkspaceConfigured:
    spec: dict[str, Any] = {
        "workspace": workspace, "owner": "support", "task": "classify", "lanes": LANES,
        "labels": {"names": ["lost", "late"], "min_examples": 5},
    }  # fmt: skip
    return make(WorkspaceConfigured, workspace=workspace, revision=1, spec=spec, digest="-", by="test", at=NOW)


def story(workspace: str) -> list[DocumentAccepted | FeedbackRecorded]:
    """TEXTS documents, each a second time elsewhere, and FEEDBACK labels on as many lanes, each for two predictions."""
    draw = random.Random(workspace)
    texts = [" ".join("".join(draw.choices("abcdefghij", k=6)) for _ in range(8)) for _ in range(TEXTS + FEEDBACK)]
    events: list[DocumentAccepted | FeedbackRecorded] = [
        make(
            DocumentAccepted, workspace=workspace, document_id=f"{workspace}-{number}-{copy}", source="web", text=text,
            label=["lost", "late"][number % 2], trusted=True, origin=Origin(topic="t", event_id="-"), at=NOW,
        )
        for copy in range(2)
        for number, text in enumerate(texts[:TEXTS])
    ]  # fmt: skip
    events += [
        make(
            FeedbackRecorded, workspace=workspace, lane=number % LANES, feedback_id=f"{workspace}-f{number}",
            kind="label", value="late", source="agent", trusted=True, basis="blind", request_id=f"r{number}",
            version="v", arm=arm,
            prediction_id=f"p{number}-{arm}", revision=1, predicted_at=NOW, text=text, at=NOW,
        )
        for number, text in enumerate(texts[TEXTS:])
        for arm in ("production", "shadow")
    ]  # fmt: skip
    draw.shuffle(events)
    return events


def distinct(events: Sequence[Event]) -> int:
    return len({event.id for event in events})


async def test_from_documents_to_versions_with_two_replicas_each(stack: Endpoints, bus: Bus) -> None:
    names, suffix = [f"shop-{uuid4().hex[:6]}" for _ in range(2)], f"-{uuid4().hex[:8]}"
    cycles = {name: UUID(int=number) for number, name in enumerate(names, start=1)}
    await bus.publish(*[configured(name) for name in names])
    async with database(stack, "dedup", "datasets") as dsn, AsyncExitStack() as services:
        for service, build in (("dedup", build_dedup), ("datasets", build_datasets)) * 2:
            await services.enter_async_context(live(stack, service, build, dsn=dsn, group_suffix=suffix))
        for name in names:
            await bus.publish(
                make(
                    RetrainingRequested, workspace=name, because="hand", attempt=1, deadline=NOW + timedelta(hours=1),
                    workspace_revision=1, min_labels=TEXTS + FEEDBACK, cycle_id=cycles[name], at=NOW,
                )
            )  # fmt: skip
        events = [event for pair in zip(*[story(name) for name in names], strict=True) for event in pair]
        for start in range(0, len(events), 100):
            await bus.publish(*events[start : start + 100])
        released = await bus.read(DatasetReleased, until=lambda found: len({one.workspace for one in found}) == 2)
        kept = await bus.read(
            DocumentKept, until=lambda found: len({one.id for one in found}) >= 2 * (TEXTS + FEEDBACK)
        )
        dropped = await bus.read(DocumentDuplicated, until=lambda found: len({one.id for one in found}) >= 2 * TEXTS)
    for name in names:
        mine = {event.id: event for event in kept if event.workspace == name}.values()
        assert len({event.document_id for event in mine}) == len(mine) == TEXTS + FEEDBACK
        assert len({event.text for event in mine}) == TEXTS + FEEDBACK
        assert {event.split for event in mine} == {"train", "validation", "test"}
        assert len({event.id for event in dropped if event.workspace == name}) == TEXTS
        version = next(event for event in released if event.workspace == name)
        assert sum(version.rows.values()) == TEXTS + FEEDBACK and version.cycle_id == cycles[name]
