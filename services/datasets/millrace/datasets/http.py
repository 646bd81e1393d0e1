"""What datasets tells over HTTP, and what people may do with versions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from fastapi.responses import FileResponse, PlainTextResponse, Response
from starlette.background import BackgroundTask

from millrace.chassis import Blobs, Conflict, Database, NotFound, Table, Transaction
from millrace.chassis.signing import Reasoned
from millrace.datasets import comparison, exporting, store
from millrace.datasets.domain import counted_as, left
from millrace.datasets.version_files import NoSuchFile, RowsGone, fetch
from millrace.workspace import Workspace

Limit = Annotated[int, Query(ge=1, le=1000)]
Key = Annotated[str | None, Header(alias="Idempotency-Key")]
Format = Literal["parquet", "jsonl", "huggingface"]
AT_ONCE = 1
"""Comparisons and exports that run together in one replica, which bounds its memory; more wait."""


class Pin(Reasoned):
    pinned: bool = True


class OtherWorkspace(Conflict):
    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other} are not of one workspace")
        self.one = one
        self.other = other


class NotProfiled(NotFound):
    def __init__(self, version: str) -> None:
        super().__init__(f"{version} has no profile yet: a job makes it after the release")
        self.version = version


def routes(db: Database, blobs: Blobs, workspaces: Table[Workspace]) -> list[APIRouter]:
    return [_looking(db, workspaces), _contents(db, blobs), _moves(db, workspaces)]


def told(version: store.Version) -> dict[str, Any]:
    """A version in a line."""
    body = version.body
    return {
        "name": version.name,
        "number": version.number,
        "dataset": version.digest,
        "manifest": version.manifest,
        "created_at": version.created_at,
        "rows": {split: sum(labels.values()) for split, labels in left(body).items()},
        "because": body["lineage"].get("because"),
        "parent": version.parent,
        "current": version.current,
        "pinned": version.pinned,
        "redacted": version.redacted,
        "emptied_at": version.emptied_at,
        "profile": version.profile is not None,
    }


def _looking(db: Database, workspaces: Table[Workspace]) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/counts")
    async def counts(workspace: str) -> dict[str, Any]:
        spec = await workspaces.get(workspace)
        async with db.reading() as tx:
            return await store.counts(tx, workspace, counted_as(spec))

    @router.get("/v1/datasets")
    async def datasets(workspace: str, limit: Limit = 100) -> dict[str, Any]:
        await workspaces.get(workspace)
        async with db.reading() as tx:
            return {
                "datasets": [told(version) for version in await store.each_version(tx, workspace, limit)],
                "cuts": await store.cuts(tx, workspace, limit),
                "moves": await store.moves(tx, workspace, limit),
            }

    @router.get("/v1/erasures")
    async def erasures(workspace: str, limit: Limit = 100) -> list[dict[str, Any]]:
        await workspaces.get(workspace)
        async with db.reading() as tx:
            return await store.erasures.erasures(tx, workspace, limit)

    @router.get("/v1/datasets/{version}")
    async def manifest(version: str) -> dict[str, Any]:
        """The manifest, and what became of it since: `left` are the rows that there are now, by split and label."""
        async with db.reading() as tx:
            found = await store.version(tx, version)
        return {**told(found), **found.body, "redacted": found.redacted, "left": left(found.body)}

    return router


def _contents(db: Database, blobs: Blobs) -> APIRouter:
    router = APIRouter(prefix="/v1/datasets/{version}")
    turns = asyncio.Semaphore(AT_ONCE)

    async def load(name: str) -> store.Version:
        async with db.reading() as tx:
            return await store.version(tx, name)

    @router.get("/diff/{other}")
    async def diff(version: str, other: str) -> dict[str, Any]:
        """What changed from a version to another."""
        before, after = await load(version), await load(other)
        if before.workspace != after.workspace:
            raise OtherWorkspace(before.name, after.name)
        async with turns, _folder() as folder:
            one = await fetch(db, blobs, before, folder / "before")
            two = await fetch(db, blobs, after, folder / "after")
            all_as = after.body["content"].get("counted_as")
            found = await asyncio.to_thread(
                comparison.compare, list(one.values()), list(two.values()), counted_as=all_as
            )
        return {"before": told(before), "after": told(after), **found}

    @router.get("/export")
    async def export(version: str, format: Format = "parquet") -> dict[str, Any]:
        """The files that an export has; each is fetched from `files/`."""
        found = await load(version)
        if found.emptied_at is not None:
            raise RowsGone(found.name)
        return {"version": told(found), "format": format, "files": exporting.listing(found, format)}

    @router.get("/files/{name:path}", response_model=None)
    async def file(version: str, name: str, format: Format = "parquet") -> Response:
        """One file of an export, made from the version's own while its digest is checked."""
        found = await load(version)
        if name not in exporting.listing(found, format):
            raise NoSuchFile(found.name, name)
        split = exporting.split_of(name, format)
        if split is None:
            return PlainTextResponse(exporting.readme(found), media_type="text/markdown; charset=utf-8")
        async with turns:
            return await _written(db, blobs, found, split, format)

    @router.get("/profile.{form}", response_model=None)
    async def profile(version: str, form: Literal["html", "json"]) -> Response:
        found = await load(version)
        if found.profile is None:
            raise NotProfiled(found.name)
        text = await blobs.get(f"{found.profile}.{form}")
        return Response(text, media_type="text/html; charset=utf-8" if form == "html" else "application/json")

    return router


@asynccontextmanager
async def _folder() -> AsyncIterator[Path]:
    folder = Path(await asyncio.to_thread(mkdtemp))
    try:
        yield folder
    finally:
        await asyncio.to_thread(rmtree, folder, True)


async def _written(db: Database, blobs: Blobs, version: store.Version, split: str, form: str) -> Response:
    """The file is whole and right before its first byte is sent, and goes when its last one is."""
    folder = Path(await asyncio.to_thread(mkdtemp))
    try:
        paths = await fetch(db, blobs, version, folder)
        target = folder / "out"
        source = paths[exporting.file_of(split)]
        rows = await asyncio.to_thread(exporting.write, version, source, split, form, target)
    except BaseException:
        await asyncio.to_thread(rmtree, folder, True)
        raise
    return FileResponse(target, headers={"X-Rows": str(rows)}, background=BackgroundTask(rmtree, folder, True))


def _moves(db: Database, workspaces: Table[Workspace]) -> APIRouter:
    router = APIRouter(prefix="/v1/datasets/{version}")

    @router.post("/rollback")
    async def roll_back(version: str, asked: Reasoned, key: Key = None) -> dict[str, Any]:
        """The version is current again: the next cut has it as parent, and leaves out what came after it."""
        async with db.transaction() as tx:
            found = await store.version(tx, version)
            corpus = await store.lock(tx, found.workspace)
            if found.emptied_at is not None:
                raise RowsGone(found.name)
            aside = await store.set_aside_since(tx, corpus, found)
            if await _first(tx, found, "rollback", asked, key, aside):
                corpus.current, corpus.set_aside = found.digest, aside
                await store.save(tx, corpus)
            return told(await store.version(tx, found.digest))

    @router.post("/pin")
    async def pin(version: str, asked: Pin, key: Key = None) -> dict[str, Any]:
        """A pinned version keeps its rows, whatever housekeeping is told to keep."""
        async with db.transaction() as tx:
            found = await store.version(tx, version)
            await store.lock(tx, found.workspace)
            if asked.pinned and (await store.version(tx, found.digest)).emptied_at is not None:
                raise RowsGone(found.name)
            move = "pin" if asked.pinned else "unpin"
            if await _first(tx, found, move, asked, key):
                await store.pin(tx, found.digest, pinned=asked.pinned)
            return told(await store.version(tx, found.digest))

    return router


async def _first(
    tx: Transaction, version: store.Version, move: str, asked: Reasoned, key: str | None, aside: str | None = None
) -> bool:
    """Writes a move down; False where the same call has done it already."""
    own = f"{version.workspace}/{move}/{key}" if key else None
    return await store.add_move(tx, version, move, by=asked.by, reason=asked.reason, set_aside=aside, key=own)
