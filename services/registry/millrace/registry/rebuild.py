"""The registry's tables from the log: `python -m millrace.registry.rebuild [--drop]`, with the settings of the service.

Folds every entry of ledger.appended, in order, and emits nothing. Nothing else may run on these tables meanwhile.
"""

import argparse
import asyncio
import json
import sys
from typing import Any
from uuid import uuid4

from millrace.chassis import Blobs, Database, Step, SystemClock, Transaction
from millrace.events import LedgerAppended
from millrace.registry import log, store
from millrace.registry.ledger import FIRST, link
from millrace.registry.settings import Settings


class CannotRebuild(Exception):
    """Why the tables can't be made from the log now."""


async def rebuild(settings: Settings, *, drop: bool = False) -> int:
    """Folds the log into empty tables; how many entries. Raises CannotRebuild.

    One that was broken off goes on where it was. With `drop` the tables are emptied first.
    """
    db, blobs = Database(settings, SystemClock()), Blobs(settings)
    await db.start()
    try:
        await _alone(db, drop=drop)
        count = 0
        async for events in log.each(settings, blobs):
            async with db.transaction() as tx:
                for event in events:
                    count += await _fold(tx, event)
        async with db.transaction() as tx:
            await open_jobs(tx)
        return count
    finally:
        await db.stop()


async def _alone(db: Database, *, drop: bool) -> None:
    async with db.transaction() as tx:
        if await tx.fetchval("SELECT EXISTS (SELECT FROM leases WHERE name = 'relay' AND until > clock_timestamp())"):
            raise CannotRebuild("a registry is running on these tables: stop it first")
        if await tx.fetchval("SELECT EXISTS (SELECT FROM outbox)"):
            raise CannotRebuild("events wait in the outbox that the log does not have yet: start the registry once")
        if drop:
            await tx.execute("TRUNCATE workspaces, revisions, versions, ledger, jobs, positions")


async def _fold(tx: Transaction, event: LedgerAppended) -> bool:
    """Whether the entry was new: a relay may publish one twice. Raises CannotRebuild."""
    number, previous = await store.head(tx, event.workspace) or (0, FIRST)
    if event.number <= number:
        return False
    if (event.number, event.previous) != (number + 1, previous) or event.hash != _hash(event):
        raise CannotRebuild(f"{event.workspace}: entry {event.number} of the log does not follow entry {number}")
    entry: dict[str, Any] = json.loads(event.entry)
    await store.append(tx, event.workspace, [(event.number, event.previous, event.hash, event.entry)])
    await store.apply(tx, event.workspace, entry.get("changes", {}))
    if source := entry.get("source"):
        handler = "on_" + source["topic"].rpartition(".")[0].replace(".", "_")
        await store.reach(tx, handler, source)
    return True


def _hash(event: LedgerAppended) -> str:
    return link(event.number, event.previous, event.entry).hash


async def open_jobs(tx: Transaction) -> None:
    """What was still to be inspected (under the same ids, so that the same events follow) or signed will be."""
    rows = await tx.fetch(
        """SELECT id, workspace, trained_id, cycle_id, created_at FROM versions
           WHERE stage = 'registered' AND asked IS NULL"""
    )
    for row in rows:
        cause = Step(row["trained_id"], row["created_at"], row["created_at"], row["cycle_id"])
        await tx.schedule("inspect", key=row["id"], workspace=row["workspace"], cause=cause)
    for row in await tx.fetch("SELECT name FROM workspaces"):
        if await store.unsigned(tx, row["name"]):
            cause = Step(uuid4(), tx.now, tx.now)
            await tx.schedule("sign", key=row["name"], workspace=row["name"], cause=cause)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drop", action="store_true", help="empty the tables first")
    asked = parser.parse_args()
    try:
        count = asyncio.run(rebuild(Settings(), drop=asked.drop))
    except CannotRebuild as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{count} entries folded")
    return 0


if __name__ == "__main__":
    sys.exit(main())
