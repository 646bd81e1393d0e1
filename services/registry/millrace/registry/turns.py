"""One turn: load the standing, decide, save, record."""

from collections.abc import Callable, Collection
from typing import TypeVar

from millrace.chassis import Transaction
from millrace.events import Event, ModelTrained
from millrace.registry import changes, ledger, store
from millrace.registry.domain import Standing, Turn

E = TypeVar("E", bound=Event)


async def take(
    tx: Transaction, event: E, decide: Callable[[Standing, E], Turn], *, versions: Collection[str] = ()
) -> Turn:
    """Decides upon an event; `versions` are those it names. Raises WorkspaceNotFound, VersionNotFound."""
    trained = event if isinstance(event, ModelTrained) else None
    runs = (trained.run_id,) if trained else ()
    standing = await store.load(tx, event.workspace, versions=versions, runs=runs)
    turn = decide(standing, event)
    await ledger.record(tx, event, turn, changes.between(standing, turn.standing, trained=trained, now=tx.now))
    return turn
