"""model.trained -> model.registered"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.events import LedgerAppended, ModelRegistered, ModelTrained
from millrace.registry import domain, turns


@handles(ModelTrained, emits=[LedgerAppended, ModelRegistered])
async def on_model_trained(events: Sequence[ModelTrained], tx: Transaction) -> None:
    for event in events:
        turn = await turns.take(tx, event, domain.trained)
        for decision in turn.decisions:
            if isinstance(decision, domain.Registered):
                await tx.schedule("inspect", key=decision.version.id, workspace=event.workspace, cause=event)
