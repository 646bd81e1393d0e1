"""Runs in Postgres."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from millrace.chassis import Transaction
from millrace.events import Deployment, RunSummary
from millrace.training.domain import ENDED, Candidate, Run


@dataclass(frozen=True, slots=True)
class Made:
    """What a run left in S3."""

    artifact: str
    digest: str
    labels: list[str]
    scores: dict[str, float]
    bytes: int
    seconds: float
    stopped: str
    resumed_from: int | None
    environment: dict[str, str]
    parameters: dict[str, Any]
    measured: dict[str, float]
    cost: float | None


async def queue(
    tx: Transaction, workspace: str, cycle_id: UUID, candidates: Sequence[Candidate], *, first: int = 1
) -> None:
    await tx.executemany(
        """INSERT INTO runs (id, cycle_id, workspace, number, method, base, untrusted, asked, state)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'queued') ON CONFLICT DO NOTHING""",
        [
            (c.run_id, cycle_id, workspace, n, c.method, c.base, c.untrusted, json.dumps(dict(c.settings)))
            for n, c in enumerate(candidates, first)
        ],
    )


async def start(tx: Transaction, run_id: UUID) -> asyncpg.Record | None:
    """The run with its cycle's dataset; None where the cycle is past its training or the run has ended."""
    return await tx.fetchrow(
        """UPDATE runs r SET state = 'running', claims = claims + 1, started_at = coalesce(r.started_at, $2)
           FROM cycles c WHERE r.id = $1 AND c.id = r.cycle_id AND c.state = 'training'
               AND r.state IN ('queued', 'running')
           RETURNING r.*, c.dataset, c.manifest""",
        run_id,
        tx.now,
    )


async def advance(
    tx: Transaction, run_id: UUID, *, stage: str, step: int, steps: int | None, loss: float | None, seconds: float
) -> bool:
    """Writes how far a run is; False where its cycle is past its training."""
    done = await tx.execute(
        """UPDATE runs r SET stage = $2, step = $3, steps = $4, loss = $5, seconds = $6
           FROM cycles c WHERE r.id = $1 AND c.id = r.cycle_id AND c.state = 'training'""",
        run_id,
        stage,
        step,
        steps,
        loss,
        seconds,
    )
    return done == "UPDATE 1"


async def keep_point(tx: Transaction, run_id: UUID, *, step: int, loss: float, seconds: float) -> None:
    """Of a step that is taken again after a checkpoint the later one stays."""
    await tx.execute(
        """INSERT INTO points (run_id, step, loss, seconds) VALUES ($1, $2, $3, $4)
           ON CONFLICT (run_id, step) DO UPDATE SET loss = $3, seconds = $4""",
        run_id,
        step,
        loss,
        seconds,
    )


async def keep_parameters(tx: Transaction, run_id: UUID, parameters: Mapping[str, Any]) -> None:
    """What a run is told to do; what its method adds comes with its end."""
    await tx.execute("UPDATE runs SET parameters = $2 WHERE id = $1", run_id, json.dumps(parameters))


async def keep_checkpoint(tx: Transaction, run_id: UUID, prefix: str, step: int) -> str | None:
    """Where a run goes on from; gives the place before, which is now nobody's."""
    before: str | None = await tx.fetchval("SELECT checkpoint FROM runs WHERE id = $1 FOR UPDATE", run_id)
    await tx.execute("UPDATE runs SET checkpoint = $2, checkpoint_step = $3 WHERE id = $1", run_id, prefix, step)
    return before


async def trained(tx: Transaction, run_id: UUID, made: Made) -> None:
    await tx.execute(
        """UPDATE runs SET state = 'trained', ended_at = $2, artifact = $3, digest = $4, labels = $5, scores = $6,
               bytes = $7, seconds = $8, stopped = $9, resumed_from = $10, environment = $11,
               parameters = $12, measured = $13, cost = $14 WHERE id = $1""",
        run_id,
        tx.now,
        made.artifact,
        made.digest,
        made.labels,
        json.dumps(made.scores),
        made.bytes,
        made.seconds,
        made.stopped,
        made.resumed_from,
        json.dumps(made.environment),
        json.dumps(made.parameters),
        json.dumps(made.measured),
        made.cost,
    )


async def failed(tx: Transaction, run_id: UUID, reason: str, *, state: str = "failed") -> None:
    """Ended without a model: failed, or pruned."""
    await tx.execute(
        "UPDATE runs SET state = $4, ended_at = $2, failed = $3 WHERE id = $1", run_id, tx.now, reason, state
    )


async def put_off(tx: Transaction, run_id: UUID) -> None:
    """It goes on another day, from its checkpoint."""
    await tx.execute("UPDATE runs SET state = 'queued' WHERE id = $1 AND state = 'running'", run_id)


async def load(tx: Transaction, run_id: UUID) -> asyncpg.Record | None:
    return await tx.fetchrow("SELECT * FROM runs WHERE id = $1", run_id)


async def lock(tx: Transaction, cycle_id: UUID) -> bool:
    """Of two runs that end at once the second sees the first. Whether their cycle still trains."""
    return bool(await tx.fetchval("SELECT state FROM cycles WHERE id = $1 FOR UPDATE", cycle_id) == "training")


async def all_ended(tx: Transaction, cycle_id: UUID) -> bool:
    left: int = await tx.fetchval(
        "SELECT count(*) FROM runs WHERE cycle_id = $1 AND state <> ALL($2)", cycle_id, list(ENDED)
    )
    return left == 0


async def any_trained(tx: Transaction, cycle_id: UUID) -> bool:
    return bool(
        await tx.fetchval("SELECT EXISTS (SELECT FROM runs WHERE cycle_id = $1 AND state = 'trained')", cycle_id)
    )


async def queued(tx: Transaction, cycle_id: UUID) -> list[UUID]:
    rows = await tx.fetch("SELECT id FROM runs WHERE cycle_id = $1 AND state = 'queued'", cycle_id)
    return [row["id"] for row in rows]


async def keep_judgement(tx: Transaction, run_id: UUID, quarter: int, score: float) -> None:
    await tx.execute(
        """INSERT INTO judgements (run_id, quarter, score) VALUES ($1, $2, $3)
           ON CONFLICT (run_id, quarter) DO UPDATE SET score = $3""",
        run_id,
        quarter,
        score,
    )


async def searched(tx: Transaction, cycle_id: UUID, why: str) -> None:
    """Why a search asks for no more trials."""
    await tx.execute("UPDATE cycles SET searched = coalesce(searched, $2) WHERE id = $1", cycle_id, why)


async def of_cycle(tx: Transaction, cycle_id: UUID) -> list[asyncpg.Record]:
    return await tx.fetch("SELECT * FROM runs WHERE cycle_id = $1 ORDER BY number", cycle_id)


async def chosen(tx: Transaction, run_id: UUID, *, picked: bool, why: str) -> None:
    await tx.execute("UPDATE runs SET picked = $2, why = $3 WHERE id = $1", run_id, picked, why)


async def deployment(tx: Transaction, run_id: UUID) -> Deployment:
    """What a run made, as what another may be made from."""
    row = await tx.fetchrow("SELECT workspace, artifact, digest, labels FROM runs WHERE id = $1", run_id)
    assert row is not None
    version = f"run {run_id}"
    return Deployment(
        version=version, task="", parameters={}, **{name: row[name] for name in ("artifact", "digest", "labels")}
    )


def as_run(row: asyncpg.Record) -> Run:
    return Run(
        Candidate(row["id"], row["method"], row["base"], row["untrusted"], json.loads(row["asked"])),
        row["state"],
        json.loads(row["scores"]),
        row["bytes"],
        row["seconds"],
        row["failed"],
    )


def summary(row: asyncpg.Record) -> RunSummary:
    return RunSummary(
        run_id=str(row["id"]),
        method=row["method"],
        base=row["base"],
        scores=json.loads(row["scores"]),
        seconds=row["seconds"],
        failed=row["failed"],
        untrusted=row["untrusted"],
    )
