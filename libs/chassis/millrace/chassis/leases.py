"""Who may do what only one may do at a time."""

from uuid import UUID, uuid4

from millrace.chassis.postgres import Database

TTL = 5.0
"""Seconds for which a lease holds without being renewed."""

TAKE = """
    INSERT INTO leases (name, holder, token, until) VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 second')
    ON CONFLICT (name) DO UPDATE SET
        holder = $2, until = excluded.until,
        token = leases.token + CASE WHEN leases.holder = $2 THEN 0 ELSE 1 END
    WHERE leases.holder = $2 OR leases.until < clock_timestamp()
    RETURNING token"""


class Lease:
    """A named row with an end. The token rises with each change of holder."""

    def __init__(self, db: Database, name: str) -> None:
        self._db = db
        self._name = name
        self.holder: UUID = uuid4()

    async def take(self) -> int | None:
        """Takes or renews it; the token, or None where another holds it."""
        token = await self._db.pool.fetchval(TAKE, self._name, self.holder, TTL)
        return None if token is None else int(token)

    async def give_back(self) -> None:
        await self._db.pool.execute(
            "UPDATE leases SET until = clock_timestamp() WHERE name = $1 AND holder = $2", self._name, self.holder
        )
