"""Gives revisions their chunks and vectors, some at a time; each is findable, and the one before it gone, at once."""

from collections.abc import Iterator, Sequence

from millrace.chassis import Job, Table, works
from millrace.serving import indexing, metrics
from millrace.serving.domain import Span, chunked
from millrace.serving.encoder import Encoder
from millrace.serving.store import retrieval
from millrace.workspace import Corpus, Workspace

CHUNKS = 32
"""Chunks that become findable in one commit, with what is left of their document."""


@works(indexing.KIND)
async def job_embed(job: Job, *, specs: Table[Workspace], encoder: Encoder) -> None:
    """What is embedded when a worker dies stays; the next goes on with the rest."""
    spec = await specs.get(job.workspace)
    async with job.transaction() as tx:
        waiting = await retrieval.waiting(tx, job.payload["ids"])
        held = {corpus.id: corpus.name for corpus in await retrieval.each_corpus(tx, job.workspace)}
    for id in sorted({one.corpus for one in waiting}):
        corpus = spec.corpora.get(held[id])
        if corpus is not None:  # else its documents are about to be let go of
            for some in _batches(corpus, [one for one in waiting if one.corpus == id]):
                await _publish(job, id, some, await _embedded(corpus, some, encoder))


Cut = tuple[retrieval.Waiting, list[Span]]


def _batches(corpus: Corpus, waiting: Sequence[retrieval.Waiting]) -> Iterator[list[Cut]]:
    batch: list[Cut] = []
    for one in waiting:
        batch.append((one, chunked(one.text, words=corpus.chunk.words, overlap=corpus.chunk.overlap)))
        if sum(len(spans) for _, spans in batch) >= CHUNKS:
            yield batch
            batch = []
    if batch:
        yield batch


async def _embedded(corpus: Corpus, batch: Sequence[Cut], encoder: Encoder) -> list[retrieval.Revision]:
    texts = [one.text[span.start : span.stop] for one, spans in batch for span in spans]
    vectors = iter(await encoder.passages(corpus.base, texts))
    return [
        retrieval.Revision(one.id, spans, [next(vectors) for _ in spans], indexing.shape(corpus))
        for one, spans in batch
    ]


async def _publish(job: Job, id: int, batch: Sequence[Cut], revisions: Sequence[retrieval.Revision]) -> None:
    async with job.transaction() as tx:
        corpus = (await retrieval.lock(tx, [id]))[id]
        published = await retrieval.publish(tx, corpus, revisions)
        now = tx.now
    metrics.INDEXED.labels(job.workspace, corpus.name).inc(published)
    for one, _ in batch:
        metrics.INDEX_LAG.observe(max(0.0, (now - one.known_at).total_seconds()))
