"""A document as a row, and back."""

import json
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import numpy as np
from numpy.typing import NDArray

from millrace.chassis import Step
from millrace.dedup.domain import (
    PERMUTATIONS,
    SKETCHED_TEXT,
    Arrival,
    Candidate,
    Decision,
    Drop,
    Keep,
    Kept,
    Sketch,
    Uint16s,
    normalise,
)
from millrace.events import Cause, Origin

COLUMNS = (
    "seq", "shelf", "document_id", "source", "label", "suite", "trusted", "basis", "digest", "signature", "cluster",
    "kept_at", "stands", "text", "subject", "about", "known_at", "duplicate_of", "kind", "similarity",
    "ended", "founds", "again_at",
)  # fmt: skip


def row_of(
    now: datetime, shelf: str, seq: int, candidate: Candidate, arrival: Arrival, decision: Decision
) -> tuple[Any, ...]:
    stands = isinstance(decision, Keep)
    drop = decision.repeats if isinstance(decision, Keep) else decision
    cluster = (None if stands else arrival.home) or decision.cluster
    text = candidate.text.encode("utf-8", "surrogatepass")
    return (
        seq, shelf, candidate.document_id, candidate.source, candidate.label, candidate.suite,
        candidate.trusted, candidate.basis, arrival.sketch.digest, signature_bytes(arrival.sketch.signature), cluster,
        now, stands, text, candidate.subject, _about(candidate), candidate.cause.known_at,
        drop.duplicate_of if drop else None, drop.kind if drop else None, drop.similarity if drop else None,
        isinstance(decision, Drop) and (candidate.ended or decision.ends == candidate.document_id),
        _founds(candidate, arrival, decision), None,
    )  # fmt: skip


def _founds(candidate: Candidate, arrival: Arrival, decision: Decision) -> bool:
    """Whether a cluster begins with it. One that comes back, or is revised, was seen before."""
    new = isinstance(decision, Keep) and decision.replaces is None and arrival.home is None
    return (new or candidate.founds) and decision.cluster == arrival.document_id


def _about(candidate: Candidate) -> str:
    """What document.kept needs and no decision looks at."""
    return json.dumps(
        {
            "origin": candidate.origin.model_dump(exclude_none=True),
            "language": candidate.language,
            "feedback_id": candidate.feedback_id,
            "rejected": candidate.rejected,
            "rating": candidate.rating,
            "metadata": candidate.metadata,
            "occurred_at": (candidate.occurred_at or candidate.cause.occurred_at).isoformat(),
        }
    )


LATER = timedelta(microseconds=1)
"""How much later than before a row is known that is told anew: readers compare the times."""


def candidate_of(row: asyncpg.Record, workspace: str, cause: Cause, *, again: bool = True) -> Candidate:
    """A row as it was when it came, brought by a cause of today.

    Where readers were told that it ended, it comes `again` as known just after that.
    """
    about = json.loads(row["about"])
    occurred_at = datetime.fromisoformat(about["occurred_at"])
    known_at = row["known_at"] + LATER if again and row["ended"] else row["known_at"]
    return Candidate(
        cause=Step(cause.id, occurred_at, known_at, cause.cycle_id, cause.traceparent),
        workspace=workspace,
        document_id=row["document_id"],
        source=row["source"],
        text=text_of(row),
        origin=Origin.model_validate(about["origin"]),
        trusted=row["trusted"],
        label=row["label"],
        suite=row["suite"],
        language=about["language"],
        subject=row["subject"],
        basis=row["basis"],
        feedback_id=about["feedback_id"],
        rejected=about.get("rejected"),
        rating=about.get("rating"),
        occurred_at=occurred_at,
        cluster=row["cluster"],
        ended=row["ended"],
        metadata=about["metadata"],
    )


def text_of(row: asyncpg.Record) -> str:
    """Kept as bytes: a text may hold characters that Postgres's own type refuses."""
    return (row["text"] or b"").decode("utf-8", "surrogatepass")


def sketch_of(row: asyncpg.Record) -> Sketch:
    signature = uint16s(row["signature"]) if row["signature"] else np.zeros(PERMUTATIONS, dtype=np.uint16)
    return Sketch(row["digest"], signature, normalise(text_of(row))[:SKETCHED_TEXT])


def kept_of(row: asyncpg.Record) -> Kept:
    return Kept(
        document_id=row["document_id"],
        source=row["source"],
        label=row["label"],
        suite=row["suite"],
        trusted=row["trusted"],
        basis=row["basis"],
        sketch=sketch_of(row),
        cluster=row["cluster"],
    )


def signature_bytes(values: Uint16s) -> bytes:
    return values.astype("<u2").tobytes()


def uint16s(data: bytes) -> NDArray[np.uint16]:
    return np.frombuffer(data, dtype="<u2").astype(np.uint16, copy=False)
