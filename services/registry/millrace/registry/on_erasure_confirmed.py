"""erasure.confirmed (by datasets) -> erasure.confirmed: versions that had learned from the erased rows are flagged"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.events import ErasureConfirmed, LedgerAppended
from millrace.registry import ledger, store
from millrace.registry.domain import Noted, Turn


@handles(ErasureConfirmed, emits=[ErasureConfirmed, LedgerAppended])
async def on_erasure_confirmed(events: Sequence[ErasureConfirmed], tx: Transaction) -> None:
    """Nothing is taken out of weights: whether to train anew is the team's to decide, and the ledger says so."""
    for event in events:
        if event.service != "datasets":
            continue
        standing = await store.load(tx, event.workspace)
        flagged = await store.reached(tx, event.workspace, event.datasets, event.erasure)
        reason = f"erasure {event.erasure}: it had learned from rows that are erased"
        turn = Turn(standing, tuple(Noted("redacted", reason, one) for one in flagged))
        erased = {"versions": {name: {"erasures": erasures} for name, erasures in flagged.items()}} if flagged else {}
        await ledger.record(tx, event, turn, erased)
        tx.emit(
            ErasureConfirmed.caused_by(
                event, workspace=event.workspace, erasure=event.erasure, service="registry", versions=list(flagged)
            )
        )
