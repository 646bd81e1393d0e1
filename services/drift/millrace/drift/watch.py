"""Takes values through their monitors, and announces what is news."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta

from millrace.chassis import Table, Transaction, Unknown
from millrace.drift import store
from millrace.drift.domain import Alarm, Drift, Key, Monitor, Observation, begin, decide, drift_detected
from millrace.events import Event
from millrace.workspace import Workspace


async def watch(
    seen: Iterable[tuple[Event, Key, Observation]],
    tx: Transaction,
    *,
    workspaces: Table[Workspace],
    cool_down: timedelta,
) -> None:
    """Values in the order of the log. One of a workspace that nobody declared is refused with its event."""
    values = [one for one in seen if await _declared(one[0], tx, workspaces)]
    if not values:
        return
    monitors = await store.load(tx, {key for _, key, _ in values})
    touched: dict[Key, Monitor] = {}
    rings: list[tuple[Event, Key, Alarm]] = []
    for event, key, observation in values:
        monitor = monitors[key] or begin(key, await workspaces.get(key.workspace))
        if monitor is None:
            continue
        monitors[key] = touched[key] = monitor
        if alarm := monitor.observe(observation):
            rings.append((event, key, alarm))
    if touched:
        await store.save(tx, touched)
    for event, key, alarm in sorted(rings, key=lambda ring: ring[1][:2]):  # one lock order over versions
        await _ring(event, key, alarm, tx, cool_down)


async def _declared(event: Event, tx: Transaction, workspaces: Table[Workspace]) -> bool:
    try:
        await workspaces.get(event.workspace)
    except Unknown as unknown:
        if event.id not in {refused.id for refused, _ in tx.refused}:
            tx.refuse(event, unknown)
        return False
    return True


async def _ring(event: Event, key: Key, alarm: Alarm, tx: Transaction, cool_down: timedelta) -> None:
    last = await store.last_drift(tx, key.workspace, key.version)
    outcome = decide(last, alarm, cool_down)
    announced = drift_detected(event, key, alarm) if outcome == "announced" else None
    if announced:
        tx.emit(announced)
        await store.announce(tx, key, Drift(alarm.rang_at))
    elif last and outcome == "deferred":
        await tx.schedule(
            "announce",
            key=f"{key.workspace}/{key.version}/{last.rang_at}",
            workspace=key.workspace,
            cause=event,
            payload={"key": key, "alarm": asdict(alarm)},
            at=tx.now + last.rest(alarm.rang_at, cool_down),
        )
    await store.append_alarm(tx, key, alarm, outcome, announced.id if announced else None)
