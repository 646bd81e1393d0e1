"""The timer of a workspace's daily housekeeping."""

from datetime import UTC, datetime, time, timedelta

from millrace.chassis import Transaction
from millrace.events import Cause


async def housekeep_next(tx: Transaction, workspace: str, cause: Cause) -> None:
    """Tomorrow, once, however often it is asked for."""
    tomorrow = datetime.combine(tx.now.date() + timedelta(days=1), time(), UTC)
    await tx.schedule(
        "housekeep", key=f"{workspace}/{tomorrow:%Y-%m-%d}", workspace=workspace, cause=cause, at=tomorrow
    )
