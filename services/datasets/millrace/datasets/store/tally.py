"""What people ask of the corpus and its versions."""

from collections import Counter
from typing import Any

from millrace.chassis import NotFound, Transaction, jobs
from millrace.datasets.store.corpus import duplicated


async def counts(tx: Transaction, workspace: str, counted_as: str | None = None) -> dict[str, Any]:
    """What a workspace's corpus holds; every label as one where they are answers in words. Raises NotFound."""
    corpus = await tx.fetchrow("SELECT * FROM corpora WHERE workspace = $1", workspace)
    if corpus is None:
        raise NotFound(f"nothing of workspace {workspace!r} was kept yet")
    standing = await tx.fetch(
        """SELECT CASE WHEN label IS NOT NULL THEN coalesce($2, label) END AS label, suite, split, count(*) AS rows
           FROM rows WHERE workspace = $1 AND replaced_by IS NULL AND ended IS NULL
           GROUP BY 1, 2, 3""",
        workspace,
        counted_as,
    )
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
        "standing": sum(row["rows"] for row in standing),
        "unlabelled": labels.pop("", 0),
        "labels": dict(sorted(labels.items())),
        "splits": dict(sorted(splits.items())),
        "suites": dict(sorted(suites.items())),
        "duplicated": await duplicated(tx, workspace),
        "buffered": corpus["buffered"],
        "parts": corpus["parts"],
        "new": corpus["fresh"],
    }


async def cuts(tx: Transaction, workspace: str, most: int) -> list[dict[str, Any]]:
    """What cycles wait for, and how earlier waits ended; the latest deadline first."""
    rows = await tx.fetch(
        """SELECT c.key, c.state, c.seen, c.min_labels, c.change_point, c.deadline, c.dataset, c.reason,
               j.state AS job, j.error, j.claimed_at
           FROM cuts c LEFT JOIN jobs j ON j.kind = 'cut' AND j.key = c.key
           WHERE c.workspace = $1 ORDER BY c.deadline DESC LIMIT $2""",
        workspace,
        most,
    )
    return [_cut(dict(row)) for row in rows]


def _cut(row: dict[str, Any]) -> dict[str, Any]:
    """A cut that has not ended says what it waits for."""
    job, error, since = row.pop("job"), row.pop("error"), row.pop("claimed_at")
    if row["state"] not in ("waiting", "cutting"):
        return {**row, "waits_for": None}
    if error:
        waits = jobs.tried_again("cut", error)
    elif job == "running":
        waits = f"the cut, which began at {since:%H:%M:%S} UTC and is not done"
    elif row["seen"] < row["min_labels"]:
        waits = f"labels: {row['seen']:,} of {row['min_labels']:,} have come since the change"
    else:
        waits = "enough labels of each kind"
    return {**row, "waits_for": waits}
