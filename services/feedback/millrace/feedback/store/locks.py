"""The locks that make joining safe in any order: requests first, then predictions, each by workspace and id.

New rows are inserted in that order before rows are locked in it. Whoever waits for an uncommitted row holds no lock yet
that comes after it, so no two transactions wait for each other.
"""

from collections.abc import Collection

from millrace.chassis import Transaction

Place = tuple[str, str]
"""Workspace and id."""


async def hold_requests(tx: Transaction, places: Collection[Place]) -> None:
    await _hold(tx, "requests", "request_id", places)


async def hold_predictions(tx: Transaction, places: Collection[Place]) -> None:
    """Locks predictions, also those that are yet to come."""
    await _hold(tx, "predictions", "prediction_id", places)


async def _hold(tx: Transaction, table: str, name: str, places: Collection[Place]) -> None:
    if not places:
        return
    spaces, ids = columns(places)
    await tx.execute(
        f"INSERT INTO {table} (workspace, {name}) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING",
        spaces,
        ids,
    )
    await tx.execute(
        f"""SELECT 1 FROM {table} WHERE (workspace, {name}) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            ORDER BY workspace, {name} FOR UPDATE""",
        spaces,
        ids,
    )


def columns(places: Collection[Place]) -> tuple[list[str], list[str]]:
    """Workspaces and ids of distinct places, in the one order."""
    ordered = sorted(set(places))
    return [space for space, _ in ordered], [place for _, place in ordered]
