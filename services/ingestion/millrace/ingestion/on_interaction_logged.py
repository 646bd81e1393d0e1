"""interaction.logged -> document.accepted or document.rejected"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.events import InteractionLogged
from millrace.ingestion.taking import DOCUMENTS, Rules, take


@handles(InteractionLogged, emits=DOCUMENTS)
async def on_interaction_logged(events: Sequence[InteractionLogged], tx: Transaction, *, rules: Rules) -> None:
    await take(events, tx, rules)
