"""A run's state in S3, from where any worker takes it up: written under a claim's token, then told in a commit."""

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from millrace.chassis import BlobNotFound, Blobs, Job, LeaseLost, Unavailable
from millrace.training import metrics, runs

log = structlog.get_logger()


async def take_up(run: asyncpg.Record, blobs: Blobs, folder: Path) -> None:
    """The state of the claims before, where one was kept. Raises Unavailable."""
    if run["checkpoint"] is None:
        return
    try:
        await blobs.download(run["checkpoint"], folder)
    except BlobNotFound:
        log.warning("checkpoint gone", run=str(run["id"]), checkpoint=run["checkpoint"])
        await asyncio.to_thread(shutil.rmtree, folder, True)


async def forget(job: Job, blobs: Blobs) -> None:
    """Those of every claim of a run that has ended; what can't be deleted now stays, and is nobody's."""
    await _delete(blobs, _prefix(job))


class Checkpoints:
    """Uploads what the child wrote, one at a time beside its steps: an outage costs a checkpoint, never the run."""

    def __init__(self, job: Job, blobs: Blobs, folder: Path) -> None:
        self._job, self._blobs, self._folder = job, blobs, folder
        self._under_way: asyncio.Task[None] | None = None

    def told(self) -> None:
        """The child has written one. While another is under way it is passed over: a newer one will come."""
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._keep(), name=f"checkpoint {self._job.key}")

    async def stop(self) -> None:
        """Waits for what is under way: an upload that nobody waits for would land after its run is forgotten."""
        if self._under_way is not None:
            await asyncio.wait([self._under_way])

    async def _keep(self) -> None:
        end = "lost"
        uploaded = ""
        try:
            step = await asyncio.to_thread(self._hold_still)
            if step is None:
                return
            prefix = f"{_prefix(self._job)}/{self._job.token}-{step}"
            uploaded = prefix
            await self._blobs.upload(self._still, prefix)
            before = await self._tell(step, prefix)
            end, uploaded = "kept", before or ""
        except (Unavailable, OSError) as error:
            end = "failed"
            log.warning("checkpoint not kept", run=self._job.key, because=f"{type(error).__name__}: {error}")
        except LeaseLost as error:
            log.warning("checkpoint not kept", run=self._job.key, because=str(error))
        finally:
            metrics.CHECKPOINTS.labels(end).inc()
        if uploaded:
            await _delete(self._blobs, uploaded)

    async def _tell(self, step: int, prefix: str) -> str | None:
        """Only the holder of the job can: a worker that wakes after its lease leaves no mark. Raises LeaseLost."""
        async with self._job.transaction(f"checkpoint {step}") as tx:
            return await runs.keep_checkpoint(tx, UUID(self._job.key), prefix, step)

    @property
    def _still(self) -> Path:
        return self._folder.with_name("checkpoint-held")

    def _hold_still(self) -> int | None:
        """Links to the newest state, which the child may replace while it is uploaded; None where it just did."""
        shutil.rmtree(self._still, ignore_errors=True)
        self._still.mkdir()
        shutil.copyfile(self._folder / "state.json", self._still / "state.json")
        about: dict[str, Any] = json.loads((self._still / "state.json").read_bytes())
        try:
            os.link(self._folder / about["file"], self._still / about["file"])
        except FileNotFoundError:
            return None
        return int(about["step"])


def _prefix(job: Job) -> str:
    return f"{job.workspace}/checkpoints/{job.key}"


async def _delete(blobs: Blobs, prefix: str) -> None:
    try:
        for key in [key async for key in blobs.each(f"{prefix}/")]:
            await blobs.delete(key)
    except Unavailable as error:
        log.warning("checkpoint not deleted", prefix=prefix, because=str(error))
