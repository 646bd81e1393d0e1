"""Versions by name, what people did with them, and which one is current."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from millrace.chassis import NotFound, Transaction, prefixes
from millrace.datasets.domain import named
from millrace.datasets.store.corpus import Corpus


@dataclass(frozen=True, slots=True)
class Version:
    """A version as it stands: its manifest's body, and what was done with it since."""

    workspace: str
    number: int
    digest: str
    manifest: str
    body: dict[str, Any]
    created_at: datetime
    pinned: bool
    redacted: int
    profile: str | None
    emptied_at: datetime | None
    current: bool

    @property
    def name(self) -> str:
        return f"{self.workspace}@{self.number}"

    @property
    def parent(self) -> str | None:
        parent: str | None = self.body["lineage"].get("parent")
        return parent


_VERSION = """SELECT v.*, c.current IS NOT DISTINCT FROM v.digest AS is_current
              FROM versions v LEFT JOIN corpora c USING (workspace)"""
_DIGEST = re.compile(rf"(?:sha256:)?([0-9a-f]{{{prefixes.LEAST},64}})")
"""A digest, or how it begins, with `sha256:` or without."""


def _read(row: Any) -> Version:
    fields = {name: row[name] for name in Version.__slots__ if name not in ("body", "current")}
    return Version(**fields, body=json.loads(row["body"]), current=row["is_current"])


async def version(tx: Transaction, named_as: str) -> Version:
    """A version by `workspace@number`, its digest, or how its digest begins. Raises NotFound, Ambiguous."""
    workspace, number = named(named_as)
    if number is not None:
        rows = await tx.fetch(f"{_VERSION} WHERE v.workspace = $1 AND v.number = $2", workspace, number)
    elif digest := _DIGEST.fullmatch(named_as.lower()):
        begins = f"sha256:{digest[1]}"
        rows = await tx.fetch(f"{_VERSION} WHERE starts_with(v.digest, $1) LIMIT $2", begins, prefixes.SOME)
        prefixes.only("dataset", named_as, [row["digest"] for row in rows])
    else:
        rows = []
    if not rows:
        raise NotFound(f"no dataset {named_as}: a name such as parcels@3, a digest, or its first 8 hex digits or more")
    return _read(rows[0])


async def find_version(tx: Transaction, digest: str) -> Version | None:
    row = await tx.fetchrow(f"{_VERSION} WHERE v.digest = $1", digest)
    return _read(row) if row else None


async def each_version(tx: Transaction, workspace: str, most: int) -> list[Version]:
    """The newest first."""
    rows = await tx.fetch(f"{_VERSION} WHERE v.workspace = $1 ORDER BY v.number DESC LIMIT $2", workspace, most)
    return [_read(row) for row in rows]


async def current_version(tx: Transaction, workspace: str) -> str | None:
    """The digest that the next cut has as its parent: the newest, or the one that was rolled back to."""
    digest: str | None = await tx.fetchval("SELECT current FROM corpora WHERE workspace = $1", workspace)
    return digest


async def add_version(tx: Transaction, corpus: Corpus, blob: str, body: dict[str, Any]) -> None:
    """Makes a version the current one. One that is there already stays as it is, unless its rows were gone."""
    corpus.current = body["digest"]
    await tx.execute(
        """INSERT INTO versions (workspace, digest, manifest, body, number, created_at)
           SELECT $1, $2, $3, $4, coalesce(max(number), 0) + 1, $5 FROM versions WHERE workspace = $1
           ON CONFLICT (workspace, digest) DO UPDATE SET body = excluded.body, emptied_at = NULL
           WHERE versions.emptied_at IS NOT NULL""",
        corpus.workspace,
        body["digest"],
        blob,
        json.dumps(body),
        datetime.fromisoformat(body["lineage"]["created_at"]),
    )


async def pin(tx: Transaction, digest: str, *, pinned: bool) -> None:
    await tx.execute("UPDATE versions SET pinned = $2 WHERE digest = $1", digest, pinned)


async def set_aside_since(tx: Transaction, corpus: Corpus, version: Version) -> str:
    """The row numbers that a rollback to a version keeps out: those its own cut did, and all that came after it."""
    lineage = version.body["lineage"]
    found: str = await tx.fetchval(
        "SELECT ($1::text::int8multirange + int8multirange(int8range($2, $3, '(]')))::text",
        lineage.get("set_aside", "{}"),
        lineage["rows_up_to"],
        max(corpus.rows, lineage["rows_up_to"]),
    )
    return found


async def add_move(
    tx: Transaction, version: Version, move: str, *, by: str, reason: str, set_aside: str | None, key: str | None
) -> bool:
    """Writes down what a person did. False where the same call (by its key) is there already."""
    status = await tx.execute(
        """INSERT INTO moves (workspace, at, move, version, by, reason, set_aside, key)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (key) DO NOTHING""",
        version.workspace,
        tx.now,
        move,
        version.number,
        by,
        reason,
        set_aside,
        key,
    )
    return status == "INSERT 0 1"


async def moves(tx: Transaction, workspace: str, most: int) -> list[dict[str, Any]]:
    """The newest first."""
    rows = await tx.fetch(
        "SELECT at, move, version, by, reason FROM moves WHERE workspace = $1 ORDER BY id DESC LIMIT $2",
        workspace,
        most,
    )
    return [dict(row) for row in rows]


async def keep_profile(tx: Transaction, digest: str, name: str) -> None:
    """A version whose rows are gone has none."""
    await tx.execute("UPDATE versions SET profile = $2 WHERE digest = $1 AND emptied_at IS NULL", digest, name)


async def drop_profiles(tx: Transaction, digest: str) -> dict[str, str]:
    """Takes back the profiles of a version and of those that are compared with it; their names, by digest."""
    rows = await tx.fetch(
        """UPDATE versions SET profile = NULL
           WHERE profile IS NOT NULL AND (digest = $1 OR body->'lineage'->>'parent' = $1)
           RETURNING digest, old.profile AS name""",
        digest,
    )
    return {row["digest"]: row["name"] for row in rows}


async def surplus(tx: Transaction, workspace: str, keep: int) -> list[Version]:
    """Versions that nobody pinned beyond the newest ones that are kept; never the current one, nor one in use."""
    rows = await tx.fetch(
        f"""{_VERSION} WHERE v.workspace = $1 AND NOT v.pinned AND v.emptied_at IS NULL
            AND c.current IS DISTINCT FROM v.digest
            AND v.number <= (SELECT max(number) - $2 FROM versions WHERE workspace = $1)
            AND NOT EXISTS (SELECT FROM cuts u WHERE u.workspace = $1 AND u.state IN ('waiting', 'cutting')
                            AND u.request->>'dataset' IN (v.digest, v.workspace || '@' || v.number))
            ORDER BY v.number LIMIT 100""",
        workspace,
        keep,
    )
    return [_read(row) for row in rows]


async def empty(tx: Transaction, digest: str) -> bool:
    """The version's rows are gone; its manifest stays, since models tell of it. False where it was pinned meanwhile."""
    status = await tx.execute(
        """UPDATE versions v SET emptied_at = $2, profile = NULL WHERE digest = $1 AND NOT pinned AND emptied_at IS NULL
           AND NOT EXISTS (SELECT FROM corpora c WHERE c.workspace = v.workspace AND c.current = v.digest)""",
        digest,
        tx.now,
    )
    return status == "UPDATE 1"


async def unshared(tx: Transaction, version: Version, blobs: Sequence[str]) -> list[str]:
    """Those of a version's blobs that no other version with rows points to."""
    rows = await tx.fetch(
        """SELECT blob FROM unnest($3::text[]) AS b (blob) WHERE NOT EXISTS (
               SELECT FROM versions v WHERE v.workspace = $1 AND v.digest <> $2 AND v.emptied_at IS NULL
               AND b.blob IN (v.body->'training'->>'rows', v.body->'suites'->'fresh'->>'rows',
                              v.body->'suites'->'golden'->>'rows'))""",
        version.workspace,
        version.digest,
        list(blobs),
    )
    return sorted({row["blob"] for row in rows})
