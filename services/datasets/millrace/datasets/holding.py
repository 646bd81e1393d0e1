"""A job's hold on blobs that it is about to publish, which an erasure in between voids."""

from dataclasses import dataclass
from typing import Self

from millrace.chassis import Job, Transaction, Unavailable
from millrace.datasets import store


class ErasedMeanwhile(Unavailable):
    """What was read may hold rows that have to go: the job begins anew."""

    def __init__(self, workspace: str) -> None:
        super().__init__(f"rows of {workspace} were erased meanwhile")
        self.workspace = workspace


@dataclass(frozen=True, slots=True)
class Holding:
    """`turn` is that of the last erasure when the job began to read."""

    job: Job
    turn: int

    @classmethod
    async def begin(cls, job: Job) -> Self:
        async with job.transaction("begin") as tx:
            return cls(job, (await store.lock(tx, job.workspace)).erased_turn)

    def name(self, prefix: str, digest: str) -> str:
        """A blob's name: never one that an erasure is about to remove."""
        return f"{prefix}/{digest}-{self.turn}.parquet" if self.turn else f"{prefix}/{digest}.parquet"

    async def announce(self, blob: str) -> None:
        """Before a byte is put. Raises ErasedMeanwhile."""
        async with self.job.transaction("announce") as tx:
            await self.corpus(tx)
            await store.erasures.announce(tx, self.job.workspace, blob, self.turn)

    async def corpus(self, tx: Transaction) -> store.Corpus:
        """The corpus, locked. Raises ErasedMeanwhile."""
        corpus = await store.lock(tx, self.job.workspace)
        if corpus.erased_turn != self.turn:
            raise ErasedMeanwhile(corpus.workspace)
        return corpus
