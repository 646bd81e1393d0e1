"""erase: a person's documents -> document.kept, document.duplicated, erasure.confirmed: what repeated them is next"""

from itertools import count

from millrace.chassis import Job, Transaction, erasure, works
from millrace.chassis.erasure import Forgotten
from millrace.dedup import store
from millrace.dedup.corpus import Index
from millrace.events import DocumentDuplicated, DocumentKept, ErasureConfirmed


@works("erase", emits=[DocumentKept, DocumentDuplicated, ErasureConfirmed])
async def job_erase(job: Job, *, index: Index) -> None:
    steps = count()

    async def erase(tx: Transaction, who: Forgotten, most: int) -> dict[str, int]:
        current, *beside = await store.lock_all(tx, who.workspace)
        stood, repeated = await _erase(tx, current, who, most)
        others = [sum(await _erase(tx, corpus, who, most)) for corpus in beside]
        return {"documents": stood, "duplicates": repeated, "copies": sum(others)}

    async def _erase(tx: Transaction, corpus: store.Corpus, who: Forgotten, most: int) -> tuple[int, int]:
        """On one shelf: how many stood, and how many did not."""
        removed = await store.remove_subject(tx, corpus, who.subject, who.until, most)
        if removed:
            cause = job.cause(f"{job.token}/{next(steps)}")
            await index.leave(tx, corpus, removed, {row["document_id"]: cause for row in removed})
        stood = sum(row["stands"] for row in removed)
        return stood, len(removed) - stood

    await erasure.carry_out(job, erase)
