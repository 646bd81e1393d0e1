"""What was decided, for people: counts, and who repeats whom."""

from collections.abc import Sequence

from millrace.chassis import NotFound, Transaction
from millrace.dedup.domain import Arrival, Decision, Drop, Keep


async def save_duplicates(
    tx: Transaction, workspace: str, arrivals: Sequence[Arrival], decisions: Sequence[Decision]
) -> None:
    """Who repeats whom. A document that is kept after all, in a new revision, repeats nobody any more."""
    kept = {a.document_id for a, decision in zip(arrivals, decisions, strict=True) if isinstance(decision, Keep)}
    if kept:
        await tx.execute(
            "DELETE FROM duplicates WHERE workspace = $1 AND document_id = ANY($2)", workspace, sorted(kept)
        )
    found = {
        arrival.document_id: (arrival, decision)
        for arrival, decision in zip(arrivals, decisions, strict=True)
        if isinstance(decision, Drop) and arrival.document_id not in kept | {decision.duplicate_of}
    }
    await tx.executemany(
        """INSERT INTO duplicates VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (workspace, document_id) DO UPDATE SET (duplicate_of, kind, similarity, cluster, found_at) =
               (excluded.duplicate_of, excluded.kind, excluded.similarity, excluded.cluster, excluded.found_at)""",
        [
            (workspace, id, arrival.source, drop.duplicate_of, drop.kind, drop.similarity, drop.cluster, tx.now)
            for id, (arrival, drop) in sorted(found.items())
        ],
    )


async def count(tx: Transaction, workspace: str, decisions: Sequence[Decision]) -> None:
    kept_rows = [decision for decision in decisions if isinstance(decision, Keep)]
    kinds = [decision.kind for decision in decisions if isinstance(decision, Drop)]
    await tx.execute(
        """UPDATE corpora SET kept = kept + $2, revised = revised + $3, exact = exact + $4, near = near + $5
           WHERE workspace = $1""",
        workspace,
        len(kept_rows),
        sum(1 for decision in kept_rows if decision.replaces),
        kinds.count("exact"),
        kinds.count("near"),
    )


async def counts(tx: Transaction, workspace: str) -> dict[str, object]:
    """What was decided in a workspace so far. Raises NotFound."""
    row = await tx.fetchrow("SELECT * FROM corpora WHERE workspace = $1", workspace)
    if row is None:
        raise NotFound(f"nothing of workspace {workspace!r} has come yet")
    return {
        "workspace": workspace,
        "kept": row["kept"],
        "revised": row["revised"],
        "standing": row["kept"] - row["revised"],
        "duplicated": {"exact": row["exact"], "near": row["near"]},
    }


async def duplicates_of(tx: Transaction, workspace: str, document_id: str, most: int) -> list[dict[str, object]]:
    """The documents that repeat one, the most similar first."""
    rows = await tx.fetch(
        """SELECT document_id, source, kind, similarity, cluster, found_at FROM duplicates
           WHERE workspace = $1 AND duplicate_of = $2 ORDER BY similarity DESC, document_id LIMIT $3""",
        workspace,
        document_id,
        most,
    )
    return [dict(row) for row in rows]


async def standing(tx: Transaction, workspace: str, document_id: str) -> dict[str, object]:
    """Whether a document is kept or repeats another. Raises NotFound."""
    row = await tx.fetchrow(
        """SELECT document_id, source, label, suite, cluster, kept_at, NULL AS duplicate_of FROM documents
           WHERE workspace = $1 AND document_id = $2
           UNION ALL
           SELECT document_id, source, NULL, NULL, cluster, found_at, duplicate_of FROM duplicates
           WHERE workspace = $1 AND document_id = $2 LIMIT 1""",
        workspace,
        document_id,
    )
    if row is None:
        raise NotFound(f"no document {document_id!r} in workspace {workspace!r}")
    return dict(row)
