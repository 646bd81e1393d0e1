"""observation.accepted: kept for the features of training"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial

from millrace.chassis import Table, Transaction, erasure, handles
from millrace.datasets import observations
from millrace.datasets.daily import housekeep_next
from millrace.events import ObservationAccepted
from millrace.workspace import Workspace


@handles(ObservationAccepted)
async def on_observation_accepted(
    events: Sequence[ObservationAccepted],
    tx: Transaction,
    *,
    workspaces: Table[Workspace],
    part_rows: int,
    secret: str,
) -> None:
    by_workspace: defaultdict[str, list[ObservationAccepted]] = defaultdict(list)
    for event in events:
        by_workspace[event.workspace].append(event)
    for name in sorted(by_workspace):
        if not (await workspaces.get(name)).features:
            continue
        batch, subjects = by_workspace[name], observations.subjects(by_workspace[name], secret)
        observed = await observations.lock(tx, name)
        # looked for under the lock that an erasure takes too: what is added here it sees, or is seen here
        kept = await erasure.standing(tx, batch, partial(_about, subjects))
        await observations.append(tx, observed, kept, subjects)
        if not observed.housekept:
            observed.housekept = True
            await housekeep_next(tx, name, batch[-1])
        if observed.buffered >= part_rows and not observed.flushing:
            observed.flushing = True
            key = f"{name}/{observed.parts + 1}"
            await tx.schedule("flush-observations", key=key, workspace=name, cause=batch[-1])
        await observations.save(tx, observed)


def _about(subjects: Mapping[str, str], one: ObservationAccepted) -> erasure.About:
    return erasure.About(one.workspace, subjects[one.entity], one.known_at)
