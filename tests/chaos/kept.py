"""What every service's tables say."""

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
from counts import COUNTS, Told
from log import FLOW


@dataclass
class Consumed:
    """What a handler has taken of its topic: how often each id, and the next offset by partition."""

    ids: Counter[UUID] = field(default_factory=Counter)
    reached: dict[int, int] = field(default_factory=dict)


@dataclass
class Tables:
    """Rows in each outbox, dead letters with their reasons, the inboxes by (service, topic), the counts by table."""

    outboxes: Counter[str] = field(default_factory=Counter)
    dead_letters: list[str] = field(default_factory=list)
    consumed: dict[tuple[str, str], Consumed] = field(default_factory=dict)
    counts: dict[str, Told] = field(default_factory=dict)


async def read_tables(postgres: str) -> Tables:
    tables = Tables()
    connection = await asyncpg.connect(postgres)
    try:
        for service, told in FLOW["services"].items():
            tables.outboxes[service] = await connection.fetchval(f"SELECT count(*) FROM {service}.outbox")
            for row in await connection.fetch(f"SELECT handler, reason FROM {service}.dead_letters LIMIT 5"):
                tables.dead_letters.append(f"{service}: a dead letter of {row['handler']}: {row['reason']}")
            for topic in told["eats"]:
                tables.consumed[service, topic] = await _consumed(connection, service, topic)
        for table, count in COUNTS.items():
            tables.counts[table] = Counter({tuple(row)[:-1]: row[-1] for row in await connection.fetch(count.rows)})
    finally:
        await connection.close()
    return tables


async def _consumed(connection: asyncpg.Connection, service: str, topic: str) -> Consumed:
    handler = "on_" + topic.removesuffix(".v1").replace(".", "_")
    taken = await connection.fetch(
        f"SELECT id, count(*) AS n FROM {service}.inbox WHERE consumer = $1 GROUP BY id", handler
    )
    positions = await connection.fetch(
        f"SELECT partition, next_offset FROM {service}.positions WHERE consumer = $1 AND topic = $2", handler, topic
    )
    return Consumed(
        Counter({row["id"]: row["n"] for row in taken}), {row["partition"]: row["next_offset"] for row in positions}
    )
