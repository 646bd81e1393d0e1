"""Follows what workspaces declare of their corpora: a change becomes jobs that bring the index after it."""

import asyncio
import json
from datetime import timedelta
from hashlib import sha256

import structlog

from millrace.chassis import Clock, Database, Table, Unavailable, command, loops
from millrace.serving.encoder import Encoder
from millrace.serving.store import retrieval
from millrace.workspace import Workspace

log = structlog.get_logger()

AGAIN = timedelta(seconds=20)
"""When a change is looked after a second time: another replica may have read of it later, and let a document pass."""

LOOK = 1.0
"""Seconds between looks at whether the table is read to its end, and between tries."""


def digest(spec: Workspace) -> str:
    corpora = spec.model_dump(mode="json", include={"corpora"})
    return sha256(json.dumps(corpora, sort_keys=True).encode()).hexdigest()


NOTHING = sha256(json.dumps({"corpora": {}}, sort_keys=True).encode()).hexdigest()


class Declarations:
    """Tells each change once, whichever replica sees it first. A base is loaded once a corpus is declared on it."""

    def __init__(self, db: Database, clock: Clock, encoder: Encoder) -> None:
        self._db = db
        self._clock = clock
        self._encoder = encoder
        self._new: dict[str, Workspace] = {}
        self._wake = asyncio.Event()
        self.specs: Table[Workspace] | None = None
        self.loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self.loops = [asyncio.create_task(self._run(), name="declarations")]

    async def stop(self) -> None:
        await loops.end(self.loops)

    async def on_change(self, workspace: str, spec: Workspace) -> None:
        for corpus in spec.corpora.values():
            self._encoder.prepare(corpus.base)
        self._new[workspace] = spec
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await loops.set_within(self._wake, LOOK)
            if self._wake.is_set() and self.specs is not None and self.specs.caught_up:
                self._wake.clear()
                try:
                    await self.follow()
                except Unavailable as error:
                    log.warning("declarations wait", because=str(error))
                    self._wake.set()
                    await asyncio.sleep(LOOK)

    async def follow(self) -> None:
        """Schedules what the changes since the last time ask for."""
        seen = dict(self._new)
        async with self._db.transaction() as tx:
            known = await retrieval.followed(tx)
            for workspace in sorted(seen):
                now = digest(seen[workspace])
                if now == known.get(workspace, NOTHING):
                    continue
                turn = await retrieval.save_followed(tx, workspace, now)
                for number in range(2) if turn is not None else ():
                    key, at = f"{workspace}/{turn}/{number}", tx.now + number * AGAIN
                    cause = command(now=self._clock.now(), key=key)
                    await tx.schedule("reindex", key=key, workspace=workspace, cause=cause, at=at)
        self._new = {name: spec for name, spec in self._new.items() if seen.get(name) is not spec}
