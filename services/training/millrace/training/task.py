"""What a child process is asked to train."""

import asyncio
import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from millrace import learn
from millrace.chassis import BlobNotFound, Blobs
from millrace.events import Deployment
from millrace.training import imports
from millrace.training.domain import DECLARE, FINE_TUNES, IMPORTED, TELLING, UNTAUGHT, NothingToDeclare
from millrace.training.plan import Plan
from millrace.training.rows import fetch, select
from millrace.training.settings import Settings
from millrace.training.worker import Line


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed run with all that its child needs to be told. `folder` is this claim's own: a zombie has another."""

    run: asyncpg.Record
    plan: Plan
    production: Deployment | None
    folder: Path

    @property
    def declares(self) -> bool:
        return bool(self.run["method"] == DECLARE)

    @property
    def judged(self) -> bool:
        """Whether it says on the way how good it is, for the search to stop it."""
        search = self.plan.search
        return bool(search and search.prune and self.run["method"] in TELLING)

    @property
    def learns(self) -> bool:
        """Whether anything is trained."""
        return self.run["method"] not in UNTAUGHT

    @property
    def goes_on(self) -> bool:
        """Whether it fine-tunes what is in production further."""
        return bool(self.run["method"] in FINE_TUNES and self.plan.start == "production" and self.production)


async def asked(task: Task, out: Path, blobs: Blobs, settings: Settings) -> Line:
    """What the run's child is told, with the files that it needs beside it.

    Raises BlobNotFound, Malformed, NothingToDeclare, Unavailable.
    """
    await asyncio.to_thread(task.folder.mkdir, parents=True, exist_ok=True)
    source, rows = task.folder / "dataset.parquet", task.folder / "rows.parquet"
    training = await fetch(blobs, task.run["manifest"], source)
    await _bring_base(task, blobs)
    production = await _production(task, blobs)
    settings_of_method = await _settings(task, production, blobs, settings)
    labels = task.production.labels if task.declares and task.production else training.labels
    await asyncio.to_thread(select, source, rows, untrusted=task.run["untrusted"], labels=labels or None)
    return {
        "task": task.plan.task,
        "method": task.run["method"],
        "base": task.run["base"],
        "rows": str(rows),
        "out": str(out),
        "labels": labels or None,
        "dataset": task.run["dataset"],
        "seed": task.plan.seed,
        "threads": settings.threads,
        "budget_seconds": task.plan.finetune_budget,
        "checkpoint": str(task.folder / "checkpoint"),
        "checkpoint_seconds": task.plan.checkpoint,
        "device": task.plan.device if task.learns else "cpu",
        "precision": task.plan.precision,
        "accumulate": task.plan.accumulate if task.learns else 1,
        "settings": settings_of_method,
        **({"judge": True} if task.judged else {}),
        "start": production if task.goes_on else None,
        **task.plan.serve,
        **task.plan.declared,
    }


async def _settings(task: Task, production: str | None, blobs: Blobs, settings: Settings) -> Line:
    """What a method is told; where it learns nothing, what its version is made of.

    Raises BlobNotFound, ImportTooLarge, Unavailable.
    """
    if task.declares:
        return {"from": production}
    brought = task.plan.imported
    if brought is None:
        return dict(json.loads(task.run["asked"]))
    folder = task.folder / "imported"
    await imports.bring(blobs, task.run["workspace"], brought, folder, settings.import_mb)
    told = {"source": brought.source, "digest": brought.digest, "licence": brought.licence}
    return {"from": str(folder), **told, "labels": list(brought.labels) or None}


async def _bring_base(task: Task, blobs: Blobs) -> None:
    """One that a team added; the run says of a name that nobody added that it is unknown."""
    if not task.run["base"]:
        return
    with contextlib.suppress(BlobNotFound):
        await learn.bases.bring(task.run["base"], blobs)


async def _production(task: Task, blobs: Blobs) -> str | None:
    """The folder of the version in production, where the run is made from it. Raises NothingToDeclare, Unlearnable."""
    if task.declares and task.production is None:
        raise NothingToDeclare(task.run["workspace"])
    if task.production is None or not (task.declares or task.goes_on):
        return None
    folder = task.folder / "production"
    await blobs.download(task.production.artifact, folder)
    made = await asyncio.to_thread(learn.version_within, folder)
    if task.goes_on and made.method == IMPORTED:
        return None  # it stands on no base of ours that could go on from it
    return str(folder)
