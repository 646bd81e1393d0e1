"""This replica's lease, what it says of routes, and the one route.applied for each revision."""

import asyncio
from contextlib import suppress
from uuid import UUID, uuid4

import structlog

from millrace.chassis import Database, Table, Unavailable, loops
from millrace.events import RouteApplied, WorkspaceRouted
from millrace.serving import store
from millrace.serving.domain import Report, conclude
from millrace.serving.routes import Routes

log = structlog.get_logger()


class Replicas:
    """Counts as live from when it can answer, until it stops or its lease ends."""

    def __init__(
        self, db: Database, routes: Routes, routed: Table[WorkspaceRouted], *, lease: float, heartbeat: float
    ) -> None:
        self.replica: UUID = uuid4()
        self._db = db
        self._routes = routes
        self._routed = routed
        self._lease = lease
        self._heartbeat = heartbeat
        self._said: dict[str, Report] = {}
        self._unsaved: dict[str, Report] = {}
        self._open: dict[tuple[str, int], WorkspaceRouted] = {}
        self._joined = False
        self._wake = asyncio.Event()
        self.loops: list[asyncio.Task[None]] = []
        routes.reported.append(self._heard)

    async def start(self) -> None:
        self.loops = [asyncio.create_task(self._run(), name="replica")]

    async def stop(self) -> None:
        await loops.end(self.loops)
        with suppress(Unavailable):
            async with self._db.transaction() as tx:
                await store.leave(tx, self.replica)

    def _heard(self, event: WorkspaceRouted, report: Report | None) -> None:
        self._open[event.workspace, event.route.revision] = event
        if report is not None:
            self._said[event.workspace] = self._unsaved[event.workspace] = report
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self.beat()
            except Unavailable as error:
                log.warning("heartbeat missed", because=str(error))
            await loops.set_within(self._wake, self._heartbeat)

    async def beat(self) -> None:
        """Renews the lease, says what is new, and concludes what all have said."""
        self._joined = self._joined or (self._routed.caught_up and self._routes.ready() is None)
        if not self._joined:
            return
        async with self._db.transaction() as tx:
            if await store.renew(tx, self.replica, self._lease):
                self._unsaved = dict(self._said)
            saying = dict(self._unsaved)
            await store.save_reports(tx, self.replica, list(saying.items()))
            await store.forget_dead(tx)
        self._unsaved = {name: report for name, report in self._unsaved.items() if saying.get(name) != report}
        for place, event in list(self._open.items()):
            if await self._conclude(event):
                del self._open[place]

    async def _conclude(self, event: WorkspaceRouted) -> bool:
        """Whether the revision is concluded, by this replica or another."""
        workspace, revision = event.workspace, event.route.revision
        async with self._db.transaction(emits=[RouteApplied]) as tx:
            await store.lock_workspace(tx, workspace)
            if await store.is_applied(tx, workspace, revision):
                return True
            standing = await store.standing(tx, workspace, revision)
            applied = conclude(revision, standing.live, standing.reports)
            if applied is None:
                return False
            await store.save_applied(tx, workspace, revision, applied)
            tx.emit(
                RouteApplied.caused_by(
                    event,
                    occurred_at=tx.now,
                    workspace=workspace,
                    revision=revision,
                    ok=applied.ok,
                    replicas=applied.replicas,
                    reason=applied.reason,
                )
            )
        log.info("route applied", workspace=workspace, revision=revision, ok=applied.ok, because=applied.reason)
        return True
