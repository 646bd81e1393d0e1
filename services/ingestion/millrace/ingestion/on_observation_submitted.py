"""observation.submitted -> observation.accepted or observation.rejected"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.events import ObservationSubmitted
from millrace.ingestion.taking import OBSERVATIONS, Rules, take


@handles(ObservationSubmitted, emits=OBSERVATIONS)
async def on_observation_submitted(events: Sequence[ObservationSubmitted], tx: Transaction, *, rules: Rules) -> None:
    await take(events, tx, rules)
