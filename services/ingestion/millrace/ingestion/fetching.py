"""What a run publishes: in bounded transactions, each with the position that it reached."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from millrace.chassis import Busy, Database, Job, Transaction
from millrace.chassis.dead_letters import Seal
from millrace.events import DocumentRetired
from millrace.ingestion import metrics, runs
from millrace.ingestion.domain.revisions import Revision, documents, revise, submitted
from millrace.ingestion.domain.texts import cleaned
from millrace.ingestion.runs import Run
from millrace.ingestion.sources.batch import About, Batch, Position, Reader, Trouble
from millrace.ingestion.taking import DOCUMENTS, Rules, take
from millrace.privacy import mask

EMITS = (*DOCUMENTS, DocumentRetired)
RETIRED_AT_ONCE, TIDIED_AT_ONCE = 500, 10_000
REMEMBERED = timedelta(days=30)
"""How long a document that vanished is remembered: longer than events' ids are, as it begins anew when it is back."""

LONGEST_ITEM = 500


@dataclass(frozen=True)
class Publisher:
    """Takes batches to their commit. `key` digests what was said before."""

    db: Database
    rules: Rules
    seal: Seal
    key: bytes

    async def publish(self, job: Job, about: About, reader: Reader, batch: Batch) -> None:
        """One commit: what is news goes out, what was seen is marked, and the run goes on from here."""
        await self._room()
        async with job.transaction() as tx:
            run = await runs.load(tx, about.workspace, about.source, about.run)
            assert run is not None
            counts = batch.counts + await self._take(tx, job, about, reader, batch)
            if batch.troubles:
                await runs.add_troubles(tx, about, [_masked(trouble) for trouble in batch.troubles])
                counts["troubles"] += len(batch.troubles)
            if batch.places:
                await runs.save_places(tx, about, batch.places)
            if batch.settled or batch.unchanged:
                await runs.settle(tx, about, batch.settled | batch.unchanged)
                counts["unchanged"] += await runs.standing_at(tx, about, batch.unchanged)
            if batch.also:
                await batch.also(tx)
            run.counts.update(counts)
            run.position, run.tries, run.moved_at = self.sealed(batch.position), 0, tx.now
            run.reason = run.reason or batch.partial
            await runs.save(tx, run)
            tx.after_commit.append(lambda: _tell(counts))

    async def _take(self, tx: Transaction, job: Job, about: About, reader: Reader, batch: Batch) -> Counter[str]:
        if not batch.items:
            return Counter()
        items = documents(about.workspace, about.source, batch.items)
        known = await runs.known(tx, about, items)
        revisions = [
            revise(id, item, known.get(id), run=about.run, key=self.key, last_wins=reader.last_wins)
            for id, item in items.items()
        ]
        counts = Counter[str](one.outcome for one in revisions)
        counts["repeated"] += len(batch.items) - len(items)
        await self._submit(tx, job, about, [one for one in revisions if one.news], counts)
        await runs.save_revisions(tx, about, revisions)
        return counts

    async def _submit(
        self, tx: Transaction, job: Job, about: About, news: Sequence[Revision], counts: Counter[str]
    ) -> None:
        events = {
            one.document: submitted(one, about.workspace, about.source, now=tx.now, trace=job.traceparent)
            for one in news
        }
        reasons = await take(list(events.values()), tx, self.rules)
        refused = [one for one in news if reasons.get(events[one.document].id)]
        counts["rejected"] += len(refused)
        # the source no longer says what an earlier revision did, whatever it says now
        withdrawn = [one.document for one in refused if one.before]
        counts["retired"] += len(withdrawn)
        for one in refused:
            if one.before:
                step = f"{one.document}/{one.number}"
                _retire(tx, job, about, one.document, "withdrawn", step)

    async def retire(self, job: Job, about: About) -> None:
        """Retires what a whole run did not see."""
        while True:
            await self._room()
            async with job.transaction() as tx:
                gone = await runs.vanish(tx, about, RETIRED_AT_ONCE)
                for document in gone:
                    _retire(tx, job, about, document, "vanished", str(document))
                if gone:
                    run = await runs.load(tx, about.workspace, about.source, about.run)
                    assert run is not None
                    run.counts["retired"] += len(gone)
                    run.moved_at = tx.now
                    await runs.save(tx, run)
                    metrics.FETCHED.labels("retired").inc(len(gone))
            if len(gone) < RETIRED_AT_ONCE:
                break
        while True:
            async with job.transaction() as tx:
                if await runs.tidy(tx, about, gone_before=tx.now - REMEMBERED, most=TIDIED_AT_ONCE) < TIDIED_AT_ONCE:
                    return

    def sealed(self, position: Position) -> bytes:
        return self.seal.close(json.dumps(position).encode())

    def position(self, run: Run) -> Position | None:
        if run.position is None:
            return None
        found: Position = json.loads(self.seal.open(run.position))
        return found

    async def _room(self) -> None:
        """Waits while the outbox is behind."""
        while True:
            try:
                return await self.db.admit()
            except Busy as busy:
                await asyncio.sleep(busy.retry_after)


def _retire(tx: Transaction, job: Job, about: About, document: UUID, because: str, step: str) -> None:
    tx.emit(
        DocumentRetired.caused_by(
            replace(job.cause(f"retire/{step}"), occurred_at=tx.now, known_at=tx.now),
            workspace=about.workspace,
            document_id=str(document),
            source=about.source,
            because=because,
        )
    )


def _masked(trouble: Trouble) -> Trouble:
    shown = [mask(cleaned(text[: LONGEST_ITEM + 1])).text[:LONGEST_ITEM] for text in (trouble.item, trouble.reason)]
    return Trouble(shown[0] or "unnamed", trouble.code, shown[1])


def _tell(counts: Counter[str]) -> None:
    for outcome, number in counts.items():
        metrics.FETCHED.labels(outcome).inc(number)
