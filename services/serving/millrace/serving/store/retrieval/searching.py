"""The nearest chunks by vector and by words, of what stands or of what stood at a snapshot."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from millrace.chassis import Transaction
from millrace.serving.domain import Key
from millrace.serving.store.retrieval.corpora import Corpus

EXACT = 5000
"""Chunks that pass a filter, up to which each is compared: quicker and surer than a walk until enough pass."""

SCANNED = 50_000
"""Chunks that a walk of the graph looks at before it gives up on finding more that pass."""

MATCHING = 5000
"""Chunks with some word of the query that are ranked; those with all of them are in any case, up to as many."""

NORMALISED = 1
"""ts_rank divided by one plus the log of the length."""


@dataclass(frozen=True)
class Where:
    """Which chunks count. `at` is a snapshot's number; `sources` None: any."""

    at: int | None = None
    sources: Sequence[str] | None = None
    language: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def narrow(self) -> bool:
        return self != Where()

    def conditions(self, args: list[Any]) -> str:
        """SQL, with what it compares with added to the arguments."""
        told = ["to_seq IS NULL"]
        if self.at is not None:
            at = f"{_arg(args, self.at)}::bigint"
            told = [f"from_seq <= {at}", f"(to_seq IS NULL OR to_seq > {at})"]
        if self.sources is not None:
            told.append(f"source = ANY({_arg(args, list(self.sources))}::text[])")
        if self.language is not None:
            told.append(f"language = {_arg(args, self.language)}")
        if self.metadata:
            told.append(f"metadata @> {_arg(args, json.dumps(self.metadata))}::jsonb")
        return " AND ".join(told)


class Hit(NamedTuple):
    key: Key
    score: float


@dataclass(frozen=True)
class Passage:
    """A chunk as it is answered; `start` and `stop` are its characters in the document."""

    document_id: str
    source: str
    language: str | None
    metadata: dict[str, str]
    ordinal: int
    start: int
    stop: int
    text: str


def _arg(args: list[Any], value: Any) -> str:
    args.append(value)
    return f"${len(args)}"


async def by_vector(tx: Transaction, corpus: Corpus, vector: Sequence[float], where: Where, most: int) -> list[Hit]:
    """The nearest by the cosine of their vectors."""
    args: list[Any] = [list(vector), most]
    conditions = where.conditions(args)
    near = f"(embedding::halfvec({corpus.dimensions})) <=> $1::real[]::halfvec({corpus.dimensions})"
    if where.narrow and await _few(tx, corpus, where):
        found = f"""WITH passing AS MATERIALIZED (
                        SELECT document, ordinal, embedding FROM {corpus.partition} WHERE {conditions})
                    SELECT document, ordinal, {near} AS distance FROM passing ORDER BY distance LIMIT $2"""
    else:
        # The relaxed order finds more than the strict one, and is put right here. Without its last line a planner that
        # has no figures of a new corpus yet would read all of it and sort.
        await tx.execute(
            f"""SET LOCAL hnsw.iterative_scan = relaxed_order; SET LOCAL hnsw.max_scan_tuples = {SCANNED};
                SET LOCAL hnsw.ef_search = {min(1000, max(100, 2 * most))}; SET LOCAL jit = off;
                SET LOCAL enable_sort = off"""
        )
        found = f"""WITH walked AS MATERIALIZED (
                        SELECT document, ordinal, {near} AS distance FROM {corpus.partition} WHERE {conditions}
                        ORDER BY {near} LIMIT $2)
                    SELECT * FROM walked ORDER BY distance, document, ordinal"""
    rows = await tx.fetch(found, *args)
    return [Hit(Key(row["document"], row["ordinal"]), 1 - row["distance"]) for row in rows]


async def _few(tx: Transaction, corpus: Corpus, where: Where) -> bool:
    args: list[Any] = []
    some = f"SELECT FROM {corpus.partition} WHERE {where.conditions(args)} LIMIT {EXACT + 1}"
    return bool(await tx.fetchval(f"SELECT count(*) <= {EXACT} FROM ({some}) AS passing", *args))


async def by_text(
    tx: Transaction, corpus: Corpus, query: str, configurations: Collection[str], where: Where, most: int
) -> list[Hit]:
    """Those with the query's words: with all of them before those with some, each by Postgres' ts_rank.

    The words are read as each of the configurations reads them.
    """
    every, some = await _queries(tx, query, configurations)
    if not some:
        return []
    args: list[Any] = [every, some, most]
    conditions = where.conditions(args)
    pick = f"""SELECT document, ordinal, words FROM {corpus.partition}
               WHERE words @@ {{}}::text::tsquery AND {conditions} LIMIT {MATCHING}"""
    rows = await tx.fetch(
        f"""WITH matching AS MATERIALIZED (({pick.format("$1")}) UNION ALL ({pick.format("$2")}))
            SELECT document, ordinal, max(ts_rank(words, $2::text::tsquery, {NORMALISED})) AS rank,
                bool_or(words @@ $1::text::tsquery) AS whole
            FROM matching GROUP BY document, ordinal ORDER BY whole DESC, rank DESC, document, ordinal LIMIT $3""",
        *args,
    )
    return [Hit(Key(row["document"], row["ordinal"]), float(row["rank"])) for row in rows]


async def _queries(tx: Transaction, query: str, configurations: Collection[str]) -> tuple[str, str]:
    """A tsquery of all its words and one of any, in every configuration; empty where it has no word that counts."""
    rows = await tx.fetch(
        """SELECT string_agg(word, ' & ') AS every, string_agg(word, ' | ') AS some
           FROM unnest($2::text[]) AS c (name),
               LATERAL (SELECT '''' || replace(lexeme, '''', '''''') || '''' AS word
                        FROM unnest(to_tsvector(c.name::regconfig, $1))) AS w
           GROUP BY c.name""",
        query,
        sorted(configurations),
    )
    return " | ".join(f"({row['every']})" for row in rows), " | ".join(row["some"] for row in rows)


async def passages(tx: Transaction, corpus: Corpus, keys: Sequence[Key]) -> dict[Key, Passage]:
    """What is at the keys."""
    rows = await tx.fetch(
        f"""SELECT c.document, c.ordinal, c.start, c.stop, d.document_id, d.source, d.language, d.metadata,
                substr(d.text, c.start + 1, c.stop - c.start) AS text
            FROM unnest($1::bigint[], $2::int[]) AS u (document, ordinal)
            JOIN {corpus.partition} c USING (document, ordinal) JOIN documents d ON d.id = c.document""",
        [key.document for key in keys],
        [key.ordinal for key in keys],
    )
    return {
        Key(row["document"], row["ordinal"]): Passage(
            row["document_id"], row["source"], row["language"], json.loads(row["metadata"]), row["ordinal"],
            row["start"], row["stop"], row["text"],
        )
        for row in rows
    }  # fmt: skip
