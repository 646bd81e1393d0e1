"""Makes the profile of a version, after its release and anew where rows of it or of its parent were erased."""

import asyncio
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from millrace.chassis import BlobNotFound, Blobs, Database, Job, works
from millrace.datasets import moment_files, profiling, store
from millrace.datasets.holding import Holding
from millrace.datasets.metrics import PROFILING
from millrace.datasets.profile.declared import ANSWERED
from millrace.datasets.version_files import RowsGone, fetch

PAUSE = timedelta(seconds=5)
"""How long it waits for an erasure that is under way: its files still hold what has to go."""


@works("profile")
async def job_profile(job: Job, *, db: Database, blobs: Blobs) -> None:
    async with job.transaction("look") as tx:
        await store.lock(tx, job.workspace)
        version = await store.version(tx, job.payload["digest"])
        parent = await store.find_version(tx, version.parent) if version.parent else None
        waits, now = await store.erasures.any_open(tx, job.workspace), tx.now
    if version.profile is not None:
        return
    if waits:
        await job.later(now + PAUSE, "an erasure is under way")
        return
    holding = await Holding.begin(job)
    name = f"{version.manifest.removesuffix('.json')}-profile-{holding.turn}"
    with TemporaryDirectory() as folder, PROFILING.time():
        try:
            made = await _make(version, parent, db, blobs, Path(folder))
        except RowsGone:
            return
        for form in profiling.FORMS:
            await holding.announce(name + form)
            await blobs.put_file(name + form, made.with_suffix(form))
    async with job.finish() as tx:
        await holding.corpus(tx)
        await store.keep_profile(tx, version.digest, name)
        await store.erasures.published(tx, job.workspace)


async def _make(version: store.Version, parent: store.Version | None, db: Database, blobs: Blobs, folder: Path) -> Path:
    """The profile's files, but for their endings. Raises RowsGone, ProfileFailed, Unavailable."""
    paths = await fetch(db, blobs, version, folder / "version")
    try:
        former = await fetch(db, blobs, parent, folder / "parent") if parent else {}
    except (BlobNotFound, RowsGone):
        former = {}  # there is nothing to compare with any more
    asked = {
        "paths": [str(path) for path in paths.values()],
        "parent": [str(path) for path in former.values()],
        "about": _about(version, parent if former else None),
    }
    rule = version.body["lineage"].get("rule", {})
    if rule.get("counted_as"):
        asked["declared"] = asdict(ANSWERED)
    if "features" in rule:
        asked["declared"] = moment_files.declared(rule)
        for name, files in (("paths", paths), ("parent", former)):
            asked[name] = await asyncio.to_thread(moment_files.widened, list(files.values()), rule)
    return await profiling.make(version.name, asked, folder)


def _about(version: store.Version, parent: store.Version | None) -> dict[str, Any]:
    lineage = version.body["lineage"]
    return {
        "name": version.name,
        "digest": version.digest,
        "created_at": version.created_at.isoformat(),
        "because": lineage.get("because"),
        "parent": parent.digest if parent else None,
        "parent_name": parent.name if parent else None,
        "duplicated": lineage.get("duplicated") or {},
        "redacted": version.redacted,
    }
