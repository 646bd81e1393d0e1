"""What is told of decisions, and counted."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter

from millrace.chassis import Transaction
from millrace.dedup import store
from millrace.dedup.domain import Candidate, Decision, Keep, split_of
from millrace.events import DocumentDuplicated, DocumentKept

DECIDED = Counter("millrace_dedup_documents_total", "Documents by what was decided", ["decision"])
SECONDS = Counter("millrace_dedup_seconds_total", "Time of deciding by step", ["step"])


def tell(tx: Transaction, corpus: store.Corpus, said: DocumentKept | DocumentDuplicated) -> None:
    """Of a shelf that is built beside the current one nothing is said until it is current."""
    if corpus.current:
        tx.emit(said)


def event(
    candidate: Candidate, decision: Decision, ordinal: int = 0, *, weighs: bool = False
) -> DocumentKept | DocumentDuplicated:
    """What is told of a decision."""
    if isinstance(decision, Keep):
        return DocumentKept.caused_by(
            candidate.cause,
            ordinal=ordinal,
            occurred_at=candidate.occurred_at,
            workspace=candidate.workspace,
            document_id=candidate.document_id,
            source=candidate.source,
            text=candidate.text,
            origin=candidate.origin,
            cluster=decision.cluster,
            split=split_of(candidate.workspace, decision.cluster),
            trainable=decision.trainable,
            trusted=candidate.trusted,
            label=candidate.label,
            suite=candidate.suite,
            language=candidate.language,
            subject=candidate.subject,
            basis=candidate.basis,
            feedback_id=candidate.feedback_id,
            rejected=candidate.rejected,
            rating=candidate.rating,
            replaces=decision.replaces,
            metadata=candidate.metadata,
        )
    return DocumentDuplicated.caused_by(
        candidate.cause,
        ordinal=ordinal,
        occurred_at=candidate.occurred_at,
        workspace=candidate.workspace,
        document_id=candidate.document_id,
        source=candidate.source,
        duplicate_of=decision.duplicate_of,
        kind=decision.kind,
        similarity=decision.similarity,
        cluster=decision.cluster,
        weighs=weighs,
        ends=decision.ends,
    )


@contextmanager
def timed(step: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        SECONDS.labels(step).inc(time.perf_counter() - started)
