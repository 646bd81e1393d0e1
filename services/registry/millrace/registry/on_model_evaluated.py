"""model.evaluated -> model.staged, workspace.routed, or evaluation.requested again"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.events import ModelEvaluated
from millrace.registry import domain, turns
from millrace.registry.ledger import MOVES


@handles(ModelEvaluated, emits=MOVES)
async def on_model_evaluated(events: Sequence[ModelEvaluated], tx: Transaction) -> None:
    for event in events:
        await turns.take(tx, event, domain.evaluated, versions=[event.version])
