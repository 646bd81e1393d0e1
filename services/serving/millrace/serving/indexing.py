"""From kept documents to revisions that wait for their vectors, whichever way the events come."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from millrace.chassis import Table, Transaction, erasure
from millrace.events import Cause, DocumentKept
from millrace.learn import bases
from millrace.serving.store import retrieval
from millrace.workspace import Corpus, Workspace

A_JOB = 32
"""Documents that one job embeds: some seconds of work, so that workspaces take turns."""

KIND = "embed"


async def take(events: Sequence[DocumentKept], tx: Transaction, specs: Table[Workspace]) -> None:
    """Takes documents into the corpora of their sources. Raises Unknown for an undeclared workspace."""
    by_workspace: defaultdict[str, list[DocumentKept]] = defaultdict(list)
    for event in events:
        by_workspace[event.workspace].append(event)
    for name in sorted(by_workspace):
        spec = await specs.get(name)
        if spec.corpora:
            await _take(by_workspace[name], tx, spec)


async def _take(events: Sequence[DocumentKept], tx: Transaction, spec: Workspace) -> None:
    retired = await retrieval.buried(tx, spec.workspace, {event.document_id for event in events})
    standing = await erasure.standing(
        tx,
        events,
        lambda event: erasure.About(event.workspace, event.subject, event.known_at),
        ended=lambda event: retired.get(event.document_id),  # its tombstone came first
    )
    wanted = {name: [e for e in standing if takes(corpus, e)] for name, corpus in spec.corpora.items()}
    opened: dict[str, retrieval.Corpus] = {}
    for base in sorted({corpus.base for corpus in spec.corpora.values()}):
        names = [name for name, corpus in spec.corpora.items() if corpus.base == base and wanted[name]]
        opened = await retrieval.open_corpora(tx, spec.workspace, names, bases.named(base).dimensions)
    locked = await retrieval.lock(tx, [corpus.id for corpus in opened.values()])
    ids: list[int] = []
    for corpus in locked.values():
        declared, taken = spec.corpora.get(corpus.name), wanted.get(corpus.name, [])
        languages = [language(declared, event) for event in taken] if declared else []
        added = await retrieval.append(tx, corpus, taken, languages)
        await retrieval.leave(tx, corpus, _moved(events, added))
        ids += added.values()
    await schedule(tx, ids, spec.workspace, events[-1])


def _moved(events: Sequence[DocumentKept], added: Collection[retrieval.Place]) -> dict[str, DocumentKept]:
    """Documents of which nothing from before an event may stand here: what comes instead is elsewhere, or held already.

    What is replaced by a revision that waits here is found until that is.
    """
    moved: dict[str, DocumentKept] = {}
    for event in events:
        if retrieval.place_of(event) not in added:
            moved |= dict.fromkeys(filter(None, (event.document_id, event.replaces)), event)
    return moved


def takes(corpus: Corpus, event: DocumentKept) -> bool:
    """Whether a document is one of a corpus's. One whose language nobody looked at is."""
    return event.source in corpus.sources and (
        not corpus.languages or event.language is None or event.language in corpus.languages
    )


def language(corpus: Corpus, event: DocumentKept) -> str | None:
    """A document's own, or the corpus's where that has but one."""
    return event.language or (corpus.languages[0] if len(corpus.languages) == 1 else None)


def shape(corpus: Corpus) -> str:
    """How documents of a corpus are cut and embedded: those of another shape are done anew."""
    return f"{corpus.base}/{corpus.chunk.words}/{corpus.chunk.overlap}"


async def schedule(tx: Transaction, ids: Sequence[int], workspace: str, cause: Cause, *, turn: str = "") -> None:
    """Jobs that give revisions their vectors; `turn` tells a second one for the same from the first."""
    for start in range(0, len(ids), A_JOB):
        some = list(ids[start : start + A_JOB])
        key = f"{workspace}/{some[0]}{turn}"
        await tx.schedule(KIND, key=key, workspace=workspace, cause=cause, payload={"ids": some})
