"""What a run publishes: in bounded transactions, each with the position that it reached."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from millrace.chassis import Busy, Database, Job, Transaction, erasure
from millrace.chassis.dead_letters import Seal
from millrace.events import DocumentRetired
from millrace.ingestion import erasures, metrics, runs
from millrace.ingestion.domain.documents import Mask
from millrace.ingestion.domain.revisions import Item, Revision, documents, revise, submitted
from millrace.ingestion.domain.texts import cleaned
from millrace.ingestion.runs import Run
from millrace.ingestion.sources.batch import About, Batch, Position, Reader, Trouble
from millrace.ingestion.taking import DOCUMENTS, Rules, take
from millrace.privacy import REDACT, Policy, derived_key, mask, pseudonym

EMITS = (*DOCUMENTS, DocumentRetired)
RETIRED_AT_ONCE, TIDIED_AT_ONCE = 500, 10_000
REMEMBERED = timedelta(days=30)
"""How long a document that vanished is remembered: longer than events' ids are, as it begins anew when it is back."""

LONGEST_ITEM = 500
NO_ADDRESSES = Policy(kinds=REDACT.kinds - {"ip"})
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
"""When a row is of that does not say."""


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
            run.position, run.tries, run.moved_at, run.waits_for = self.sealed(batch.position), 0, tx.now, None
            run.reason = run.reason or batch.partial
            await runs.save(tx, run)
            tx.after_commit.append(lambda: _tell(counts))

    async def _take(self, tx: Transaction, job: Job, about: About, reader: Reader, batch: Batch) -> Counter[str]:
        if not batch.items:
            return Counter()
        every = documents(about.workspace, about.source, batch.items)
        items = await self._of_the_remembered(tx, about, every)
        known = await runs.known(tx, about, items)
        revisions = [
            revise(id, item, known.get(id), run=about.run, key=self.key, last_wins=reader.last_wins)
            for id, item in items.items()
        ]
        counts = Counter[str](one.outcome for one in revisions)
        counts["repeated"] += len(batch.items) - len(every)
        counts["forgotten"] += len(every) - len(items)
        refused = await self._submit(tx, job, about, [one for one in revisions if one.news], counts)
        await runs.save_revisions(tx, about, revisions, refused)
        return counts

    async def _of_the_remembered(
        self, tx: Transaction, about: About, items: Mapping[UUID, Item]
    ) -> Mapping[UUID, Item]:
        """All but what a source still says of people who were forgotten, unless it says that it came after.

        What is fetched is no news of a person's own: the row may have stood there all the time.
        """
        key = derived_key(self.rules.secret, about.workspace)
        named = {id: pseudonym(item.subject, key) for id, item in items.items() if item.subject}
        if not named:
            return items
        whose = [erasure.About(about.workspace, named[id], _said_at(items[id])) for id in named]
        standing = await erasure.standing(tx, list(zip(named, whose, strict=True)), lambda one: one[1])
        gone = named.keys() - {id for id, _ in standing}
        if gone:
            await erasures.still_named(tx, about.workspace, about.source, {named[id] for id in gone})
        return {id: item for id, item in items.items() if id not in gone}

    async def _submit(
        self, tx: Transaction, job: Job, about: About, news: Sequence[Revision], counts: Counter[str]
    ) -> set[UUID]:
        """Submits what is news; gives the documents that were refused."""
        events = {
            one.document: submitted(one, about.workspace, about.source, now=tx.now, trace=job.traceparent)
            for one in news
        }
        reasons = await take(list(events.values()), tx, self.rules)
        refused = [one for one in news if reasons.get(events[one.document].id)]
        counts["rejected"] += len(refused)
        counts.subtract(one.outcome for one in refused)
        # the source no longer says what an earlier revision did, whatever it says now
        withdrawn = [one.document for one in refused if one.before]
        counts["retired"] += len(withdrawn)
        for one in refused:
            if one.before:
                step = f"{one.document}/{one.number}"
                _retire(tx, job, about, one.document, "withdrawn", step)
        return {one.document for one in refused}

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


def _said_at(item: Item) -> datetime:
    """When a row says that it is of; the time of its file or of this run says nothing of that."""
    return item.occurred_at if item.dated and item.occurred_at else LONG_AGO


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
    """Reasons are our own words, with addresses of sites in them and none of people's machines."""
    item = Mask().address(trouble.item, LONGEST_ITEM)[:LONGEST_ITEM]
    reason = mask(cleaned(trouble.reason[: LONGEST_ITEM + 1]), NO_ADDRESSES).text[:LONGEST_ITEM]
    return Trouble(item or "unnamed", trouble.code, reason)


def _tell(counts: Counter[str]) -> None:
    for outcome, number in counts.items():
        metrics.FETCHED.labels(outcome).inc(number)
