"""Pages and files, with what tells whether they changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from millrace.chassis import Transaction
from millrace.ingestion.sources.batch import About, Place


async def save_places(tx: Transaction, about: About, places: Iterable[Place]) -> None:
    await tx.executemany(
        """INSERT INTO places (workspace, source, place, declaration, etag, modified, links, read, url)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           ON CONFLICT (workspace, source, place) DO UPDATE SET
               declaration = excluded.declaration, etag = excluded.etag, modified = excluded.modified,
               links = excluded.links, read = excluded.read, url = excluded.url, tried_under = NULL""",
        [
            (
                about.workspace,
                about.source,
                one.id,
                about.declaration,
                one.etag,
                one.modified,
                list(one.links),
                about.reading,
                one.url,
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
        about.reading,
    )


async def save_tried(tx: Transaction, about: About, tags: Mapping[UUID, str]) -> None:
    """Notes what settled places were like whose content is no longer what was read whole."""
    await tx.executemany(
        """UPDATE places SET etag = NULL, tried = $4, tried_under = $5, tried_in = $6
           WHERE workspace = $1 AND source = $2 AND place = $3""",
        [
            (about.workspace, about.source, place, tag, about.declaration, about.run)
            for place, tag in sorted(tags.items())
        ],
    )


async def tried(tx: Transaction, about: About, ids: Collection[UUID]) -> dict[UUID, tuple[str, int]]:
    """Places that could not be taken whole under the same declaration: what they were like then, and in which run."""
    rows = await tx.fetch(
        """SELECT place, tried, tried_in FROM places
           WHERE workspace = $1 AND source = $2 AND place = ANY($3) AND tried_under = $4""",
        about.workspace,
        about.source,
        list(ids),
        about.declaration,
    )
    return {row["place"]: (row["tried"], row["tried_in"]) for row in rows}


async def vanished(tx: Transaction, about: About, there: Collection[UUID]) -> bool:
    """Whether documents stand at a place that is not among those that are there."""
    return bool(
        await tx.fetchval(
            """SELECT EXISTS (SELECT FROM found
                   WHERE workspace = $1 AND source = $2 AND NOT gone
                     AND NOT EXISTS (SELECT FROM unnest($3::uuid[]) AS t (place) WHERE t.place = found.place))""",
            about.workspace,
            about.source,
            sorted(there),
        )
    )


async def absent(tx: Transaction, about: About, places: Collection[UUID]) -> None:
    """Notes that this reading asked for places and was told that they are not there."""
    await tx.execute(
        "UPDATE places SET absent = $4 WHERE workspace = $1 AND source = $2 AND place = ANY($3)",
        about.workspace,
        about.source,
        sorted(places),
        about.reading,
    )


async def locate(tx: Transaction, about: About, urls: Mapping[UUID, str]) -> None:
    """Where pages are that an earlier release read."""
    await tx.executemany(
        "UPDATE places SET url = $4 WHERE workspace = $1 AND source = $2 AND place = $3 AND url IS NULL",
        [(about.workspace, about.source, place, url) for place, url in sorted(urls.items())],
    )


async def unseen(tx: Transaction, about: About, most: int) -> list[tuple[UUID, str]]:
    """Pages with documents that stand and that this reading has not met, each with where it is.

    Those come first that were not met for the longest, so that all have their turn.
    """
    rows = await tx.fetch(
        """SELECT place, url FROM places p
           WHERE workspace = $1 AND source = $2 AND url IS NOT NULL AND greatest(read, settled, absent) < $3
             AND EXISTS (SELECT FROM found f WHERE f.workspace = $1 AND f.source = $2 AND f.place = p.place
                           AND NOT f.gone)
           ORDER BY greatest(read, settled, absent), place LIMIT $4""",
        about.workspace,
        about.source,
        about.reading,
        most,
    )
    return [(row["place"], row["url"]) for row in rows]


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
