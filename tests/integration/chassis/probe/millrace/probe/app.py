"""The probe's handlers, jobs and routes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi import APIRouter
from pydantic import BaseModel

from millrace.chassis import (
    Clock,
    Database,
    Job,
    Service,
    Table,
    Transaction,
    Unavailable,
    Unprocessable,
    command,
    erasure,
    handles,
    works,
)
from millrace.chassis.erasure import Forgotten
from millrace.events import (
    DocumentAccepted,
    DocumentSubmitted,
    ErasureConfirmed,
    Origin,
    SubjectErased,
    WorkspaceRouted,
)
from millrace.probe.settings import Settings


@dataclass
class World:
    """What the tests turn on and off."""

    down: bool = False
    broken: bool = False
    stuck: bool = False
    batches: list[int] = field(default_factory=list)
    worked: list[tuple[str, int]] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)


@handles(DocumentSubmitted, emits=[DocumentAccepted])
async def on_document_submitted(events: Sequence[DocumentSubmitted], tx: Transaction, *, world: World) -> None:
    world.batches.append(len(events))
    if world.down:
        raise Unavailable("the world is down")
    if world.broken:
        raise RuntimeError("nobody foresaw this")
    if world.stuck:
        await world.hold.wait()
    for event in events:
        if event.text == "refuse":
            tx.refuse(event, Unprocessable("refused alone"))
            continue
        await tx.execute(
            "INSERT INTO counts VALUES ($1, 1) ON CONFLICT (workspace) DO UPDATE SET n = counts.n + 1", event.workspace
        )
        name = event.document_id or str(event.id)
        await tx.execute("INSERT INTO seen VALUES ($1, 1) ON CONFLICT (document_id) DO UPDATE SET n = seen.n + 1", name)
        if event.text == "poison":
            raise Unprocessable(f"poison {event.subject or ''}".rstrip())
        if event.text == "job":
            await tx.schedule("count", key=name, workspace=event.workspace, cause=event, payload={"text": event.text})
        tx.emit(accepted(event, name))


def accepted(event: DocumentSubmitted, name: str) -> DocumentAccepted:
    return DocumentAccepted.caused_by(
        event,
        workspace=event.workspace,
        document_id=name,
        source=event.source,
        text=event.text,
        trusted=True,
        origin=Origin(topic=event.topic, event_id=str(event.id)),
    )


@works("count", emits=[DocumentAccepted], concurrency=2)
async def job_count(job: Job, *, world: World) -> None:
    world.worked.append((job.key, job.token))
    if world.broken:
        raise RuntimeError("nobody foresaw this")
    if job.payload.get("hold"):
        await world.hold.wait()
    async with job.finish() as tx:
        await tx.execute(
            "INSERT INTO seen VALUES ($1, 1) ON CONFLICT (document_id) DO UPDATE SET n = seen.n + 1", f"job {job.key}"
        )
        tx.emit(
            DocumentAccepted.caused_by(
                job.cause("counted"),
                workspace=job.workspace,
                document_id=f"job {job.key}",
                source="job",
                text="worked",
                trusted=True,
                origin=Origin(topic="job", event_id=str(job.id)),
            )
        )


@handles(SubjectErased)
async def on_subject_erased(events: Sequence[SubjectErased], tx: Transaction) -> None:
    await erasure.begin(tx, events)


@works("erase", emits=[ErasureConfirmed])
async def job_erase(job: Job) -> None:
    await erasure.carry_out(job, _erase)


async def _erase(tx: Transaction, who: Forgotten, most: int) -> dict[str, int]:
    """The probe keeps nothing of people."""
    return {}


class Submission(BaseModel):
    workspace: str
    text: str


def routes(db: Database) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/documents", status_code=202)
    async def submit(submission: Submission) -> dict[str, str]:
        await db.admit()
        async with db.transaction(emits=[DocumentAccepted]) as tx:
            cause = command(now=tx.now)
            event = DocumentAccepted.caused_by(
                cause,
                workspace=submission.workspace,
                document_id="http",
                source="http",
                text=submission.text,
                trusted=True,
                origin=Origin(topic="http", event_id=str(cause.id)),
            )
            tx.emit(event)
        await db.delivered(tx)
        return {"id": str(event.id)}

    return router


def build_app(settings: Settings, *, clock: Clock, world: World | None = None) -> Service:
    world = world or World()
    db = Database(settings, clock)
    return Service(
        settings=settings,
        clock=clock,
        db=db,
        http=routes(db),
        emits_http=[DocumentAccepted],
        tables=[Table(WorkspaceRouted, settings)],
        handlers=[on_document_submitted.bind(world=world), on_subject_erased],
        jobs=[job_count.bind(world=world), job_erase],
    )
