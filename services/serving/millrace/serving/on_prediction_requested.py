"""prediction.requested -> a job that answers: masked before the first durable write, scored outside the transaction"""

from collections.abc import Sequence
from typing import Any

from millrace.chassis import Table, Transaction, Unprocessable, handles
from millrace.events import PredictionRequested
from millrace.serving.answers import accept
from millrace.workspace import Workspace


@handles(PredictionRequested)
async def on_prediction_requested(
    events: Sequence[PredictionRequested], tx: Transaction, *, specs: Table[Workspace], max_text: int, secret: str
) -> None:
    batches: dict[str, list[PredictionRequested]] = {}
    masked: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        try:
            request = accept(
                await specs.get(event.workspace),
                event.text,
                request_id=event.request_id or str(event.id),
                unit=event.unit,
                max_text=max_text,
                secret=secret,
            )
        except Unprocessable as reason:
            tx.refuse(event, reason)
            continue
        batches.setdefault(event.workspace, []).append(event)
        masked.setdefault(event.workspace, []).append(
            {
                "text": request.text,
                "request_id": request.request_id,
                "unit": request.unit,
                "id": str(event.id),
                "occurred_at": event.occurred_at.isoformat(),
                "traceparent": event.traceparent,
            }
        )
    for workspace, batch in batches.items():
        payload = {"requests": masked[workspace]}
        await tx.schedule("answer", key=str(batch[0].id), workspace=workspace, cause=batch[0], payload=payload)
