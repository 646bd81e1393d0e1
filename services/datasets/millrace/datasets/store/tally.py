"""What people ask of the corpus and its versions."""

import json
from collections import Counter
from typing import Any

from millrace.chassis import NotFound, Transaction


async def counts(tx: Transaction, workspace: str) -> dict[str, Any]:
    """What a workspace's corpus holds. Raises NotFound."""
    corpus = await tx.fetchrow("SELECT * FROM corpora WHERE workspace = $1", workspace)
    if corpus is None:
        raise NotFound(f"nothing of workspace {workspace!r} was kept yet")
    standing = await tx.fetch(
        """SELECT label, suite, split, count(*) AS rows FROM rows WHERE workspace = $1 AND replaced_by IS NULL
           GROUP BY label, suite, split""",
        workspace,
    )
    duplicates = await tx.fetch("SELECT kind, count FROM duplicates WHERE workspace = $1 ORDER BY kind", workspace)
    labels, suites, splits = Counter[str](), Counter[str](), Counter[str]()
    for row in standing:
        rows = row["rows"]
        if row["suite"] is not None:
            suites[row["suite"]] += rows
            continue
        labels[row["label"] or ""] += rows
        splits[row["split"]] += rows
    return {
        "workspace": workspace,
        "kept": corpus["rows"],
        "standing": corpus["rows"] - corpus["replaced"],
        "unlabelled": labels.pop("", 0),
        "labels": dict(sorted(labels.items())),
        "splits": dict(sorted(splits.items())),
        "suites": dict(sorted(suites.items())),
        "duplicated": {row["kind"]: row["count"] for row in duplicates},
        "buffered": corpus["buffered"],
        "parts": corpus["parts"],
        "new": corpus["fresh"],
    }


async def versions(tx: Transaction, workspace: str, most: int) -> list[dict[str, Any]]:
    """The newest first."""
    rows = await tx.fetch(
        """SELECT number, digest, manifest, created_at, body->'content'->'splits' AS splits, body->'lineage' AS lineage
           FROM versions WHERE workspace = $1 ORDER BY number DESC LIMIT $2""",
        workspace,
        most,
    )
    return [
        {
            "number": row["number"],
            "dataset": row["digest"],
            "manifest": row["manifest"],
            "created_at": row["created_at"],
            "rows": {split: content["rows"] for split, content in json.loads(row["splits"]).items()},
            "because": json.loads(row["lineage"])["because"],
            "parent": json.loads(row["lineage"])["parent"],
        }
        for row in rows
    ]


async def cuts(tx: Transaction, workspace: str, most: int) -> list[dict[str, Any]]:
    """What cycles wait for, and how earlier waits ended; the latest deadline first."""
    rows = await tx.fetch(
        """SELECT key, state, seen, min_labels, change_point, deadline, dataset, reason FROM cuts
           WHERE workspace = $1 ORDER BY deadline DESC LIMIT $2""",
        workspace,
        most,
    )
    return [dict(row) for row in rows]


async def manifest(tx: Transaction, digest: str) -> dict[str, Any]:
    """A version's manifest. Raises NotFound."""
    body = await tx.fetchval("SELECT body FROM versions WHERE digest = $1 LIMIT 1", digest)
    if body is None:
        raise NotFound(f"no dataset {digest}")
    found: dict[str, Any] = json.loads(body)
    return found
