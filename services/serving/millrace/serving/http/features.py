"""POST /v1/workspaces/{name}/features: an entity's features, as they are known at a moment"""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from millrace.chassis import Clock, Database, Malformed, Table, Unprocessable, policy_of
from millrace.features import Plan
from millrace.privacy import derived_key, entity_name
from millrace.serving import metrics, observations
from millrace.workspace import Workspace


class NoFeatures(Unprocessable):
    def __init__(self, workspace: str, task: str) -> None:
        super().__init__(f"{workspace} is of task {task} and declares no features")
        self.workspace = workspace
        self.task = task


class Asked(BaseModel):
    """`at` is now where it is not given."""

    model_config = ConfigDict(extra="forbid")
    entity: Annotated[str, Field(min_length=1, max_length=200)]
    at: AwareDatetime | None = None


def router(db: Database, clock: Clock, specs: Table[Workspace], secret: str) -> APIRouter:
    routes = APIRouter()

    @routes.post("/v1/workspaces/{name}/features")
    async def features(name: str, asked: Asked) -> dict[str, Any]:
        spec = await specs.get(name)
        plan = Plan.of(spec)
        if not plan.definitions:
            raise NoFeatures(name, spec.task)
        now = clock.now()
        at = asked.at or now
        if at > now:
            raise Malformed("at", "a moment that has come: later ones may get to know more")
        if at < now - observations.PAST:
            raise Malformed("at", "a moment of the last hour: a table of features has those before")
        entity = entity_name(asked.entity.strip(), derived_key(secret, name), policy_of(spec, secret))
        with metrics.VECTOR.time():
            async with db.reading() as tx:
                told = await observations.told(tx, name, plan, entity, at)
        return {
            "workspace": name,
            "entity": entity,
            "of": spec.entity,
            "at": at,
            "features": told.vector,
            "newest": told.newest,
            "incomplete": told.incomplete,
        }

    return routes
