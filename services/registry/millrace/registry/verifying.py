"""Whether a workspace's ledger is whole, and the tables what it says."""

import json
from dataclasses import dataclass, field
from typing import Any

from millrace.chassis import Transaction
from millrace.registry import store
from millrace.registry.changes import Changes
from millrace.registry.ledger import FIRST, link

STEP = 500


@dataclass
class Folded:
    """What entries give when they are folded in memory, as rows of the tables."""

    workspace: dict[str, Any] = field(default_factory=dict)
    revisions: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)

    def take(self, changes: Changes) -> None:
        self.workspace |= changes.get("workspace", {})
        self.revisions += changes.get("revisions", [])
        for name, columns in changes.get("versions", {}).items():
            self.versions.setdefault(name, {}).update(columns)


async def verify(tx: Transaction, name: str) -> dict[str, Any]:
    """The chain's length and head; `broken` is its first broken link, `strays` rows that are not what it gives."""
    number, previous, folded = 0, FIRST, Folded()
    while rows := await store.chain(tx, name, number, STEP):
        for row in rows:
            if why := _broken(row, number, previous):
                broken = {"number": number + 1, "why": why}
                return {"workspace": name, "entries": number, "head": previous, "broken": broken, "strays": []}
            number, previous = row["number"], row["hash"]
            folded.take(json.loads(row["body"]).get("changes", {}))
    strays = await store.strays(tx, name, vars(folded))
    return {"workspace": name, "entries": number, "head": previous, "broken": None, "strays": strays}


def _broken(row: Any, number: int, previous: str) -> str | None:
    if row["number"] != number + 1:
        return f"entry {number + 1} is missing: the next is {row['number']}"
    if row["previous"] != previous:
        return f"it follows {row['previous'][:12]}, the entry before it is {previous[:12]}"
    made = link(row["number"], row["previous"], row["body"]).hash
    if made != row["hash"]:
        return f"its hash is {row['hash'][:12]}, what it says now has {made[:12]}: it was changed"
    return None
