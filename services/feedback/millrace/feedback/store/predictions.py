"""Predictions."""

from collections.abc import Collection, Sequence

from millrace.chassis import Transaction
from millrace.events import PredictionServed
from millrace.feedback.domain import Prediction
from millrace.feedback.store.locks import Place, columns

COLUMNS = (
    "workspace, prediction_id, request_id, lane, version, arm, revision, text, predicted, unit, probability,"
    " predicted_at, known_at"
)


async def append_predictions(tx: Transaction, events: Collection[PredictionServed]) -> list[Prediction]:
    """Keeps predictions, the first of each id, and gives those that were new. Their requests are held."""
    first = {(event.workspace, event.prediction_id): event for event in reversed(list(events))}
    rows = [_row(first[place]) for place in sorted(first)]
    values = [list(column) for column in zip(*rows, strict=True)]
    given = """unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::int[], $8::text[],
               $9::text[], $10::text[], $11::float8[], $12::timestamptz[], $13::timestamptz[])"""
    inserted = await tx.fetch(
        f"""INSERT INTO predictions ({COLUMNS}) SELECT * FROM {given} ON CONFLICT DO NOTHING
            RETURNING workspace, prediction_id""",
        *values,
    )
    new = {(row["workspace"], row["prediction_id"]) for row in inserted}
    named = [place for place in sorted(first) if place not in new]
    if named:
        new |= await _fill(tx, named, given, values)
    return [prediction(first[place]) for place in sorted(new)]


async def _fill(tx: Transaction, named: list[Place], given: str, values: Sequence[list[object]]) -> set[Place]:
    """Fills the places that feedback has named before its predictions came."""
    await tx.execute(
        """SELECT 1 FROM predictions WHERE (workspace, prediction_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
           ORDER BY workspace, prediction_id FOR UPDATE""",
        *columns(named),
    )
    filled = await tx.fetch(
        f"""UPDATE predictions p SET request_id = g.request_id, lane = g.lane, version = g.version, arm = g.arm,
                revision = g.revision, text = g.text, predicted = g.predicted, unit = g.unit,
                probability = g.probability, predicted_at = g.predicted_at, known_at = g.known_at
            FROM {given} AS g ({COLUMNS})
            WHERE p.workspace = g.workspace AND p.prediction_id = g.prediction_id AND p.request_id IS NULL
            RETURNING p.workspace, p.prediction_id""",
        *values,
    )
    return {(row["workspace"], row["prediction_id"]) for row in filled}


async def requests_of(tx: Transaction, names: Collection[Place]) -> dict[Place, Place]:
    """The requests of predictions, as far as they have come. Holds nothing."""
    rows = await tx.fetch(
        """SELECT workspace, prediction_id, request_id FROM predictions
           WHERE (workspace, prediction_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
               AND request_id IS NOT NULL""",
        *columns(names),
    )
    return {(row["workspace"], row["prediction_id"]): (row["workspace"], row["request_id"]) for row in rows}


async def predictions_for(tx: Transaction, requests: Collection[Place], names: Collection[Place]) -> list[Prediction]:
    """The predictions that have come, by request or by id."""
    rows = await tx.fetch(
        f"""SELECT {COLUMNS} FROM predictions
            WHERE (workspace, request_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            UNION
            SELECT {COLUMNS} FROM predictions
            WHERE (workspace, prediction_id) IN (SELECT * FROM unnest($3::text[], $4::text[]))
                AND request_id IS NOT NULL""",
        *columns(requests),
        *columns(names),
    )
    return [Prediction(**{name: row[name] for name in Prediction.__slots__}) for row in rows]


def prediction(event: PredictionServed) -> Prediction:
    return Prediction(
        workspace=event.workspace,
        prediction_id=event.prediction_id,
        request_id=event.request_id,
        lane=event.lane,
        version=event.version,
        arm=event.arm,
        revision=event.revision,
        text=event.text,
        predicted=event.label if event.error is None else None,
        unit=event.unit,
        predicted_at=event.occurred_at,
        known_at=event.known_at,
    )


def _row(event: PredictionServed) -> tuple[object, ...]:
    kept = prediction(event)
    before, after = COLUMNS.split(", ")[:10], (event.probability, kept.predicted_at, kept.known_at)
    return (*(getattr(kept, name) for name in before), *after)
