"""Forgetting a person: what is kept goes in bounded steps, and what was known until then is not taken in again.

Topics are not ordered among each other: an answer given before a person asked to be forgotten may be read after.
"""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

from millrace.chassis import bodies, dead_letters
from millrace.chassis.blobs import Blobs
from millrace.chassis.bodies import Bodies
from millrace.chassis.jobs import Job
from millrace.chassis.transaction import Transaction
from millrace.events import ErasureConfirmed, SubjectErased

T = TypeVar("T")

SHARE = """
    SELECT pg_advisory_xact_lock_shared(hashtext('erasure'), hashtext($1 || '/' || workspace))
    FROM unnest($2::text[]) AS w (workspace)"""
WAIT = "SELECT pg_advisory_xact_lock(hashtext('erasure'), hashtext($1 || '/' || $2))"
"""An erasure waits for transactions that looked, before it was there, who is forgotten."""

STEP = 2000
"""Rows that one commit erases."""


class About(NamedTuple):
    """Of something that comes in: whose it is, by pseudonym, and since when it is known."""

    workspace: str
    person: str | None
    known_at: datetime


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Who asked to be forgotten, and until when what is known of them goes: what comes later is new."""

    workspace: str
    subject: str
    until: datetime


Erase = Callable[[Transaction, Forgotten, int], Awaitable[Mapping[str, int]]]
"""(tx, who, most): erases up to `most` rows of each kind and counts them; empty when none is left."""


async def remember(tx: Transaction, events: Sequence[SubjectErased]) -> None:
    """From here on `standing` knows them."""
    await tx.executemany(
        """INSERT INTO erased (workspace, subject, erasure, known_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT DO NOTHING""",
        [(event.workspace, event.subject, event.erasure, event.known_at) for event in events],
    )


async def begin(tx: Transaction, events: Sequence[SubjectErased]) -> None:
    """What a service's handler does: remembers who is gone, and queues the service's job of kind `erase`."""
    await remember(tx, events)
    for event in events:
        payload = {"erasure": event.erasure, "subject": event.subject, "until": event.known_at.isoformat()}
        await tx.schedule("erase", key=event.erasure, workspace=event.workspace, cause=event, payload=payload)


async def carry_out(job: Job, erase: Erase) -> None:
    """What that job does: erases step by step, each counted as it commits, and confirms. Emits ErasureConfirmed.

    Dead letters that name the person go too, but for those of intake topics, which are sealed and expire, and bodies
    of the service's own events that lie in S3.
    """
    erasure = job.payload["erasure"]
    who = Forgotten(job.workspace, job.payload["subject"], datetime.fromisoformat(job.payload["until"]))
    async with job.transaction() as tx:
        await tx.execute(WAIT, tx.source, job.workspace)
        await _count(tx, erasure, {"dead_letters": n} if (n := await dead_letters.erase(tx, who.subject)) else {})
    found = True
    while found:
        async with job.transaction() as tx:
            rows = {**await erase(tx, who, STEP), "bodies": await bodies.end(tx, erasure, STEP)}
            gone = {what: n for what, n in rows.items() if n}
            await _count(tx, erasure, gone)
        found = bool(gone)
    await Bodies(job.db, Blobs(job.db.settings)).sweep()
    async with job.finish() as tx:
        tx.emit(
            ErasureConfirmed.caused_by(
                job.cause("erased"),
                workspace=job.workspace,
                erasure=erasure,
                service=tx.source,
                erased=await _counted(tx, erasure),
            )
        )


async def standing(
    tx: Transaction,
    things: Sequence[T],
    about: Callable[[T], About],
    ended: Callable[[T], datetime | None] = lambda thing: None,
) -> list[T]:
    """Those that were known after their person asked to be forgotten, and after an end that they may have otherwise.

    An erasure that comes meanwhile waits for this transaction: it finds what is added here, or is found here.
    """
    told = [about(thing) for thing in things]
    forgotten = await _forgotten(tx, {(one.workspace, one.person) for one in told if one.person})
    return [
        thing
        for thing, one in zip(things, told, strict=True)
        if all(
            until is None or one.known_at > until
            for until in (forgotten.get((one.workspace, one.person)), ended(thing))
        )
    ]


async def _forgotten(tx: Transaction, people: Collection[tuple[str, str]]) -> dict[tuple[str, str | None], datetime]:
    """Those of the people, by workspace and pseudonym, who are forgotten, each with the time until which."""
    if not people:
        return {}
    workspaces, subjects = zip(*sorted(people), strict=True)
    await tx.execute(SHARE, tx.source, sorted(set(workspaces)))
    rows = await tx.fetch(
        """SELECT workspace, subject, max(known_at) AS until FROM erased
           WHERE (workspace, subject) IN (SELECT * FROM unnest($1::text[], $2::text[])) GROUP BY 1, 2""",
        workspaces,
        subjects,
    )
    return {(row["workspace"], row["subject"]): row["until"] for row in rows}


async def _count(tx: Transaction, erasure: str, more: Mapping[str, int]) -> None:
    if more:
        counts = await _counted(tx, erasure)
        added = {what: counts.get(what, 0) + more.get(what, 0) for what in {*counts, *more}}
        await tx.execute("UPDATE erased SET counts = $2 WHERE erasure = $1", erasure, json.dumps(added))


async def _counted(tx: Transaction, erasure: str) -> dict[str, int]:
    counts: dict[str, int] = json.loads(await tx.fetchval("SELECT counts FROM erased WHERE erasure = $1", erasure))
    return counts
