"""POST /v1/workspaces/{name}/search, and the corpora with their snapshots"""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from millrace.chassis import Database, Malformed, Transaction
from millrace.chassis.signing import By, Signed, noted
from millrace.serving.searcher import Found, Mode, Question, Searcher
from millrace.serving.store import retrieval

Named = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Word = Annotated[str, Field(min_length=1, max_length=200)]


class Filter(BaseModel):
    """What a passage's document must have: one of the sources, the language, each of the metadata."""

    model_config = ConfigDict(extra="forbid")
    source: Word | Annotated[list[Word], Field(min_length=1, max_length=100)] | None = None
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")] | None = None
    metadata: Annotated[dict[str, str], Field(max_length=20)] = {}

    def sources(self) -> list[str]:
        return [self.source] if isinstance(self.source, str) else self.source or []


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")
    corpus: Word
    query: Annotated[str, Field(min_length=1, max_length=2000)]
    top_k: Annotated[int, Field(ge=1, le=100)] = 10
    mode: Mode = "hybrid"
    filter: Filter = Filter()
    snapshot: Named | None = None

    @field_validator("query")
    @classmethod
    def _says_something(cls, query: str) -> str:
        if not query.strip() or "\x00" in query:
            raise ValueError("a query with a word in it, and no NUL")
        return query


class Pinned(Signed):
    model_config = ConfigDict(extra="forbid")
    name: Named


def shown(found: Found) -> dict[str, Any]:
    passage = found.passage
    return {
        "document_id": passage.document_id,
        "source": passage.source,
        "language": passage.language,
        "metadata": passage.metadata,
        "chunk": passage.ordinal,
        "start": passage.start,
        "stop": passage.stop,
        "text": passage.text,
        "score": round(found.score, 6),
        "scores": {part: round(score, 6) for part, score in found.scores.items()},
        "places": dict(found.places),
    }


def router(searcher: Searcher, db: Database) -> APIRouter:
    routes = APIRouter()

    @routes.post("/v1/workspaces/{name}/search")
    async def search(name: str, asked: Asked) -> dict[str, Any]:
        question = Question(
            asked.query,
            asked.top_k,
            asked.mode,
            asked.filter.sources(),
            asked.filter.language,
            asked.filter.metadata,
            asked.snapshot,
        )
        found = await searcher.search(name, asked.corpus, question)
        about = {"workspace": name, "corpus": asked.corpus, "mode": asked.mode, "snapshot": asked.snapshot}
        return about | {"results": [shown(one) for one in found]}

    @routes.get("/v1/workspaces/{name}/corpora")
    async def corpora(name: str) -> list[dict[str, Any]]:
        declared = await searcher.corpora(name)
        async with db.reading() as tx:
            held = {one.corpus: one for one in await retrieval.standing(tx, name)}
        empty = retrieval.Standing("", 0, 0, 0, 0)
        return [asdict(held.get(corpus, empty)) | {"corpus": corpus} for corpus in sorted(declared)]

    @routes.get("/v1/workspaces/{name}/corpora/{corpus}/snapshots")
    async def snapshots(name: str, corpus: str) -> list[dict[str, Any]]:
        await searcher.corpus(name, corpus)
        async with db.reading() as tx:
            held = await retrieval.find(tx, name, corpus)
            return [asdict(one) for one in await retrieval.snapshots(tx, held)] if held else []

    @routes.post("/v1/workspaces/{name}/corpora/{corpus}/snapshots", status_code=201)
    async def pin(name: str, corpus: str, asked: Pinned) -> dict[str, Any]:
        await searcher.corpus(name, corpus)
        async with db.transaction() as tx:
            held = await _locked(tx, name, corpus)
            taken = await retrieval.take(tx, held, asked.name)
        noted("snapshot taken", asked.by, workspace=name, corpus=corpus, snapshot=asked.name)
        return asdict(taken)

    @routes.delete("/v1/workspaces/{name}/corpora/{corpus}/snapshots/{snapshot}")
    async def unpin(name: str, corpus: str, snapshot: str, by: By) -> dict[str, Any]:
        await searcher.corpus(name, corpus)
        async with db.transaction() as tx:
            held = await _locked(tx, name, corpus)
            await retrieval.forget(tx, held, snapshot)
        noted("snapshot forgotten", by, workspace=name, corpus=corpus, snapshot=snapshot)
        return {"forgotten": snapshot, "swept": await _sweep(db, held)}

    return routes


async def _locked(tx: Transaction, workspace: str, name: str) -> retrieval.Corpus:
    """Raises Malformed while nothing has ever been kept in the corpus."""
    held = await retrieval.find(tx, workspace, name)
    if held is None:
        raise Malformed("corpus", "one with a document in it, to take a snapshot of")
    return (await retrieval.lock(tx, [held.id]))[held.id]


async def _sweep(db: Database, corpus: retrieval.Corpus) -> int:
    """Lets go of what no snapshot holds any more, a step at a time; how many documents."""
    swept = 0
    while True:
        async with db.transaction() as tx:
            await retrieval.lock(tx, [corpus.id])
            some = await retrieval.sweep(tx, corpus)
        if not some:
            return swept
        swept += some
