"""What could not be handled: the reason, the headers, the bytes; read again by the same handler, never by the topic."""

import base64
import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet
from pydantic import BaseModel, SecretStr

from millrace.chassis import wire
from millrace.chassis.errors import Conflict, NotFound
from millrace.chassis.retention import INTAKE
from millrace.chassis.transaction import Transaction


class DeadLetterNotFound(NotFound):
    def __init__(self, letter: int) -> None:
        super().__init__(f"no dead letter {letter}")
        self.letter = letter


class AlreadyReplayed(Conflict):
    def __init__(self, letter: int, at: datetime) -> None:
        super().__init__(f"dead letter {letter} was replayed at {at.isoformat()}")
        self.letter = letter


class DeadLetter(BaseModel):
    """A dead letter as people see it."""

    id: int
    handler: str
    topic: str
    partition: int
    offset: int
    event_id: UUID | None
    reason: str
    at: datetime
    replayed_at: datetime | None
    sealed: bool
    headers: list[tuple[str, str | None]] | None = None
    body: str | None = None


class Seal:
    """Encrypts what may hold a person's text (Fernet: AES-128-CBC with HMAC-SHA256)."""

    def __init__(self, secret: SecretStr) -> None:
        key = hashlib.sha256(b"dead letters|" + secret.get_secret_value().encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def close(self, data: bytes) -> bytes:
        return self._fernet.encrypt(data)

    def open(self, data: bytes) -> bytes:
        return self._fernet.decrypt(data)


async def add(
    tx: Transaction, handler: str, record: wire.Record, reason: str, event_id: UUID | None, seal: Seal | None
) -> None:
    """Keeps a record. With a seal it is encrypted and expires with its topic."""
    close = seal.close if seal else bytes
    await tx.execute(
        """INSERT INTO dead_letters
             (handler, topic, partition, record_offset, event_id, reason, sealed, record_time, key, headers, body,
              expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
        handler,
        record.topic,
        record.partition,
        record.offset,
        event_id,
        reason[:2000].replace("\x00", ""),
        seal is not None,
        record.timestamp,
        record.key,
        close(wire.printable(record.headers).encode()),
        close(record.value or b""),
        tx.now + INTAKE if seal else None,
    )


async def within_a_minute(tx: Transaction, handler: str) -> int:
    return int(
        await tx.fetchval(
            "SELECT count(*) FROM dead_letters WHERE handler = $1 AND at > now() - interval '1 minute'", handler
        )
    )


async def newest(tx: Transaction, *, handler: str | None = None, limit: int = 100) -> list[DeadLetter]:
    rows = await tx.fetch(
        """SELECT *, record_offset AS offset FROM dead_letters WHERE $1::text IS NULL OR handler = $1
           ORDER BY id DESC LIMIT $2""",
        handler,
        limit,
    )
    return [_shown(row) for row in rows]


async def show(tx: Transaction, letter: int, seal: Seal) -> DeadLetter:
    """One, opened. Raises DeadLetterNotFound."""
    row = await tx.fetchrow("SELECT *, record_offset AS offset FROM dead_letters WHERE id = $1", letter)
    if row is None:
        raise DeadLetterNotFound(letter)
    headers, body = _opened(row, seal)
    shown = [(name, None if value is None else value.decode(errors="backslashreplace")) for name, value in headers]
    return _shown(row).model_copy(update={"headers": shown, "body": body.decode(errors="backslashreplace")})


async def take(tx: Transaction, letter: int, seal: Seal) -> wire.Received:
    """The record of a letter, which is marked as replayed. Raises DeadLetterNotFound, AlreadyReplayed."""
    row = await tx.fetchrow("SELECT * FROM dead_letters WHERE id = $1 FOR UPDATE", letter)
    if row is None:
        raise DeadLetterNotFound(letter)
    if row["replayed_at"] is not None:
        raise AlreadyReplayed(letter, row["replayed_at"])
    await tx.execute("UPDATE dead_letters SET replayed_at = now() WHERE id = $1", letter)
    headers, body = _opened(row, seal)
    return wire.Received(
        row["topic"], row["partition"], row["record_offset"], row["record_time"], row["key"], body, headers
    )


async def erase(tx: Transaction, name: str) -> int:
    """Deletes letters whose body names a person's pseudonym; how many. Sealed ones can't be read here, and expire."""
    told = await tx.execute(
        "DELETE FROM dead_letters WHERE NOT sealed AND position(convert_to($1, 'UTF8') IN body) > 0", name
    )
    return int(told.rpartition(" ")[2])


def _opened(row: Any, seal: Seal) -> tuple[list[tuple[str, bytes | None]], bytes]:
    open_ = seal.open if row["sealed"] else bytes
    return wire.from_printable(open_(row["headers"]).decode()), open_(row["body"])


def _shown(row: Any) -> DeadLetter:
    return DeadLetter.model_validate(
        {name: row[name] for name in DeadLetter.model_fields if name not in {"headers", "body"}}
    )
