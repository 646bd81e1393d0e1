"""What the services' own tables count, and what the log says that it must be."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from log import Log

from millrace.events import (
    DatasetReleased,
    DocumentAccepted,
    DocumentDuplicated,
    DocumentKept,
    DocumentRejected,
    DocumentSubmitted,
    DriftDetected,
    EvaluationRequested,
    Event,
    FeedbackGiven,
    FeedbackRecorded,
    InteractionLogged,
    ModelRegistered,
    ObservationAccepted,
    ObservationRejected,
    ObservationSubmitted,
    PredictionServed,
    RetrainingRequested,
    RouteApplied,
    TrainingStarted,
    WorkspaceConfigured,
)

Told = Counter[tuple[str, ...]]
WINDOW, WINDOWS = 100, 15
"""Answers of one window of evaluation's slowness, and how many windows it keeps."""
ARRIVALS = 5000
"""Rows of a workspace that evaluation keeps at most."""


@dataclass(frozen=True)
class Count:
    """`rows` gives what is counted, in one or more columns, and then the number; `told` the same from the log."""

    rows: str
    told: Callable[[Log], Told]


def by_workspace(*kinds: type[Event], where: Callable[[Any], bool] = lambda event: True) -> Callable[[Log], Told]:
    """The distinct events of some classes by workspace."""

    def told(log: Log) -> Told:
        return Counter((event.workspace,) for kind in kinds for event in log.of(kind) if where(event))

    return told


def counted(things: Callable[[Log], Iterable[tuple[str, ...]]]) -> Callable[[Log], Told]:
    return lambda log: Counter(things(log))


def _sources(log: Log) -> Iterator[tuple[str, ...]]:
    for accepted in [*log.of(DocumentAccepted), *log.of(ObservationAccepted)]:
        yield accepted.workspace, accepted.source, "accepted"
    for rejected in [*log.of(DocumentRejected), *log.of(ObservationRejected)]:
        yield rejected.workspace, rejected.source, "rejected"
    for submitted in [*log.of(DocumentSubmitted), *log.of(InteractionLogged), *log.of(ObservationSubmitted)]:
        yield submitted.workspace, submitted.source, "submitted"


def _intake(log: Log) -> Iterator[tuple[str, ...]]:
    for submitted in [*log.of(DocumentSubmitted), *log.of(InteractionLogged), *log.of(ObservationSubmitted)]:
        yield submitted.workspace, "submitted", submitted.topic
    for accepted in log.of(DocumentAccepted):
        yield accepted.workspace, "accepted", accepted.origin.topic
    for rejected in log.of(DocumentRejected):
        yield rejected.workspace, "rejected", rejected.origin.topic
        yield from {(rejected.workspace, "reason", reason.code) for reason in rejected.reasons}
    for observed in log.of(ObservationAccepted):
        yield observed.workspace, "accepted", ObservationSubmitted.topic
    for refused in log.of(ObservationRejected):
        yield refused.workspace, "rejected", ObservationSubmitted.topic
        yield from {(refused.workspace, "reason", reason.code) for reason in refused.reasons}


def _corpora(log: Log) -> Iterator[tuple[str, ...]]:
    for kept in log.of(DocumentKept):
        yield kept.workspace, "kept"
        if kept.replaces:
            yield kept.workspace, "revised"
    for repeated in log.of(DocumentDuplicated):
        yield repeated.workspace, repeated.kind


def _rows(log: Log) -> Iterator[tuple[str, ...]]:
    for kept in log.of(DocumentKept):
        yield kept.workspace, "rows"
        if kept.replaces:
            yield kept.workspace, "replaced"


def _standing(log: Log) -> Told:
    """What is kept and nothing replaced."""
    gone = by_workspace(DocumentKept, where=lambda event: event.replaces)(log)
    return by_workspace(DocumentKept)(log) - gone


def _documents(log: Log) -> Told:
    """Those that stand, and those that repeat one and never stood themselves."""
    kept = {(event.workspace, event.document_id) for event in log.of(DocumentKept)}
    repeating = {(event.workspace, event.document_id) for event in log.of(DocumentDuplicated)} - kept
    stands = {(*who, "stands"): n for who, n in _standing(log).items()}
    return Counter(stands) + Counter((workspace, "repeats") for workspace, _ in repeating)


def _documents_of_feedback(log: Log) -> set[tuple[str, ...]]:
    true = [event for event in log.of(FeedbackRecorded) if event.kind in {"label", "outcome", "edit"}]
    return {(event.workspace, id) for event in true for id in (event.feedback_id, event.supersedes) if id}


def _watched(log: Log) -> Iterator[tuple[str, ...]]:
    """Each value that a monitor has seen."""
    for served in log.of(PredictionServed):
        if served.arm == "production" and served.error is None:
            raws = {"confidence": served.probability, "novelty": served.novelty, "label_share": served.label}
            for signal, raw in raws.items():
                if raw is not None:
                    yield served.workspace, served.version, str(served.lane), signal
    for said in log.of(FeedbackRecorded):
        judges = said.trusted and said.basis == "blind" and said.supersedes is None
        if said.arm == "production" and said.correct is not None and judges:
            yield said.workspace, said.version, str(said.lane), "error"


def _slowness(log: Log) -> Told:
    """The answers in the windows that are kept, and in the one that is not full."""
    answers = Counter(
        (event.workspace, event.version)
        for event in log.of(PredictionServed)
        if event.arm == "production" and event.error is None
    )
    return Counter({who: min(n // WINDOW, WINDOWS) * WINDOW + n % WINDOW for who, n in answers.items()})


def _arrivals(log: Log) -> Told:
    judging = by_workspace(
        DocumentKept, where=lambda kept: kept.label and kept.trusted and not kept.suite and kept.basis != "shown"
    )(log)
    return Counter({who: min(n, ARRIVALS) for who, n in judging.items()})


def _observed(log: Log) -> Iterator[ObservationAccepted]:
    """What was observed in workspaces that look at it."""
    looking = {event.workspace for event in log.of(WorkspaceConfigured) if event.spec.get("features")}
    yield from (event for event in log.of(ObservationAccepted) if event.workspace in looking)


def _entities(log: Log) -> set[tuple[str, ...]]:
    return {(event.workspace, event.entity) for event in _observed(log)}


def _values(log: Log) -> Iterator[tuple[str, ...]]:
    """The values that some feature looks at; the stream's observations have no others."""
    for event in _observed(log):
        yield from ((event.workspace, value) for value, cell in event.values.items() if cell is not None)


def plain(table: str, where: str = "true") -> str:
    return f"SELECT workspace, count(*) FROM {table} WHERE {where} GROUP BY 1"


COUNTS = {
    "ingestion.sources": Count(
        """SELECT workspace, source, what, n FROM ingestion.sources CROSS JOIN LATERAL (
               VALUES ('submitted', submitted), ('accepted', accepted), ('rejected', rejected)) AS of (what, n)""",
        counted(_sources),
    ),
    # masks are counted of rejected texts too, of which the log tells nothing
    "ingestion.counts": Count(
        "SELECT workspace, what, detail, n FROM ingestion.counts WHERE what <> 'masked'", counted(_intake)
    ),
    "ingestion.quarantine": Count(plain("ingestion.quarantine"), by_workspace(DocumentRejected, ObservationRejected)),
    "dedup.corpora": Count(
        """SELECT workspace, what, n FROM dedup.corpora CROSS JOIN LATERAL (
               VALUES ('kept', kept), ('revised', revised), ('exact', exact), ('near', near)) AS of (what, n)
           WHERE current""",
        counted(_corpora),
    ),
    "dedup.documents": Count(
        """SELECT workspace, CASE WHEN stands THEN 'stands' ELSE 'repeats' END, count(*)
           FROM dedup.documents JOIN dedup.corpora USING (shelf) WHERE current GROUP BY 1, 2""",
        _documents,
    ),
    "dedup.feedback": Count(
        plain("dedup.feedback"), counted(lambda log: [(workspace,) for workspace, _ in _documents_of_feedback(log)])
    ),
    "datasets.corpora": Count(
        """SELECT workspace, what, n FROM datasets.corpora CROSS JOIN LATERAL (
               VALUES ('rows', rows), ('replaced', replaced)) AS of (what, n)""",
        counted(_rows),
    ),
    "datasets.rows": Count(plain("datasets.rows"), by_workspace(DocumentKept)),
    "datasets.parts": Count(
        """SELECT workspace, buffered + coalesce((
               SELECT sum(last_seq - first_seq + 1) FROM datasets.parts p WHERE p.workspace = c.workspace), 0)::bigint
           FROM datasets.corpora c""",
        by_workspace(DocumentKept),
    ),
    "datasets.duplicates": Count(
        "SELECT workspace, kind, count FROM datasets.duplicates",
        counted(lambda log: [(event.workspace, event.kind) for event in log.of(DocumentDuplicated)]),
    ),
    "datasets.observed": Count(
        "SELECT workspace, rows FROM datasets.observed",
        counted(lambda log: [(one.workspace,) for one in _observed(log)]),
    ),
    "datasets.observations": Count(
        """SELECT workspace, buffered + coalesce((
               SELECT sum(p.rows) FROM datasets.observation_parts p WHERE p.workspace = o.workspace), 0)::bigint
           FROM datasets.observed o""",
        counted(lambda log: [(one.workspace,) for one in _observed(log)]),
    ),
    "datasets.observation_parts": Count(
        """SELECT workspace, sum(n)::bigint FROM (
               SELECT workspace, rows AS n FROM datasets.observation_parts UNION ALL
               SELECT workspace, 1 FROM datasets.observations) AS of GROUP BY 1""",
        counted(lambda log: [(one.workspace,) for one in _observed(log)]),
    ),
    "datasets.entities": Count(
        plain("datasets.entities"), counted(lambda log: [(workspace,) for workspace, _ in _entities(log)])
    ),
    "datasets.cuts": Count(plain("datasets.cuts"), by_workspace(RetrainingRequested)),
    "datasets.versions": Count(
        plain("datasets.versions"),
        counted(lambda log: [(w,) for w, _ in {(e.workspace, e.dataset) for e in log.of(DatasetReleased)}]),
    ),
    "training.cycles": Count(plain("training.cycles"), by_workspace(RetrainingRequested)),
    "training.runs": Count(
        plain("training.runs"),
        counted(lambda log: [(event.workspace,) for event in log.of(TrainingStarted) for _ in event.runs]),
    ),
    "registry.workspaces": Count("SELECT name, revision FROM registry.workspaces", by_workspace(WorkspaceConfigured)),
    "registry.revisions": Count(plain("registry.revisions"), by_workspace(WorkspaceConfigured)),
    "registry.versions": Count(plain("registry.versions"), by_workspace(ModelRegistered)),
    "registry.ledger": Count(plain("registry.ledger", "kind = 'configured'"), by_workspace(WorkspaceConfigured)),
    "evaluation.specs": Count(plain("evaluation.specs"), by_workspace(WorkspaceConfigured)),
    "evaluation.evaluations": Count(plain("evaluation.evaluations"), by_workspace(EvaluationRequested)),
    "evaluation.applied": Count(plain("evaluation.applied"), by_workspace(RouteApplied, where=lambda event: event.ok)),
    "evaluation.arrivals": Count(plain("evaluation.arrivals"), _arrivals),
    "evaluation.slowness": Count(
        f"""SELECT workspace, version, (state->>'n')::int + {WINDOW} * json_array_length(state->'windows')
            FROM evaluation.slowness""",
        _slowness,
    ),
    "serving.observed": Count(
        "SELECT workspace, value, count(*) FROM serving.observed GROUP BY 1, 2", counted(_values)
    ),
    "serving.entities": Count(
        plain("serving.entities"), counted(lambda log: [(workspace,) for workspace, _ in _entities(log)])
    ),
    "serving.applied": Count(plain("serving.applied"), by_workspace(RouteApplied)),
    "feedback.requests": Count(
        plain("feedback.requests"),
        counted(lambda log: [(w,) for w, _ in {(e.workspace, e.request_id) for e in log.of(PredictionServed)}]),
    ),
    "feedback.predictions": Count(
        plain("feedback.predictions", "request_id IS NOT NULL"), by_workspace(PredictionServed)
    ),
    "feedback.feedback": Count(plain("feedback.feedback"), by_workspace(FeedbackGiven)),
    "feedback.joined": Count(plain("feedback.joined"), by_workspace(FeedbackRecorded)),
    # a level's values stand for as many as its power of two; what waits for the reference is held beside them
    "drift.monitors": Count(
        """SELECT workspace, version, lane::text, signal, json_array_length(state->'held') + coalesce((
               SELECT sum(json_array_length(level)::bigint << (power - 1)::int)
               FROM json_array_elements(state->'history') WITH ORDINALITY AS of (level, power)), 0)::bigint
           FROM drift.monitors WHERE state IS NOT NULL""",
        counted(_watched),
    ),
    "drift.alarms": Count(plain("drift.alarms", "outcome = 'announced'"), by_workspace(DriftDetected)),
}

UNCOUNTED = {
    "dedup.logged": "the stream asks for no rebuilding",
    "dedup.rebuildings": "the stream asks for no rebuilding",
    "ingestion.still_named": "the stream erases nobody",
    "training.judgements": "of a search, which the stream's workspaces declare none of",
    "training.spendings": "seconds of runs, which no event counts",
    "training.points": "a curve for people, thinned as it grows",
    "training.reproductions": "what a person asks to see again",
    "datasets.echoes": "duplicates that weigh, which the stream has none of",
    "datasets.erasures": "the stream erases nobody",
    "datasets.feature_tables": "what people asked for, by HTTP",
    "datasets.moves": "what people did",
    "datasets.part_entities": "who is in which part, not how many of what",
    "datasets.shelf": "blobs that come and go",
    "datasets.strays": "blobs that nothing points to",
    "datasets.tombstones": "they go with time",
    "dedup.departures": "what left, which the stream has none of",
    "dedup.embeddings": "of a workspace that compares meanings",
    "dedup.golden_clusters": "which clusters, not how many of what",
    "dedup.tombstones": "what left, which the stream has none of",
    "drift.drifts": "the last drift of a version",
    "drift.productions": "the latest routes",
    "evaluation.labels": "of a step",
    "evaluation.once": "of a step",
    "evaluation.retired": "which documents, not how many of what",
    "evaluation.scored": "answers that are remembered",
    "evaluation.sizes": "of a version, which the stream has none of",
    "evaluation.suite_rows": "what teams bring, by HTTP",
    "evaluation.suites": "what teams bring, by HTTP",
    "evaluation.steps": "shadow and canary need a version, which the stream has none of",
    "evaluation.units": "of a step",
    "feedback.annotations": "a draw",
    "ingestion.confirmations": "one row an owner and erasure",
    "ingestion.erasures": "what people asked for, by HTTP",
    "ingestion.fetched": "sources that are fetched, which the stream has none of",
    "ingestion.found": "of a source that is fetched",
    "ingestion.frontier": "of a run",
    "ingestion.places": "of a source that is fetched",
    "ingestion.runs": "of a source that is fetched",
    "ingestion.troubles": "of a run",
    "ingestion.turns": "of hosts that are crawled",
    "serving.chunks": "of a corpus, which the stream's workspaces declare none of",
    "serving.corpora": "see chunks",
    "serving.declared": "see chunks",
    "serving.documents": "see chunks",
    "serving.held": "since when, not how many",
    "serving.replicas": "who is alive",
    "serving.reports": "of whom is alive",
    "serving.snapshots": "see chunks",
    "serving.tombstones": "see chunks",
    "training.alerts": "for people",
    "training.tracks": "one row a workspace",
}
"""The tables that count nothing that the log tells, and why."""
