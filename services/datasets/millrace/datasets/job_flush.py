"""Moves the texts that wait in Postgres into a Parquet part of the corpus."""

from pathlib import Path
from tempfile import TemporaryDirectory

from millrace.chassis import Blobs, Job, works
from millrace.datasets import blobs as files
from millrace.datasets import store
from millrace.datasets.holding import Holding

PAGE = 500


@works("flush")
async def job_flush(job: Job, *, blobs: Blobs, part_rows: int) -> None:
    holding = await Holding.begin(job)
    with TemporaryDirectory() as folder:
        writer = files.Writer(Path(folder) / "part.parquet", files.CORPUS)
        first = last = 0
        while writer.rows < part_rows:
            async with job.transaction("read") as tx:
                page = await store.buffered(tx, job.workspace, after=last, most=min(PAGE, part_rows - writer.rows))
            if not page:
                break
            first, last = first or page[0]["seq"], page[-1]["seq"]
            await writer.write([dict(row) for row in page])
        await writer.close()
        if not writer.rows:
            await _done(job, part_rows)
            return
        blob, sha256, size = await files.keep(blobs, f"{job.workspace}/corpus", writer.path, holding)
    async with job.finish() as tx:
        corpus = await holding.corpus(tx)
        await store.add_part(tx, corpus, blob, sha256, size, first, last, writer.rows)
        await store.erasures.published(tx, job.workspace)
        corpus.flushing = corpus.buffered >= part_rows
        await store.save(tx, corpus)
        if corpus.flushing:
            key = f"{job.workspace}/{corpus.parts + 1}"
            await tx.schedule("flush", key=key, workspace=job.workspace, cause=job.cause("next"))


async def _done(job: Job, part_rows: int) -> None:
    """What waited was erased meanwhile. The key of this job is spent, so the next part counts one on."""
    async with job.finish() as tx:
        corpus = await store.lock(tx, job.workspace)
        corpus.parts += 1
        corpus.flushing = False
        await store.save(tx, corpus)
