"""What was decided, for people: counts, and who repeats whom."""

from collections.abc import Sequence

import asyncpg

from millrace.chassis import Conflict, Malformed, NotFound, Transaction, prefixes
from millrace.dedup.domain import Decision, Drop, Keep


class RepeatsNoOther(NotFound):
    def __init__(self, document_id: str, workspaces: Sequence[str]) -> None:
        super().__init__(f"document {document_id!r} repeats no other in {', '.join(workspaces)}")
        self.document_id = document_id
        self.workspaces = list(workspaces)


async def count(tx: Transaction, shelf: str, decisions: Sequence[Decision], latest: int) -> None:
    """Counts what was decided, and writes the highest number given."""
    kept_rows = [decision for decision in decisions if isinstance(decision, Keep)]
    kinds = [decision.kind for decision in decisions if isinstance(decision, Drop)]
    await tx.execute(
        """UPDATE corpora SET kept = kept + $2, revised = revised + $3, exact = exact + $4, near = near + $5,
               latest = $6, gone = gone + $7 WHERE shelf = $1""",
        shelf,
        len(kept_rows),
        sum(1 for decision in kept_rows if decision.replaces),
        kinds.count("exact"),
        kinds.count("near"),
        latest,
        sum(1 for decision in decisions if isinstance(decision, Drop) and decision.ends),
    )


async def count_gone(tx: Transaction, shelf: str, gone: int, latest: int) -> None:
    await tx.execute("UPDATE corpora SET gone = gone + $2, latest = $3 WHERE shelf = $1", shelf, gone, latest)


async def count_semantic(tx: Transaction, shelf: str, found: int, gone: int, latest: int) -> None:
    await tx.execute(
        "UPDATE corpora SET semantic = semantic + $2, gone = gone + $3, latest = $4 WHERE shelf = $1",
        shelf,
        found,
        gone,
        latest,
    )


async def counts(tx: Transaction, workspace: str) -> dict[str, object]:
    """What was decided in a workspace so far. Raises NotFound."""
    row = await tx.fetchrow("SELECT * FROM corpora WHERE workspace = $1 AND current", workspace)
    if row is None:
        raise NotFound(f"nothing of workspace {workspace!r} has come yet")
    return {
        "workspace": workspace,
        "kept": row["kept"],
        "revised": row["revised"],
        "gone": row["gone"],
        "standing": row["kept"] - row["revised"] - row["gone"],
        "duplicated": {"exact": row["exact"], "near": row["near"], "semantic": row["semantic"]},
    }


async def named(tx: Transaction, workspace: str | None, given: str) -> str:
    """The id of the document that is called so, or that alone begins so. Raises Ambiguous."""
    try:
        first, last = prefixes.span("document", given)
    except Malformed:
        return given  # products' own names, and ids that are too short to guess
    rows = await tx.fetch(
        """SELECT DISTINCT d.document_id FROM corpora c JOIN documents d ON d.shelf = c.shelf
               AND (d.document_id = $2 OR d.document_id BETWEEN $3 AND $4)
           WHERE c.current AND c.workspace = coalesce($1, c.workspace) ORDER BY 1 LIMIT $5""",
        workspace,
        given,
        str(first),
        str(last),
        prefixes.SOME,
    )
    found = [row["document_id"] for row in rows]
    return given if given in found else prefixes.only("document", given, found) or given


async def duplicates_of(tx: Transaction, workspace: str, document_id: str, most: int) -> list[dict[str, object]]:
    """The documents that repeat one, the most similar first."""
    rows = await tx.fetch(
        """SELECT document_id, source, kind, similarity, cluster, kept_at AS found_at FROM documents
           WHERE shelf = (SELECT shelf FROM corpora WHERE workspace = $1 AND current) AND duplicate_of = $2
           ORDER BY similarity DESC, document_id LIMIT $3""",
        workspace,
        document_id,
        most,
    )
    return [dict(row) for row in rows]


async def standing(tx: Transaction, workspace: str | None, document_id: str) -> dict[str, object]:
    """Whether a document is kept or repeats another. Raises NotFound, or Conflict where several workspaces have it."""
    rows = await tx.fetch(
        """SELECT c.workspace, d.document_id, d.source, d.label, d.suite, d.cluster, d.kept_at, d.stands, d.duplicate_of
           FROM corpora c JOIN documents d ON d.shelf = c.shelf AND d.document_id = $2
           WHERE c.current AND c.workspace = coalesce($1, c.workspace) ORDER BY c.workspace""",
        workspace,
        document_id,
    )
    if not rows:
        raise NotFound(f"no document {document_id!r}" + (f" in workspace {workspace!r}" if workspace else ""))
    if len(rows) > 1:
        names = ", ".join(row["workspace"] for row in rows)
        raise Conflict(f"document {document_id!r} is in several workspaces, name one: {names}")
    return dict(rows[0])


async def duplicates(
    tx: Transaction, workspace: str, *, kind: str | None, before: int | None, most: int
) -> list[dict[str, object]]:
    """Documents that repeat another, the newest first; `before` is the number of the last one of another page."""
    rows = await tx.fetch(
        """SELECT seq AS number, document_id, source, duplicate_of, kind, similarity, cluster, stands,
               kept_at AS found_at
           FROM documents WHERE shelf = (SELECT shelf FROM corpora WHERE workspace = $1 AND current)
               AND duplicate_of IS NOT NULL AND ($2::text IS NULL OR kind = $2)
               AND ($3::bigint IS NULL OR seq < $3)
           ORDER BY seq DESC LIMIT $4""",
        workspace,
        kind,
        before,
        most,
    )
    return [dict(row) for row in rows]


async def links(tx: Transaction, document: asyncpg.Record) -> list[dict[str, object]]:
    """Step by step how a document repeats the one that stands for it."""
    found: list[dict[str, object]] = []
    row: asyncpg.Record | None = document
    while row is not None and row["duplicate_of"] and len(found) < _MOST_LINKS:
        found.append({name: row[name] for name in ("document_id", "duplicate_of", "kind", "similarity")})
        row = await tx.fetchrow(
            """SELECT document_id, duplicate_of, kind, similarity FROM documents
               WHERE shelf = $1 AND document_id = $2 AND NOT stands""",
            document["shelf"],
            row["duplicate_of"],
        )
    return found


_MOST_LINKS = 16


async def pair(tx: Transaction, workspace: str | None, document_id: str) -> tuple[asyncpg.Record, asyncpg.Record]:
    """A document and the one that it repeats. Raises NotFound, or Conflict where several workspaces have such one."""
    found = await tx.fetch(
        """SELECT c.workspace, d.* FROM corpora c JOIN documents d ON d.shelf = c.shelf AND d.document_id = $1
           WHERE c.current AND c.workspace = coalesce($2, c.workspace) ORDER BY c.workspace""",
        document_id,
        workspace,
    )
    rows = [row for row in found if row["duplicate_of"]]
    if not found:
        raise NotFound(f"document {document_id!r} is not known" + (f" in workspace {workspace!r}" if workspace else ""))
    if not rows:
        raise RepeatsNoOther(document_id, [row["workspace"] for row in found])
    if len(rows) > 1:
        names = ", ".join(row["workspace"] for row in rows)
        raise Conflict(f"document {document_id!r} repeats another in several workspaces, name one: {names}")
    original = await tx.fetchrow(
        "SELECT * FROM documents WHERE shelf = $1 AND document_id = $2",
        rows[0]["shelf"],
        rows[0]["duplicate_of"],
    )
    if original is None:
        raise NotFound(f"document {rows[0]['duplicate_of']!r}, which {document_id!r} repeated, is gone")
    return rows[0], original
