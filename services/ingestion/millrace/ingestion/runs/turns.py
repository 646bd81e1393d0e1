"""Whose turn it is at a host, among all runs of all replicas."""

from __future__ import annotations

from millrace.chassis import Transaction


async def take_turn(tx: Transaction, host: str, pause: float) -> float:
    """Takes the next turn at a host, which keeps others away for `pause` seconds; in how many seconds it is.

    The clock is the database's: those of replicas may differ.
    """
    wait: float = await tx.fetchval(
        """INSERT INTO turns AS t (host, next_at) VALUES ($1, clock_timestamp() + $2 * interval '1 second')
           ON CONFLICT (host) DO UPDATE SET
               next_at = greatest(t.next_at, clock_timestamp()) + $2 * interval '1 second'
           RETURNING extract(epoch FROM next_at - clock_timestamp())::float8""",
        host,
        pause,
    )
    return max(0.0, wait - pause)


async def forget_turns(tx: Transaction, most: int) -> None:
    """Forgets hosts that nobody has asked anything of for an hour."""
    await tx.execute(
        """DELETE FROM turns WHERE host = ANY(ARRAY(
               SELECT host FROM turns WHERE next_at < clock_timestamp() - interval '1 hour'
               LIMIT $1 FOR UPDATE SKIP LOCKED))""",
        most,
    )
