"""A corpus: its partition of chunks with the indexes on it, and the number that rises with each change."""

from collections.abc import Collection
from dataclasses import dataclass

from millrace.chassis import Transaction

GRAPH = "m = 16, ef_construction = 64"
"""pgvector's defaults; bench/search.py shows the recall that they give."""

ROOM = "fillfactor = 90, toast_tuple_target = 8160"
"""Room for a chunk's end to be written beside it, so that its vector is not entered again; words stay in the row."""


@dataclass
class Corpus:
    """`id` numbers its partition; `seq` is its present state; `configurations` are those its words were read with."""

    id: int
    workspace: str
    name: str
    seq: int
    dimensions: int
    configurations: list[str]

    @property
    def partition(self) -> str:
        return f"chunks_{self.id}"


@dataclass(frozen=True)
class Standing:
    """How much of a corpus can be found, and how much waits for its vectors."""

    corpus: str
    seq: int
    documents: int
    chunks: int
    waiting: int


COLUMNS = "id, workspace, corpus AS name, seq, dimensions, configurations"


async def find(tx: Transaction, workspace: str, name: str) -> Corpus | None:
    row = await tx.fetchrow(f"SELECT {COLUMNS} FROM corpora WHERE workspace = $1 AND corpus = $2", workspace, name)
    return None if row is None else Corpus(**dict(row))


async def each_corpus(tx: Transaction, workspace: str) -> list[Corpus]:
    rows = await tx.fetch(f"SELECT {COLUMNS} FROM corpora WHERE workspace = $1 ORDER BY id", workspace)
    return [Corpus(**dict(row)) for row in rows]


async def open_corpora(tx: Transaction, workspace: str, names: Collection[str], dimensions: int) -> dict[str, Corpus]:
    """Every corpus of a workspace by name, those of the names made where they are missing."""
    for name in sorted(names):
        made = await tx.fetchval(
            """INSERT INTO corpora (workspace, corpus, dimensions) VALUES ($1, $2, $3)
               ON CONFLICT DO NOTHING RETURNING id""",
            workspace,
            name,
            dimensions,
        )
        if made is not None:
            await _open(tx, f"chunks_{made}", made, dimensions)
    return {corpus.name: corpus for corpus in await each_corpus(tx, workspace)}


async def _open(tx: Transaction, partition: str, id: int, dimensions: int) -> None:
    """Made beside and then attached: creating it in place would shut out searches of every other corpus meanwhile."""
    await tx.execute(
        f"""CREATE TABLE {partition} (LIKE chunks INCLUDING ALL) WITH ({ROOM});
            CREATE INDEX {partition}_near ON {partition}
                USING hnsw ((embedding::halfvec({dimensions})) halfvec_cosine_ops) WITH ({GRAPH});
            CREATE INDEX {partition}_words ON {partition} USING gin (words);
            CREATE INDEX {partition}_source ON {partition} (source);
            CREATE INDEX {partition}_language ON {partition} (language) WHERE language IS NOT NULL;
            CREATE INDEX {partition}_since ON {partition} (from_seq);
            CREATE INDEX {partition}_metadata ON {partition} USING gin (metadata jsonb_path_ops);
            ALTER TABLE chunks ATTACH PARTITION {partition} FOR VALUES IN ({id})"""
    )


async def lock(tx: Transaction, ids: Collection[int]) -> dict[int, Corpus]:
    """Corpora by id, which nobody else changes until the end of the transaction."""
    rows = await tx.fetch(f"SELECT {COLUMNS} FROM corpora WHERE id = ANY($1) ORDER BY id FOR UPDATE", sorted(ids))
    return {row["id"]: Corpus(**dict(row)) for row in rows}


async def standing(tx: Transaction, workspace: str) -> list[Standing]:
    rows = await tx.fetch(
        """SELECT c.corpus, c.seq,
               count(*) FILTER (WHERE from_seq IS NOT NULL AND to_seq IS NULL) AS documents,
               coalesce(sum(chunks) FILTER (WHERE to_seq IS NULL), 0) AS chunks,
               count(*) FILTER (WHERE d.id IS NOT NULL AND from_seq IS NULL) AS waiting
           FROM corpora c LEFT JOIN documents d ON d.corpus = c.id
           WHERE c.workspace = $1 GROUP BY c.id ORDER BY c.corpus""",
        workspace,
    )
    return [Standing(**dict(row)) for row in rows]


async def followed(tx: Transaction) -> dict[str, str]:
    """The digest of the corpora that each workspace was last seen to declare."""
    return {row["workspace"]: row["digest"] for row in await tx.fetch("SELECT workspace, digest FROM declared")}


async def save_followed(tx: Transaction, workspace: str, digest: str) -> int | None:
    """The number of the change; None where another replica has seen the same already."""
    turn = await tx.fetchval(
        """INSERT INTO declared (workspace, digest, turn) VALUES ($1, $2, 1)
           ON CONFLICT (workspace) DO UPDATE SET digest = excluded.digest, turn = declared.turn + 1
           WHERE declared.digest <> excluded.digest RETURNING turn""",
        workspace,
        digest,
    )
    return None if turn is None else int(turn)
