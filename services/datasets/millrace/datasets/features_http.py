"""Tables of features over HTTP: asked for, looked at, fetched, with their profiles."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal
from uuid import UUID, uuid5

from fastapi import APIRouter, Header
from fastapi.responses import Response, StreamingResponse
from pydantic import AwareDatetime, ConfigDict

from millrace.chassis import Blobs, Clock, Conflict, Database, Malformed, Table, Unprocessable, command
from millrace.chassis.signing import Signed
from millrace.datasets import observations
from millrace.datasets.job_discard import KEPT
from millrace.workspace import Workspace

Key = Annotated[str | None, Header(alias="Idempotency-Key")]
CHUNK = 1 << 16


class NoFeatures(Unprocessable):
    def __init__(self, workspace: str, task: str) -> None:
        super().__init__(f"{workspace} is of task {task} and declares no features")
        self.workspace = workspace
        self.task = task


class NotMade(Conflict):
    def __init__(self, table: UUID, state: str, reason: str | None) -> None:
        super().__init__(f"table {table} is {state}" + (f": {reason}" if reason else ""))
        self.table = str(table)
        self.state = state


class NotProfiled(Conflict):
    def __init__(self, table: UUID, reason: str | None) -> None:
        super().__init__(f"table {table} has no profile" + (f": {reason}" if reason else ""))
        self.table = str(table)


class Asked(Signed):
    """Moments from `since` on and before `until`; as far as there are any where one is not said."""

    model_config = ConfigDict(extra="forbid")
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    def range(self, now: datetime) -> observations.Range:
        """Raises Malformed."""
        if self.since is not None and self.since > now:
            raise Malformed("since", f"a time that has come; it is {now.isoformat(timespec='seconds')}")
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise Malformed("until", f"a time after since, {self.since.isoformat()}")
        return observations.Range(self.since, self.until)


def routes(db: Database, blobs: Blobs, workspaces: Table[Workspace], clock: Clock) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/workspaces/{name}/feature-tables", status_code=202)
    async def ask(name: str, asked: Asked, key: Key = None) -> dict[str, Any]:
        spec = await workspaces.get(name)
        if not spec.features or spec.target is None:
            raise NoFeatures(name, spec.task)
        moments = asked.range(clock.now())
        cause = command(now=clock.now(), key=f"features/{name}/{key}" if key else None)
        id = uuid5(cause.id, "table")
        async with db.transaction() as tx:
            await observations.ask_table(tx, id, name, asked.by, spec.plain(), moments)
            await tx.schedule("tabulate", key=str(id), workspace=name, cause=cause)
            await tx.schedule("discard", key=str(id), workspace=name, cause=cause, at=tx.now + KEPT)
            return _told(await observations.table(tx, id))

    @router.get("/v1/feature-tables/{id}")
    async def look(id: UUID) -> dict[str, Any]:
        async with db.reading() as tx:
            return _told(await observations.table(tx, id))

    @router.get("/v1/feature-tables/{id}/file")
    async def fetch(id: UUID) -> StreamingResponse:
        async with db.reading() as tx:
            table = await observations.table(tx, id)
        if table["blob"] is None:
            raise NotMade(id, table["state"], table["reason"])
        with ExitStack() as until_told:
            folder = until_told.enter_context(TemporaryDirectory())
            path = Path(folder) / "features.parquet"
            await blobs.get_file(table["blob"], path)
            body = _chunks(path, until_told.pop_all())
        headers = {"Content-Length": str(table["bytes"])}
        return StreamingResponse(body, media_type="application/vnd.apache.parquet", headers=headers)

    @router.get("/v1/feature-tables/{id}/profile.{form}", response_model=None)
    async def profile(id: UUID, form: Literal["html", "json"]) -> Response:
        async with db.reading() as tx:
            table = await observations.table(tx, id)
        if table["blob"] is None:
            raise NotMade(id, table["state"], table["reason"])
        if table["profile"] is None:
            raise NotProfiled(id, table["reason"])
        text = await blobs.get(f"{table['profile']}.{form}")
        return Response(text, media_type="text/html; charset=utf-8" if form == "html" else "application/json")

    @router.get("/v1/observations")
    async def counts(workspace: str) -> dict[str, Any]:
        await workspaces.get(workspace)
        async with db.reading() as tx:
            return await observations.counts(tx, workspace)

    return router


def _told(table: dict[str, Any]) -> dict[str, Any]:
    names = (
        "workspace", "asked_at", "by", "since", "until", "state", "rows", "bytes", "digest", "left_out", "unused",
        "history", "reason",
    )  # fmt: skip
    spec = table["spec"]
    declared = {name: spec[name] for name in ("entity", "features", "target")}
    profiled = table["profile"] is not None
    return {"table": table["id"], **{name: table[name] for name in names}, "profile": profiled, **declared}


async def _chunks(path: Path, folder: ExitStack) -> AsyncIterator[bytes]:
    with folder, path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
