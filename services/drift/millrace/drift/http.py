"""What people and the console may ask."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from millrace.chassis import Database, Table
from millrace.drift import store
from millrace.drift.domain import Monitor, moment, series
from millrace.workspace import Workspace


def routes(db: Database, workspaces: Table[Workspace]) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/monitors")
    async def monitors(
        workspace: str,
        version: str | None = None,
        points: Annotated[int, Query(ge=10, le=500)] = 120,
        alarms: Annotated[int, Query(ge=0, le=200)] = 20,
    ) -> dict[str, Any]:
        """The monitors of a version (in production unless named), each with its recent means, and the latest alarms."""
        await workspaces.get(workspace)
        async with db.reading() as tx:
            shown = version or await store.latest_version(tx, workspace)
            kept = await store.each_monitor(tx, workspace, shown) if shown else []
            rang = await store.each_alarm(tx, workspace, alarms)
        return {
            "workspace": workspace,
            "version": shown,
            "monitors": [_monitor(lane, monitor, points) for lane, monitor in kept],
            "alarms": [_alarm(row) for row in rang],
        }

    return router


def _monitor(lane: int, monitor: Monitor, points: int) -> dict[str, Any]:
    return {
        "signal": monitor.signal,
        "lane": lane,
        "detector": monitor.detector.name,
        "level": monitor.detector.level,
        "seen": monitor.seen,
        "reference": monitor.reference,
        "watching": monitor.seen >= monitor.reference,
        "series": [{"at": point.at, "mean": round(point.mean, 6), "n": point.n} for point in series(monitor, points)],
    }


def _alarm(row: dict[str, Any]) -> dict[str, Any]:
    evidence = row["evidence"]
    times = {"change_point": moment(evidence.pop("change_at")), "rang_at": moment(evidence.pop("rang_at"))}
    return {**{name: row[name] for name in ("version", "lane", "outcome", "event_id")}, **evidence, **times}
