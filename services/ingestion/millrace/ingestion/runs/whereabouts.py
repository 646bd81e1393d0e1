"""Pages and files, with what tells whether they changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from millrace.chassis import Transaction
from millrace.ingestion.sources.batch import About, Place


async def save_places(tx: Transaction, about: About, places: Iterable[Place]) -> None:
    await tx.executemany(
        """INSERT INTO places (workspace, source, place, declaration, etag, modified, links, read)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (workspace, source, place) DO UPDATE SET
               declaration = excluded.declaration, etag = excluded.etag, modified = excluded.modified,
               links = excluded.links, read = excluded.read""",
        [
            (
                about.workspace,
                about.source,
                one.id,
                about.declaration,
                one.etag,
                one.modified,
                list(one.links),
                about.run,
            )
            for one in sorted(places, key=lambda one: one.id)
        ],
    )


async def settle(tx: Transaction, about: About, places: Collection[UUID]) -> None:
    await tx.execute(
        """INSERT INTO places (workspace, source, place, declaration, settled)
           SELECT $1, $2, p, '', $4 FROM unnest($3::uuid[]) AS p
           ON CONFLICT (workspace, source, place) DO UPDATE SET settled = excluded.settled""",
        about.workspace,
        about.source,
        sorted(places),
        about.run,
    )


async def places(tx: Transaction, about: About, ids: Collection[UUID]) -> dict[UUID, Place]:
    """Places that were read under the same declaration, by id."""
    rows = await tx.fetch(
        """SELECT place, etag, modified, links FROM places
           WHERE workspace = $1 AND source = $2 AND place = ANY($3) AND declaration = $4""",
        about.workspace,
        about.source,
        list(ids),
        about.declaration,
    )
    return {row["place"]: Place(row["place"], row["etag"], row["modified"], row["links"]) for row in rows}
