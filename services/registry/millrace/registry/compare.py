"""The ledger's tables held against the log: `python -m millrace.registry.compare`, with the settings of the service.

A chain can't tell by itself that its end was cut off, or that all of it was written anew; the topic can. Only looks.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Mapping

from millrace.chassis import Blobs, Database, SystemClock
from millrace.registry import log
from millrace.registry.settings import Settings

Hashes = dict[str, dict[int, str]]
"""By workspace and number."""


async def compare(settings: Settings) -> dict[str, str]:
    """What is wrong first, by workspace; empty where the tables have all that the log has."""
    said: Hashes = defaultdict(dict)
    async for events in log.each(settings, Blobs(settings)):
        for event in events:
            said[event.workspace][event.number] = event.hash
    here = await _here(settings)  # after the log: it is never ahead of the tables
    found = {name: _first(said.get(name, {}), here.get(name, {})) for name in sorted({*said, *here})}
    return {name: why for name, why in found.items() if why}


async def _here(settings: Settings) -> Hashes:
    db = Database(settings, SystemClock())
    await db.start()
    try:
        async with db.reading() as tx:
            rows = await tx.fetch("SELECT workspace, number, hash FROM ledger")
    finally:
        await db.stop()
    here: Hashes = defaultdict(dict)
    for row in rows:
        here[row["workspace"]][row["number"]] = row["hash"]
    return here


def _first(said: Mapping[int, str], here: Mapping[int, str]) -> str | None:
    """Entries past the log's last may wait in the outbox still."""
    for number in range(1, max(said, default=0) + 1):
        if number not in here:
            return f"entry {number} is missing: the log has it, with hash {said[number][:12]}"
        if number not in said:
            return f"entry {number} was slipped in: the log does not have it"
        if said[number] != here[number]:
            return f"entry {number} was changed: its hash is {here[number][:12]}, the log's {said[number][:12]}"
    return None


def main() -> int:
    found = asyncio.run(compare(Settings()))
    for name, why in found.items():
        print(f"{name}: {why}", file=sys.stderr)
    print("the tables have what the log has" if not found else f"{len(found)} workspaces differ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
