"""model.staged -> the cycle's close, and retraining.requested where another attempt or a waiting trigger holds"""

from collections.abc import Sequence
from functools import partial

from millrace.chassis import Table, Transaction, handles
from millrace.events import ModelStaged
from millrace.training import domain, store, turns
from millrace.training.declared import Declared
from millrace.training.turns import MOVES


@handles(ModelStaged, emits=MOVES)
async def on_model_staged(events: Sequence[ModelStaged], tx: Transaction, *, specs: Table[Declared]) -> None:
    for event in events:
        policy = (await specs.get(event.workspace)).policy
        decide = partial(domain.staged, event=event, policy=policy, now=tx.now)
        await turns.take(tx, event, event.workspace, decide)
        await store.keep_deployment(tx, event.workspace, event.route.production)
        if event.route.production:
            await tx.schedule("tick", key=event.workspace, workspace=event.workspace, cause=event)
