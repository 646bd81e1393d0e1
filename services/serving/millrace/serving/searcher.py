"""From a query to the passages that answer it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

from millrace.chassis import Database, NotFound, Table, Transaction
from millrace.privacy import mask
from millrace.serving import metrics
from millrace.serving.domain import Key, Ranked, configuration, fused
from millrace.serving.encoder import Encoder, Vector
from millrace.serving.store import retrieval
from millrace.workspace import Corpus, Workspace
from millrace.workspace.problems import nearest

Mode = Literal["vector", "text", "hybrid"]

DEPTH = 50
"""Chunks that each ranking brings to the fusion, or four times what is asked for."""


class CorpusUnknown(NotFound):
    def __init__(self, workspace: str, corpus: str, declared: Sequence[str]) -> None:
        hint = nearest(corpus, declared)
        said = f"did you mean {hint!r}?" if hint else f"it declares {', '.join(declared) or 'none'}"
        super().__init__(f"{workspace} has no corpus {corpus!r}: {said}")
        self.workspace = workspace
        self.corpus = corpus


@dataclass(frozen=True)
class Question:
    """`sources` empty: any."""

    query: str
    top_k: int = 10
    mode: Mode = "hybrid"
    sources: Sequence[str] = ()
    language: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    snapshot: str | None = None


@dataclass(frozen=True)
class Found:
    """A passage with its place and its score in each ranking that has it; `score` is what it is ranked by."""

    passage: retrieval.Passage
    score: float
    scores: Mapping[str, float]
    places: Mapping[str, int]


class Searcher:
    def __init__(self, db: Database, encoder: Encoder, specs: Table[Workspace]) -> None:
        self._db = db
        self._encoder = encoder
        self._specs = specs

    async def corpora(self, workspace: str) -> Mapping[str, Corpus]:
        """As they are declared. Raises Unknown."""
        return (await self._specs.get(workspace)).corpora

    async def corpus(self, workspace: str, name: str) -> Corpus:
        """Raises Unknown or CorpusUnknown."""
        declared = await self.corpora(workspace)
        if name not in declared:
            raise CorpusUnknown(workspace, name, list(declared))
        return declared[name]

    async def search(self, workspace: str, name: str, asked: Question) -> list[Found]:
        """The best first. Raises Unknown, CorpusUnknown, SnapshotNotFound, Overloaded or Unavailable."""
        declared = await self.corpus(workspace, name)
        query = mask(asked.query).text
        vector = await self._vector(declared, query) if asked.mode != "text" else None
        started = perf_counter()
        async with self._db.reading() as tx:
            corpus = await retrieval.ready(tx, workspace, name, _candidates(asked))
            if corpus is None:
                if asked.snapshot is not None:
                    raise retrieval.SnapshotNotFound(name, asked.snapshot)
                found = []
            else:
                found = await _search(tx, corpus, declared, query, vector, asked)
        metrics.SEARCH_SECONDS.labels("index").observe(perf_counter() - started)
        metrics.SEARCHES.labels(workspace, asked.mode).inc()
        return found

    async def _vector(self, declared: Corpus, query: str) -> Vector:
        started = perf_counter()
        vector = await self._encoder.query(declared.base, query)
        metrics.SEARCH_SECONDS.labels("vector").observe(perf_counter() - started)
        return vector


def _candidates(asked: Question) -> int:
    return max(DEPTH, 4 * asked.top_k)


async def _search(
    tx: Transaction, corpus: retrieval.Corpus, declared: Corpus, query: str, vector: Vector | None, asked: Question
) -> list[Found]:
    at = (await retrieval.snapshot(tx, corpus, asked.snapshot)).seq if asked.snapshot is not None else None
    where = retrieval.Where(at, asked.sources or None, asked.language, asked.metadata)
    most = _candidates(asked)
    hits: dict[str, list[retrieval.Hit]] = {}
    if vector is not None:
        hits["vector"] = await retrieval.by_vector(tx, corpus, vector, where, most)
    if asked.mode != "vector":
        configurations = [configuration(asked.language)] if asked.language else corpus.configurations
        hits["text"] = await retrieval.by_text(tx, corpus, query, configurations, where, most)
    ranked = fused({part: [hit.key for hit in found] for part, found in hits.items()})[: asked.top_k]
    scores: dict[Key, dict[str, float]] = {one.key: {} for one in ranked}
    for part, found in hits.items():
        for hit in found:
            if hit.key in scores:
                scores[hit.key][part] = hit.score
    passages = await retrieval.passages(tx, corpus, list(scores))
    return [_found(one, scores[one.key], passages[one.key], asked.mode) for one in ranked]


def _found(one: Ranked, scores: Mapping[str, float], passage: retrieval.Passage, mode: Mode) -> Found:
    """Of one ranking alone its own score says more than a sum of reciprocal places."""
    return Found(passage, one.score if mode == "hybrid" else scores[mode], scores, one.places)
