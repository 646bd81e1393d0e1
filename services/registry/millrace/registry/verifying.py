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
    """The chain's length and head; `broken` is its first wrong entry, `strays` rows that are not what it gives."""
    hashes, folded = [FIRST], Folded()
    while rows := await store.chain(tx, name, len(hashes) - 1, STEP):
        for row in rows:
            body = json.loads(row["body"])
            if broken := _broken(row, body, hashes):
                return _told(name, hashes, broken, [])
            hashes.append(row["hash"])
            folded.take(body.get("changes", {}))
    return _told(name, hashes, None, await store.strays(tx, name, vars(folded)))


def _told(name: str, hashes: list[str], broken: dict[str, Any] | None, strays: list[str]) -> dict[str, Any]:
    return {"workspace": name, "entries": len(hashes) - 1, "head": hashes[-1], "broken": broken, "strays": strays}


def _broken(row: Any, body: dict[str, Any], hashes: list[str]) -> dict[str, Any] | None:
    """The first wrong entry, seen from the next row; `hashes` are those of the entries that looked right so far."""
    here, said = row["number"], body.get("number", 0)
    made = link(here, row["previous"], row["body"]).hash
    if here != len(hashes):
        return _wrong(len(hashes), f"it is missing: the next is {here}")
    if made != row["hash"]:
        return _wrong(here, f"it was changed: its hash is {row['hash'][:12]}, what it says now has {made[:12]}")
    if said > here:
        return _wrong(here, f"it is missing: what stands in its place says that it is {said}")
    if 0 < said < here and row["previous"] == hashes[said - 1]:
        return _wrong(said, f"it was slipped in: the entry that says that it is {said} stands at {here}")
    if said != here:
        return _wrong(here, f"it was slipped in: it says that it is {said}")
    if row["previous"] != hashes[-1]:
        why = f"entry {here} is chained to one whose hash is {row['previous'][:12]}, not {hashes[-1][:12]}"
        return _wrong(max(here - 1, 1), f"it was written anew: {why}")
    return None


def _wrong(number: int, why: str) -> dict[str, Any]:
    return {"number": number, "why": why}
