"""What people ask about sources, and ask of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from millrace.chassis import Clock, Conflict, Database, NotFound, Table, command
from millrace.chassis.signing import Signed
from millrace.ingestion import runs, store
from millrace.ingestion.declaring import ask, fetched, shape
from millrace.workspace import Fetched, Workspace
from millrace.workspace.problems import nearest

Limit = Annotated[int, Query(ge=1, le=1000)]


class SourceNotFound(NotFound):
    def __init__(self, source: str, spec: Workspace) -> None:
        hint = nearest(source, spec.sources)
        super().__init__(
            f"{spec.workspace} declares no source {source!r}" + (f"; did you mean {hint!r}?" if hint else "")
        )
        self.source = source


class RunNotFound(NotFound):
    def __init__(self, source: str, run: int) -> None:
        super().__init__(f"source {source!r} has no run {run}")
        self.source = source
        self.run = run


class NotFetched(Conflict):
    """Products push this source, or it is retired: there is nothing to run."""

    def __init__(self, source: str, why: str) -> None:
        super().__init__(f"source {source!r} is not fetched: {why}")
        self.source = source


def source_routes(db: Database, specs: Table[Workspace], clock: Clock) -> APIRouter:
    router = APIRouter(prefix="/v1/workspaces/{workspace}/sources")

    @router.get("")
    async def each(workspace: str) -> list[dict[str, Any]]:
        spec = await specs.get(workspace)
        async with db.reading() as tx:
            run = {row["source"]: row for row in await runs.overview(tx, workspace)}
            came = {row["source"]: row for row in await store.load_sources(tx, workspace)}
        names = sorted({*spec.sources, *run, *came})
        return [_shown(spec, name, run.get(name), came.get(name)) for name in names]

    @router.get("/{source}")
    async def one(workspace: str, source: str, limit: Limit = 20) -> dict[str, Any]:
        spec = await specs.get(workspace)
        async with db.reading() as tx:
            run = {row["source"]: row for row in await runs.overview(tx, workspace)}
            came = {row["source"]: row for row in await store.load_sources(tx, workspace)}
            newest = await runs.newest(tx, workspace, source, limit)
        if source not in spec.sources and source not in run and source not in came:
            raise SourceNotFound(source, spec)
        declared = spec.sources.get(source)
        said = declared.model_dump(mode="json") if declared else None
        return {**_shown(spec, source, run.get(source), came.get(source)), "declared": said, "runs": newest}

    @router.post("/{source}/runs", status_code=202)
    async def run_now(workspace: str, source: str, asked: Signed) -> dict[str, Any]:
        spec = await specs.get(workspace)
        declared = _fetched(spec, source)
        async with db.transaction() as tx:
            if source not in await runs.declared(tx, workspace):
                await runs.declare(tx, workspace, source, shape(declared))
            run = await ask(tx, command(now=clock.now()), workspace, source, due_at=tx.now, by=asked.by)
        return {"workspace": workspace, "source": source, "run": run.run, "state": run.state}

    @router.get("/{source}/runs/{run}")
    async def report(workspace: str, source: str, run: int, after: int = 0, limit: Limit = 100) -> dict[str, Any]:
        await specs.get(workspace)
        async with db.reading() as tx:
            found = await runs.report(tx, workspace, source, run, after=after, limit=limit)
        if found is None:
            raise RunNotFound(source, run)
        return found

    return router


def _fetched(spec: Workspace, source: str) -> Fetched:
    if source not in spec.sources:
        raise SourceNotFound(source, spec)
    found = fetched(spec, source)
    if found is None:
        retired = source in spec.data.retired
        raise NotFetched(source, "it is retired" if retired else "products push its events")
    return found


def _shown(spec: Workspace, name: str, run: dict[str, Any] | None, came: dict[str, Any] | None) -> dict[str, Any]:
    """A source as people see it: what it is, how it stands, what came from it."""
    source = spec.sources.get(name)
    fetches = fetched(spec, name)
    opened, last = (run["open"], run["last"]) if run else (None, None)
    every = fetches.every if fetches else None
    return {
        "source": name,
        "kind": source.kind if source else None,
        "purposes": list(spec.purposes_of(name)),
        "trusted": name in spec.data.trusted,
        "retired": name in spec.data.retired,
        "every_s": every.total_seconds() if every else None,
        "state": _state(opened, last) if fetches else None,
        "documents": run["documents"] if run else None,
        "open_run": opened,
        "last_run": last,
        "next_at": opened["due_at"] if opened and opened["state"] == "waiting" else None,
        "accepted": came["accepted"] if came else 0,
        "rejected": came["rejected"] if came else 0,
        "last_at": came["last_at"] if came else None,
    }


def _state(opened: dict[str, Any] | None, last: dict[str, Any] | None) -> str:
    if opened and opened["state"] == "running":
        return "held up" if opened["waits_for"] else "running"
    return str(last["state"]) if last else "never run"
