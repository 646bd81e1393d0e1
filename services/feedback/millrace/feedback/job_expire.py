"""Feedback whose predictions did not come in time becomes a dead letter."""

from pydantic import SecretStr

from millrace.chassis import Job, Transaction, dead_letters, wire, works
from millrace.feedback import store
from millrace.feedback.domain import Feedback, again

MOST = 500


@works("expire")
async def job_expire(job: Job, *, secret: SecretStr) -> None:
    while True:
        async with job.transaction() as tx:
            dropped = await store.drop_expired(tx, job.workspace, MOST)
            for feedback in dropped:
                await _bury(tx, feedback, dead_letters.Seal(secret))
        if len(dropped) < MOST:
            break
    async with job.finish():
        pass


async def _bury(tx: Transaction, feedback: Feedback, seal: dead_letters.Seal) -> None:
    """A dead letter like those of the intake, so that `replay` gives it to the handler again."""
    event = again(feedback)
    headers = wire.to_kafka(wire.headers_of(event, feedback.source, feedback.traceparent))
    record = wire.Received(
        topic=event.topic,
        partition=0,
        offset=-1,
        timestamp=int(feedback.known_at.timestamp() * 1000),
        key=event.key.encode(),
        value=event.body(),
        headers=headers,
    )
    reason = "no prediction came for it within the workspace's feedback.wait"
    await dead_letters.add(tx, "on_feedback_given", record, reason, feedback.feedback_id, seal)
