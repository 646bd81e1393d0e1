"""A model that was made elsewhere becomes a version: by a cycle by hand, whose one run brings it in."""

from functools import partial
from typing import Annotated, Any
from uuid import uuid5

from fastapi import APIRouter, Header, Request
from pydantic import Field, StringConstraints

from millrace.chassis import Blobs, Clock, Database, Table, command
from millrace.chassis.people import People
from millrace.chassis.signing import Signed
from millrace.learn.importing import differ
from millrace.training import domain, imports, turns
from millrace.training.declared import Declared
from millrace.training.turns import MOVES

Key = Annotated[str | None, Header(alias="Idempotency-Key")]
Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99})?$")
]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Importing(Signed):
    """`files` are the names and sizes of what was uploaded, `digest` that of all together, as `millrace import` takes
    them; `labels` name the outputs in their order."""

    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    form: str = Field(min_length=1, max_length=100)
    source: str = Field(min_length=1, max_length=200, description="where it comes from")
    files: dict[Name, Annotated[int, Field(ge=0)]] = Field(min_length=1, max_length=imports.MOST_FILES)
    licence: str = Field(default="", max_length=100)
    labels: list[Label] = Field(default_factory=list, max_length=1000)
    note: str = Field(default="", max_length=2000)


def router(
    db: Database, blobs: Blobs, *, specs: Table[Declared], clock: Clock, people: People, most_mb: int
) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/workspaces/{name}/import", status_code=202)
    async def bring_in(name: str, asked: Importing, request: Request, key: Key = None) -> dict[str, Any]:
        """All that speaks against it is said before the files are asked for."""
        await db.admit()
        declared = await specs.get(name)
        _refuse(name, declared, asked, most_mb)
        cause = command(now=clock.now(), key=f"import/{name}/{key}" if key else None)
        ask = _ask(asked, people.who(request, asked.by), cause.id, cause.occurred_at)
        place = imports.prefix(name, asked.digest)
        missing = await imports.missing(blobs, place, asked.files)
        async with db.transaction(emits=MOVES) as tx:
            decide = partial(domain.by_hand, ask=ask, policy=declared.policy, now=tx.now)
            turn = await turns.take(tx, cause, name, decide)
            if missing:  # an open cycle is told first: nobody uploads for nothing
                raise domain.NotUploaded(place, len(missing))
        opened = [decision.cycle for decision in turn.decisions if isinstance(decision, domain.Opened)]
        deadline = opened[0].deadline if opened else None
        return {"workspace": name, "cycle": domain.cycle_id(ask, 1), "opened": bool(opened), "deadline": deadline}

    return router


def _refuse(name: str, declared: Declared, asked: Importing, most_mb: int) -> None:
    """Raises FormNotTaken, LabelsDiffer, ImportTooLarge. Labels that may join are compared by the run."""
    takes = declared.spec.meaning.imports
    if asked.form not in takes:
        raise domain.FormNotTaken(name, asked.form, takes)
    labels = declared.spec.labels
    if labels and labels.new == "quarantine" and (why := differ(asked.labels, labels.names)):
        raise domain.LabelsDiffer(name, why)
    imports.refuse_too_large(asked.files, most_mb)


def _ask(asked: Importing, by: str, cause_id: Any, now: Any) -> domain.Ask:
    """It learns nothing, so it waits for no rows."""
    return domain.Ask(
        id=uuid5(cause_id, "import"),
        because="hand",
        at=now,
        min_labels=0,
        methods=(domain.IMPORTED,),
        note=f"by {by}, who imports {asked.source}{f': {asked.note}' if asked.note else ''}",
        asked_by=by,
        imported=domain.Import(asked.digest, asked.source, asked.licence, tuple(asked.labels)),
    )
