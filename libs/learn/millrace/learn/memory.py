"""What encoders said of texts, kept in a SQLite file for the next process that asks. Imports torch.

Scoring alone remembers: an embedding depends, in its last bits, on the batch that its text was in, and two runs of
one training must give the same weights.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from time import time

import numpy as np
import torch

from millrace.learn.model import Embedded, Embedder, bfloat16_is_fast

MOST = 50_000
"""Rows kept, the last used ones: 80 MB at 384 dimensions."""

_TABLE = """CREATE TABLE IF NOT EXISTS embeddings (
    key BLOB PRIMARY KEY, vector BLOB NOT NULL, tokens INTEGER NOT NULL, seconds REAL NOT NULL, used REAL NOT NULL
) WITHOUT ROWID"""


class Memory:
    """Rows are named by a hash of encoder, arithmetic, length and text; the text itself is not kept."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        with closing(self._open()) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(_TABLE)

    def embed(
        self,
        embedder: Embedder,
        digest: str,
        texts: Sequence[str],
        *,
        max_length: int,
        batch: int,
        progress: Callable[[int], None] | None = None,
    ) -> Embedded:
        """As `Embedder.embed`, for the encoder of that digest; only texts that it has not met are computed."""
        keys = [_key(digest, max_length, text) for text in texts]
        rows = self._find(keys)
        new = [at for at, key in enumerate(keys) if key not in rows]
        made = embedder.embed([texts[at] for at in new], max_length=max_length, batch=batch, progress=progress)
        for at, vector, tokens, seconds in zip(new, made.vectors.numpy(), made.tokens, made.seconds, strict=True):
            rows[keys[at]] = (vector.tobytes(), tokens, seconds)
        self._keep({keys[at]: rows[keys[at]] for at in new})
        found = [rows[key] for key in keys]
        vectors = torch.from_numpy(np.stack([np.frombuffer(vector, np.float32) for vector, _, _ in found]))
        told = [tokens for _, tokens, _ in found], [seconds for _, _, seconds in found]
        return Embedded(vectors, *told, embedder.encoder.unit)

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=30)
        db.execute("PRAGMA synchronous = OFF")
        return db

    def _find(self, keys: Sequence[bytes]) -> dict[bytes, tuple[bytes, int, float]]:
        found = {}
        with closing(self._open()) as db, db:
            for key in dict.fromkeys(keys):
                row = db.execute("SELECT vector, tokens, seconds FROM embeddings WHERE key = ?", (key,)).fetchone()
                if row is not None:
                    found[key] = row
            db.executemany("UPDATE embeddings SET used = ? WHERE key = ?", [(time(), key) for key in found])
        return found

    def _keep(self, rows: dict[bytes, tuple[bytes, int, float]]) -> None:
        with closing(self._open()) as db, db:
            db.executemany(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?, ?)",
                [(key, *row, time()) for key, row in rows.items()],
            )
            db.execute(
                "DELETE FROM embeddings WHERE key IN (SELECT key FROM embeddings ORDER BY used DESC LIMIT -1 OFFSET ?)",
                (MOST,),
            )


def _key(digest: str, max_length: int, text: str) -> bytes:
    arithmetic = "bfloat16" if bfloat16_is_fast() else "float32"
    return blake2b("\0".join((digest, arithmetic, str(max_length), text)).encode(), digest_size=16).digest()
