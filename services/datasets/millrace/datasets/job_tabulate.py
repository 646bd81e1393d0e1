"""Makes a table of features that somebody asked for, and its profile."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from millrace.chassis import Blobs, Database, Job, Unavailable, works
from millrace.datasets import observation_files as files
from millrace.datasets import observations, profiling, shelving
from millrace.datasets.tabulating import Tabled, tabulate
from millrace.features import Plan
from millrace.workspace import Workspace, format_duration

RANGE = {"since": "from", "until": "to"}


@works("tabulate")
async def job_tabulate(job: Job, *, db: Database, blobs: Blobs) -> None:
    id = UUID(job.key)
    async with job.transaction("look") as tx:
        asked = await observations.table(tx, id)
        gone_to = await observations.gone_to(tx, job.workspace)
    if asked["state"] != "waiting":
        return
    blob = f"{job.workspace}/features/{id}-{job.token}.parquet"
    profile, why = f"{job.workspace}/features/{id}-{job.token}-profile", None
    with TemporaryDirectory() as folder:
        table = await tabulate(db, blobs, asked, gone_to, Path(folder))
        digest, size = await asyncio.to_thread(files.measured, table.path)
        written = {blob: table.path}
        try:
            page = await profiling.make(f"table {id}", profiled(asked, table, digest), Path(folder))
            written |= {profile + form: page.with_suffix(form) for form in profiling.FORMS}
        except profiling.ProfileFailed as error:
            why = str(error)
        await shelving.shelve(job, blobs, written)
    made = observations.Made(
        blob, None if why else profile, why, digest, size, table.rows, table.left_out, table.unused, table.history
    )
    async with job.finish() as tx:
        if gone_to != await observations.gone_to(tx, job.workspace):
            raise Unavailable(f"observations of {job.workspace} came to be past their retention meanwhile")
        await shelving.claim(tx, job.workspace, written)
        if not await observations.made(tx, id, made):
            await shelving.stray(tx, job.workspace, written)
    await shelving.sweep(db, blobs, job.workspace)


def profiled(asked: Mapping[str, Any], table: Tabled, digest: str) -> dict[str, Any]:
    """What to profile. Equal tables have equal profiles: when it was asked for, and by whom, is no part of it."""
    spec = Workspace.read(asked["spec"])
    assert spec.target
    moments = (
        f"Features of each {spec.entity}, and what {spec.target.name} was {format_duration(spec.target.horizon)} later"
    )
    parts = [f" {word} {asked[name]:%Y-%m-%d %H:%M} UTC" for name, word in RANGE.items() if asked[name]]
    return {
        "paths": [str(table.path)],
        "declared": asdict(files.table_columns(Plan.of(spec), spec.target)),
        "about": {
            "name": spec.workspace,
            "of": moments + "".join(parts),
            "digest": f"sha256:{digest}",
            "left_out": dict(table.left_out),
            "unused": dict(table.unused),
            "history": table.history,
        },
    }
