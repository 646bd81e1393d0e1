"""Cycles by hand, and what is told of cycles and runs."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import uuid5

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import AwareDatetime, Field

from millrace.chassis import Clock, Database, Table, command
from millrace.chassis.people import People
from millrace.chassis.signing import Signed
from millrace.training import domain, page, reproductions, searching, spendings, store, turns
from millrace.training.declared import Declared
from millrace.training.turns import MOVES

Limit = Annotated[int, Query(ge=1, le=1000)]
Several = Annotated[list[str], Query(min_length=2, max_length=50)]
Key = Annotated[str | None, Header(alias="Idempotency-Key")]


class Training(Signed):
    """A cycle by hand. `since` cuts rows from then on; `methods` other than the workspace declares, or `declare`.

    `dataset` is a version to train on, by its name or digest: then nothing is cut.
    """

    note: str = ""
    since: AwareDatetime | None = None
    min_labels: int | None = Field(default=None, ge=0)
    methods: list[str] = Field(default_factory=list)
    dataset: str | None = Field(default=None, min_length=1, max_length=200)


def router(db: Database, *, specs: Table[Declared], clock: Clock, people: People) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/workspaces/{name}/train", status_code=202)
    async def train(name: str, asked: Training, request: Request, key: Key = None) -> dict[str, Any]:
        await db.admit()
        declared = await specs.get(name)
        if declared.policy.untrained:
            raise domain.NotTrained(name, declared.policy.untrained)
        cause = command(now=clock.now(), key=f"train/{name}/{key}" if key else None)
        asked = asked.model_copy(update={"by": people.who(request, asked.by)})
        ask = _ask(asked, declared, cause.id, cause.occurred_at)
        async with db.transaction(emits=MOVES) as tx:
            if domain.DECLARE in ask.methods and await store.deployment(tx, name) is None:
                raise domain.NothingToDeclare(name)
            decide = partial(domain.by_hand, ask=ask, policy=declared.policy, now=tx.now)
            turn = await turns.take(tx, cause, name, decide)
        opened = [decision.cycle for decision in turn.decisions if isinstance(decision, domain.Opened)]
        deadline = opened[0].deadline if opened else None
        return {"workspace": name, "cycle": domain.cycle_id(ask, 1), "opened": bool(opened), "deadline": deadline}

    @router.get("/v1/cycles")
    async def cycles(workspace: str | None = None, limit: Limit = 50) -> list[dict[str, Any]]:
        await _known(workspace, specs)
        async with db.reading() as tx:
            return await store.each_cycle(tx, workspace, limit)

    @router.get("/v1/runs")
    async def find(
        told: Response,
        workspace: str | None = None,
        where: Annotated[list[str], Query(max_length=20)] = [],  # noqa: B006
        sort: str | None = None,
        limit: Limit = 100,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> list[dict[str, Any]]:
        await _known(workspace, specs)
        asked, by = [domain.condition(text) for text in where], domain.order(sort) if sort else None
        async with db.reading() as tx:
            found, total = await searching.find(tx, workspace, asked, by, limit, offset)
        told.headers["X-Total-Count"] = str(total)
        return found

    @router.get("/v1/compared-runs")
    async def compare(run: Several) -> dict[str, Any]:
        found, same, differs = await _compared(db, run)
        return {"runs": found, "same": same, "differs": differs}

    @router.get("/v1/compared-runs.html", response_class=HTMLResponse)
    async def compare_on_a_page(run: Several) -> str:
        return page.render(*await _compared(db, run))

    @router.get("/v1/runs/{run}")
    async def show(run: str) -> dict[str, Any]:
        async with db.reading() as tx:
            return await searching.one(tx, run)

    @router.post("/v1/runs/{run}/reproductions", status_code=202)
    async def reproduce(run: str, asked: Signed, request: Request, key: Key = None) -> dict[str, Any]:
        """Makes a run again from what is kept of it, to see whether the same weights come of it."""
        await db.admit()
        cause = command(now=clock.now(), key=f"reproduce/{run}/{key}" if key else None)
        id = uuid5(cause.id, "reproduce")
        by = people.who(request, asked.by)
        async with db.transaction() as tx:
            found = await searching.one(tx, run)
            if found["state"] != "trained":
                raise domain.NothingMade(found["id"], found["failed"] or found["state"])
            await reproductions.ask(tx, id, found["id"], by)
            await tx.schedule("reproduce", key=str(id), workspace=found["workspace"], cause=cause)
            told = await reproductions.load(tx, id)
        assert told is not None
        return told

    @router.get("/v1/runs/{run}/reproductions")
    async def reproduced(run: str) -> list[dict[str, Any]]:
        async with db.reading() as tx:
            return await reproductions.each(tx, (await searching.one(tx, run))["id"])

    @router.get("/v1/budgets")
    async def budgets(workspace: str | None = None) -> list[dict[str, Any]]:
        """What runs took today, which is UTC's, and what their workspace lets them take."""
        await _known(workspace, specs)
        async with db.reading() as tx:
            taken = await spendings.each_day(tx, tx.now.date())
        declared = {name: one.daily for name, one in specs.items()}
        names = [workspace] if workspace else sorted({*taken, *(n for n, daily in declared.items() if daily.bounds)})
        nothing = domain.Limit("train.daily"), domain.Spent()
        return [
            _budget(name, declared.get(name, nothing[0]), taken.get(name, nothing[1]), clock.now()) for name in names
        ]

    @router.get("/v1/alerts")
    async def alerts(workspace: str | None = None, limit: Limit = 50) -> list[dict[str, Any]]:
        await _known(workspace, specs)
        async with db.reading() as tx:
            return await store.each_alert(tx, workspace, limit)

    return router


async def _compared(db: Database, run: list[str]) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, list[Any]]]:
    async with db.reading() as tx:
        found = [await searching.one(tx, run_id) for run_id in run]
    return found, *domain.compare(found)


def _budget(workspace: str, daily: domain.Limit, taken: domain.Spent, now: datetime) -> dict[str, Any]:
    return {
        "workspace": workspace,
        "day": now.date(),
        "until": domain.next_day(now),
        "seconds": round(taken.seconds, 3),
        "cost": round(taken.cost, 6),
        "most_seconds": daily.seconds,
        "most_cost": daily.cost,
        "spent": daily.spent(taken),
    }


async def _known(workspace: str | None, specs: Table[Declared]) -> None:
    """Raises Unknown: a name mistyped is not one of which there is nothing to tell."""
    if workspace is not None:
        await specs.get(workspace)


def _ask(asked: Training, declared: Declared, cause_id: Any, now: datetime) -> domain.Ask:
    """Raises MethodUnknown. Declaring anew trains nothing, so it waits for no rows."""
    task = declared.spec.meaning
    known = [*task.methods, *([] if "serve" in task.lacks else [domain.DECLARE])]
    for method in asked.methods:
        if method not in known:
            raise domain.MethodUnknown(method, known)
    least = 0 if asked.methods == [domain.DECLARE] and asked.min_labels is None else asked.min_labels
    return domain.Ask(
        id=uuid5(cause_id, "train"),
        because="hand",
        at=now,
        change_point=asked.since,
        min_labels=least,
        methods=tuple(asked.methods),
        dataset=asked.dataset,
        note=f"by {asked.by}{f': {asked.note}' if asked.note else ''}",
        asked_by=asked.by,
    )
