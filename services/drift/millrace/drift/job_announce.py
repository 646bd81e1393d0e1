"""A drift that was found within the cool-down of another is announced when that is over."""

from millrace.chassis import Job, works
from millrace.drift import store
from millrace.drift.domain import Alarm, Drift, Key, drift_detected
from millrace.events import DriftDetected


@works("announce", emits=[DriftDetected])
async def job_announce(job: Job) -> None:
    key, alarm = Key(*job.payload["key"]), Alarm(**job.payload["alarm"])
    async with job.finish() as tx:
        last = await store.last_drift(tx, key.workspace, key.version)
        if last and alarm.rang_at <= last.rang_at:
            return
        announced = drift_detected(job.cause("announced"), key, alarm)
        tx.emit(announced)
        await store.announce(tx, key, Drift(alarm.rang_at))
        await store.append_alarm(tx, key, alarm, "announced", announced.id)
