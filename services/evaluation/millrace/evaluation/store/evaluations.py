"""Evaluations, and the answers that were scored for them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from millrace.chassis import Transaction, jobs
from millrace.events import EvaluationRequested


@dataclass(frozen=True, slots=True)
class Scored:
    """What a version answered to a suite: `digest` names the version's bytes and the suite's rows.

    Numbers have neither macro-F1 nor accuracy.
    """

    digest: str
    version: str
    suite: str
    suite_digest: str
    macro_f1: float | None
    accuracy: float | None
    labels: list[str]
    blob: str


async def append(tx: Transaction, request: EvaluationRequested) -> None:
    await tx.execute(
        """INSERT INTO evaluations (id, workspace, version, against, revision, dataset, requested_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING""",
        request.id,
        request.workspace,
        request.candidate.version,
        request.production.version if request.production else None,
        request.revision,
        request.dataset,
        request.occurred_at,
    )


async def close(
    tx: Transaction, id: UUID, verdict: str, *, reason: str | None = None, result: dict[str, Any] | None = None
) -> None:
    await tx.execute(
        "UPDATE evaluations SET verdict = $2, reason = $3, result = $4, judged_at = $5 WHERE id = $1",
        id,
        verdict,
        reason,
        json.dumps(result) if result is not None else None,
        tx.now,
    )


async def newest(tx: Transaction, workspace: str, limit: int) -> list[dict[str, Any]]:
    """The newest first. One that is not judged yet says why, where its job did not succeed at once."""
    rows = await tx.fetch(
        """SELECT e.*, j.error FROM evaluations e LEFT JOIN jobs j
               ON e.verdict IS NULL AND j.kind = 'evaluate' AND j.key = e.id::text AND j.finished_at IS NULL
           WHERE e.workspace = $1 ORDER BY e.requested_at DESC, e.id LIMIT $2""",
        workspace,
        limit,
    )
    return [_listed(dict(row)) for row in rows]


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    error = row.pop("error")
    return {**_shown(row), "waits_for": jobs.tried_again("evaluate", error) if error else None}


async def load(tx: Transaction, id: UUID) -> dict[str, Any] | None:
    row = await tx.fetchrow("SELECT * FROM evaluations WHERE id = $1", id)
    return _shown(dict(row)) if row else None


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "result": json.loads(row["result"]) if row["result"] else None}


async def scored(tx: Transaction, workspace: str, digests: Iterable[str]) -> dict[str, Scored]:
    """Known answers, by digest."""
    rows = await tx.fetch("SELECT * FROM scored WHERE workspace = $1 AND digest = ANY($2)", workspace, list(digests))
    return {row["digest"]: _scored(dict(row)) for row in rows}


async def holder(tx: Transaction, workspace: str, suite: str, suite_digest: str, macro_f1: float) -> Scored | None:
    """Who reached that score on the suite: on those rows, or else on those that it had then."""
    row = await tx.fetchrow(
        """SELECT * FROM scored WHERE workspace = $1 AND suite = $2 AND abs(macro_f1 - $4) < 1e-9
           ORDER BY suite_digest = $3 DESC, version LIMIT 1""",
        workspace,
        suite,
        suite_digest,
        macro_f1,
    )
    return _scored(dict(row)) if row else None


async def save_scored(tx: Transaction, workspace: str, answers: Iterable[Scored]) -> None:
    await tx.executemany(
        "INSERT INTO scored VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        [
            (a.digest, workspace, a.version, a.suite, a.suite_digest, a.macro_f1, a.accuracy, a.labels, a.blob)
            for a in answers
        ],
    )


def _scored(row: dict[str, Any]) -> Scored:
    return Scored(**{name: row[name] for name in Scored.__slots__})


async def sizes(tx: Transaction, workspace: str, digests: Iterable[str]) -> dict[str, dict[str, int]]:
    """Known sizes of versions, by the digest of their bytes."""
    rows = await tx.fetch("SELECT * FROM sizes WHERE workspace = $1 AND digest = ANY($2)", workspace, list(digests))
    return {row["digest"]: {"bytes": row["bytes"], "memory": row["memory"]} for row in rows}


async def save_sizes(tx: Transaction, workspace: str, found: Mapping[str, Mapping[str, int]]) -> None:
    await tx.executemany(
        "INSERT INTO sizes VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        [(workspace, digest, size["bytes"], size["memory"]) for digest, size in sorted(found.items())],
    )
