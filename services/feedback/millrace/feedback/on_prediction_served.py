"""prediction.served -> feedback.recorded, of what was said before it came"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from millrace.chassis import Malformed, Transaction, erasure, handles
from millrace.events import FeedbackRecorded, PredictionServed
from millrace.feedback.domain import checked
from millrace.feedback.joining import join_predictions


@handles(PredictionServed, emits=[FeedbackRecorded])
async def on_prediction_served(events: Sequence[PredictionServed], tx: Transaction) -> None:
    kept = []
    for event in events:
        try:
            kept.append(checked(event))
        except Malformed as reason:
            tx.refuse(event, reason)
    kept = await erasure.standing(tx, kept, lambda one: erasure.About(one.workspace, one.unit, one.known_at))
    if not kept:
        return
    await join_predictions(kept, tx)
    tomorrow = datetime.combine(tx.now.date() + timedelta(days=1), time(), UTC)
    await tx.schedule("forget", key=f"{tomorrow:%Y-%m-%d}", workspace="", cause=events[0], at=tomorrow)
