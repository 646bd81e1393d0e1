"""dataset.released -> a job that plans the candidates"""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from millrace.chassis import Table, Transaction, handles
from millrace.events import DatasetReleased
from millrace.training import domain, store, turns
from millrace.training.declared import Declared
from millrace.training.turns import MOVES


@handles(DatasetReleased, emits=MOVES)
async def on_dataset_released(
    events: Sequence[DatasetReleased], tx: Transaction, *, specs: Table[Declared], grace: timedelta
) -> None:
    for event in events:
        declared = await specs.get(event.workspace)
        turn = await turns.take(tx, event, event.workspace, partial(domain.released, event=event))
        for decision in turn.decisions:
            if isinstance(decision, domain.Cut):
                cycle = decision.cycle
                await store.keep_manifest(tx, cycle.id, event.manifest)
                await tx.schedule("plan", key=str(cycle.id), workspace=event.workspace, cause=event, cycle_id=cycle.id)
                train = declared.spec.train
                most = train.budget * (train.search.trials if train.search else train.trials) + grace
                await turns.set_timer(tx, event, event.workspace, cycle, "training", after=most)
