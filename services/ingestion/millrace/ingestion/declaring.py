"""Which sources are fetched, and when: what a workspace declares becomes runs, each a job."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from hashlib import sha256

import structlog

from millrace.chassis import Clock, Database, Table, Transaction, Unavailable, command, loops
from millrace.chassis.postgres import OUTAGE
from millrace.events import Cause
from millrace.ingestion import runs
from millrace.ingestion.runs import Run
from millrace.workspace import Fetched, Source, Workspace

log = structlog.get_logger()

LOOK = 0.5
"""Seconds between looks whether the table has been read to its end."""

_WHEN_AND_HOW = frozenset(
    {"every", "within", "purposes", "rate", "pages", "depth", "sitemap", "private", "include", "overlap"}
)
"""Keys that make no document another one: when they change, what is known of pages and files still holds."""


def fetched(spec: Workspace, name: str) -> Fetched | None:
    """A source that is declared to be fetched and not retired."""
    source = spec.sources.get(name)
    return source if isinstance(source, Fetched) and name not in spec.data.retired else None


def declaration(source: Source) -> str:
    """Digests what makes a source's documents what they are: with another, all are read anew."""
    said = source.model_dump(mode="json")
    kept = {name: value for name, value in said.items() if name not in _WHEN_AND_HOW}
    return sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def shape(source: Source) -> str:
    """Digests the whole of a declaration."""
    return sha256(source.model_dump_json().encode()).hexdigest()


class Declaring:
    """Follows the table of workspaces: each change opens, moves or cancels runs.

    Nothing is done before the table is read to its end: what an older revision declared must not run once more.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._specs: Table[Workspace] | None = None
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        self.loops: list[asyncio.Task[None]] = []

    async def __call__(self, name: str, spec: Workspace) -> None:
        self._changed.add(name)
        self._wake.set()

    def follow(self, specs: Table[Workspace]) -> Table[Workspace]:
        self._specs = specs
        return specs

    async def start(self) -> None:
        self.loops = [asyncio.create_task(self._run(), name="declaring")]

    async def stop(self) -> None:
        await loops.end(self.loops)

    async def _run(self) -> None:
        while True:
            await loops.set_within(self._wake, LOOK)
            self._wake.clear()
            if self._specs is None or not self._specs.caught_up:
                continue
            for name in sorted(self._changed):
                spec = self._specs.now(name)
                try:
                    if spec is not None:
                        await self.declare(name, spec)
                    self._changed.discard(name)
                except (Unavailable, *OUTAGE) as error:
                    log.warning("declaring waits", workspace=name, because=f"{type(error).__name__}: {error}")

    async def declare(self, name: str, spec: Workspace) -> None:
        """Every replica does the same; the second finds nothing to change."""
        wanted = {source: one for source in spec.sources if (one := fetched(spec, source)) is not None}
        async with self._db.transaction() as tx:
            before = await runs.declared(tx, name)
            cause = command(now=self._clock.now(), key=f"declared|{name}|{spec.digest()}")
            for source, one in sorted(wanted.items()):
                if before.get(source) != shape(one):
                    await runs.declare(tx, name, source, shape(one))
                    await follow(tx, cause, spec, source)
            for source in sorted(name for name, said in before.items() if said and name not in wanted):
                await runs.declare(tx, name, source, "")
                await _look(tx, name, source)


async def follow(tx: Transaction, cause: Cause, spec: Workspace, name: str) -> None:
    """Sees to it that a source's next run is open, where its schedule wants one."""
    source = fetched(spec, name)
    if source is None or source.every is None:
        await _look(tx, spec.workspace, name)
        return
    last = await runs.started_last(tx, spec.workspace, name)
    due_at = max(last + source.every, tx.now) if last else tx.now
    await ask(tx, cause, spec.workspace, name, due_at=due_at, by=None)


async def ask(tx: Transaction, cause: Cause, workspace: str, name: str, *, due_at: datetime, by: str | None) -> Run:
    """The run that waits, moved to a time; a new one where none is open; or the one that runs already."""
    run = await runs.open_run(tx, workspace, name)
    if run is None:
        run = await runs.add(tx, workspace, name, due_at=due_at, asked_by=by)
        payload = {"source": name, "run": run.run}
        await tx.schedule("fetch", key=run.key, workspace=workspace, cause=cause, payload=payload, at=due_at)
    elif run.state == "waiting" and (by or not run.asked_by):
        run.due_at, run.asked_by = due_at, by
        await runs.save(tx, run)
        await tx.wake("fetch", run.key)
    return run


async def _look(tx: Transaction, workspace: str, name: str) -> None:
    """Lets the open run look again whether it is still wanted."""
    run = await runs.open_run(tx, workspace, name)
    if run is not None:
        await tx.wake("fetch", run.key)
