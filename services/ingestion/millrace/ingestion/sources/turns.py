"""When a request may go to a host: all runs of all replicas wait in one line."""

from __future__ import annotations

import asyncio

from millrace.chassis import Database
from millrace.ingestion import runs


class Turns:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def wait(self, host: str, pause: float) -> None:
        """Returns when it is our turn; the next comes `pause` seconds later. Raises Unavailable."""
        async with self._db.transaction() as tx:
            seconds = await runs.take_turn(tx, host, pause)
        await asyncio.sleep(seconds)
