"""What a run publishes: in bounded transactions, each with the position that it reached."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from millrace.chassis import Busy, Database, Job, Transaction
from millrace.chassis.dead_letters import Seal
from millrace.events import DocumentRetired
from millrace.ingestion import erasures, metrics, runs
from millrace.ingestion.domain.documents import Mask
from millrace.ingestion.domain.revisions import Item, Revision, documents, revise, submitted
from millrace.ingestion.domain.texts import cleaned
from millrace.ingestion.runs import Run
from millrace.ingestion.sources.batch import About, Batch, Position, Reader, Trouble
from millrace.ingestion.taking import DOCUMENTS, OBSERVATIONS, Rules, take
from millrace.privacy import REDACT, Policy, derived_key, mask, pseudonym, pseudonymous

EMITS = (*DOCUMENTS, *OBSERVATIONS, DocumentRetired)
RETIRED_AT_ONCE, TIDIED_AT_ONCE = 500, 10_000
REMEMBERED = timedelta(days=30)
"""How long a document that vanished is remembered: longer than events' ids are, as it begins anew when it is back."""

LONGEST_ITEM = 500
OF_SITES = frozenset({"private_address", "outside", "redirect", "redirect_loop", "redirects", "down"})
"""Troubles whose reasons name sites; in others' an address would be out of a row."""

NO_ADDRESSES = Policy(kinds=REDACT.kinds - {"ip"})
FORGOTTEN = Trouble(
    "rows of people who were forgotten",
    "forgotten",
    "rows of nobody who was forgotten; a new row that is of later by its `columns.at` is taken, and an event is",
)
OTHERWISE = ("changed", "an observation as it was told before: what was measured stays, a correction is a later one")
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
            if batch.settled:  # before what others say of the same documents is weighed
                await runs.settle(tx, about, batch.settled)
            counts = batch.counts + await self._take(tx, job, about, reader, batch)
            # once a run and without its rows' ids, which are a trace of the person
            troubles = [*batch.troubles, *([FORGOTTEN] if counts["forgotten"] and not run.counts["forgotten"] else [])]
            if troubles:
                await runs.add_troubles(tx, about, [_masked(trouble) for trouble in troubles])
                counts["troubles"] += len(troubles)
            if batch.places:
                await runs.save_places(tx, about, batch.places)
            if batch.tried:
                await runs.save_tried(tx, about, batch.tried)
            if batch.unchanged:
                await runs.settle(tx, about, batch.unchanged)
                counts["unchanged"] += await runs.standing_at(tx, about, batch.unchanged)
            if batch.gone:
                await runs.absent(tx, about, batch.gone)
            if batch.also:
                await batch.also(tx)
            run.counts.update(counts)
            run.position, run.tries, run.moved_at = self.sealed(batch.position), 0, tx.now
            run.wait(None, None)
            run.reason = run.reason or batch.partial
            await runs.save(tx, run)
            tx.after_commit.append(lambda: _tell(counts))

    async def _take(self, tx: Transaction, job: Job, about: About, reader: Reader, batch: Batch) -> Counter[str]:
        if not batch.items:
            return Counter()
        every = documents(about.workspace, about.source, batch.items)
        key = derived_key(self.rules.secret, about.workspace)
        whose = {id: _person(item, key) for id, item in every.items() if item.subject}
        items = await self._of_the_remembered(tx, about, every, whose)
        known = await runs.known(tx, about, items)
        revisions = [
            revise(id, item, known.get(id), run=about.reading, key=self.key, last_wins=reader.last_wins)
            for id, item in items.items()
        ]
        counts = Counter[str](one.outcome for one in revisions)
        batch.troubles += [Trouble(one.item.own_id, *OTHERWISE) for one in revisions if one.otherwise]
        counts["repeated"] += len(batch.items) - len(every)
        counts["forgotten"] += len(every) - len(items)
        refused = await self._submit(tx, job, about, [one for one in revisions if one.news], counts)
        await runs.save_revisions(tx, about, revisions, refused, whose)
        return counts

    async def _of_the_remembered(
        self, tx: Transaction, about: About, items: Mapping[UUID, Item], whose: Mapping[UUID, str]
    ) -> Mapping[UUID, Item]:
        """All but what a source still says of people who were forgotten, unless it is new and says that it came after.

        What is fetched is no news of a person's own: the row may have stood there all the time.
        """
        if not whose:
            return items
        asked = await erasures.asked(tx, about.workspace, set(whose.values()))
        before = await runs.kept_out(tx, about, whose)
        gone = {
            id
            for id, person in whose.items()
            if person in asked and (before.get(id) == person or _said_at(items[id]) <= asked[person])
        }
        if gone:
            await erasures.still_named(tx, about.workspace, about.source, {whose[id] for id in gone})
            await runs.still_there(tx, about, gone)
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

    async def retire(self, job: Job, about: About, *, whole: bool) -> None:
        """Retires what a whole run did not see; of another what it asked for itself and is gone."""
        while True:
            await self._room()
            async with job.transaction() as tx:
                gone = await runs.vanish(tx, about, RETIRED_AT_ONCE, whole=whole)
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
        while whole:
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


def _person(item: Item, key: bytes) -> str:
    """The pseudonym of who a row is about; entities may go under theirs already."""
    assert item.subject is not None
    return pseudonymous(item.subject, key) if item.measured else pseudonym(item.subject, key)


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
    policy = NO_ADDRESSES if trouble.code in OF_SITES else REDACT
    return Trouble(item or "unnamed", trouble.code, told(trouble.reason, LONGEST_ITEM, policy))


def told(reason: str, most: int = 1000, policy: Policy = NO_ADDRESSES) -> str:
    """A reason as it is kept: others' words in it may quote a row."""
    return mask(cleaned(reason[: most + 1]), policy).text[:most]


def _tell(counts: Counter[str]) -> None:
    for outcome, number in counts.items():
        metrics.FETCHED.labels(outcome).inc(number)
