"""The nearest chunks by vector and by words, of what stands or of what stood at a snapshot."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from millrace.chassis import Transaction
from millrace.serving.domain import Key
from millrace.serving.store.retrieval.corpora import COLUMNS, Corpus

EXACT = 5000
"""Chunks that pass a filter, up to which each is compared: quicker and surer than a walk until enough pass."""

SCANNED = 50_000
"""Chunks that a walk of the graph looks at before it gives up on finding more that pass."""

MATCHING = 5000
"""Chunks with some word of the query that are ranked; those with all of them are in any case, up to as many."""

NORMALISED = 1
"""ts_rank divided by one plus the log of the length."""


ASKED = """
    read AS (
        SELECT string_agg(word, ' & ') AS all_of, string_agg(word, ' | ') AS any_of
        FROM unnest($2::text[]) AS c (name),
            LATERAL (SELECT '''' || replace(lexeme, '''', '''''') || '''' AS word
                     FROM unnest(to_tsvector(c.name::regconfig, $1))) AS w
        GROUP BY c.name),
    asked AS MATERIALIZED (
        SELECT string_agg('(' || all_of || ')', ' | ')::tsquery AS all_of, string_agg(any_of, ' | ')::tsquery AS any_of
        FROM read)"""
"""A query ($1) of all its words and one of any, as each configuration ($2) reads them; null where no word counts."""

WALK = """
    set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.max_scan_tuples', $3, true),
    set_config('hnsw.ef_search', $4, true), set_config('jit', 'off', true), set_config('enable_sort', 'off', true)"""
"""The relaxed order finds more than the strict one, and is put right afterwards. Without the last a planner that has no
figures of a new corpus yet would read all of it and sort."""


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


async def ready(tx: Transaction, workspace: str, name: str, most: int) -> Corpus | None:
    """A corpus, with the transaction made ready to search it for so many."""
    reach = min(1000, max(100, 2 * most))
    row = await tx.fetchrow(
        f"SELECT {COLUMNS}, {WALK} FROM corpora WHERE workspace = $1 AND corpus = $2",
        workspace,
        name,
        str(SCANNED),
        str(reach),
    )
    return None if row is None else Corpus(*list(row.values())[: len(fields(Corpus))])


async def by_vector(tx: Transaction, corpus: Corpus, vector: Sequence[float], where: Where, most: int) -> list[Hit]:
    """The nearest by the cosine of their vectors. The transaction is `ready`."""
    args: list[Any] = [list(vector), most]
    conditions = where.conditions(args)
    near = f"(embedding::halfvec({corpus.dimensions})) <=> $1::real[]::halfvec({corpus.dimensions})"
    if where.narrow and await _few(tx, corpus, where):
        found = f"""WITH passing AS MATERIALIZED (
                        SELECT document, ordinal, embedding FROM {corpus.partition} WHERE {conditions})
                    SELECT document, ordinal, {near} AS distance FROM passing ORDER BY distance LIMIT $2"""
    else:
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
    args: list[Any] = [query, sorted(configurations), most]
    conditions = where.conditions(args)
    pick = f"""SELECT document, ordinal, words FROM {corpus.partition}
               WHERE words @@ (SELECT {{}} FROM asked) AND {conditions} LIMIT {MATCHING}"""
    rows = await tx.fetch(
        f"""WITH {ASKED},
            matching AS MATERIALIZED (({pick.format("all_of")}) UNION ALL ({pick.format("any_of")}))
            SELECT document, ordinal, max(ts_rank(words, (SELECT any_of FROM asked), {NORMALISED})) AS rank,
                bool_or(words @@ (SELECT all_of FROM asked)) AS whole
            FROM matching GROUP BY document, ordinal ORDER BY whole DESC, rank DESC, document, ordinal LIMIT $3""",
        *args,
    )
    return [Hit(Key(row["document"], row["ordinal"]), float(row["rank"])) for row in rows]


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
