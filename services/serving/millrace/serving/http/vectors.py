"""The features of an entity as the text that a version is asked: computed now, from what is known of it."""

from millrace.chassis import Clock, Database, Malformed, policy_of
from millrace.features import Plan, written
from millrace.privacy import derived_key, entity_name
from millrace.serving import metrics, observations
from millrace.workspace import Workspace


class Vectors:
    def __init__(self, db: Database, clock: Clock, secret: str) -> None:
        self._db = db
        self._clock = clock
        self._secret = secret

    async def text(self, spec: Workspace, entity: str) -> str:
        """Raises Malformed where the workspace has no entities, Unavailable."""
        if not spec.features:
            raise Malformed("entity", f"a text: {spec.workspace} is of task {spec.task}, which has no entities")
        named = entity_name(entity.strip(), derived_key(self._secret, spec.workspace), policy_of(spec, self._secret))
        with metrics.VECTOR.time():
            async with self._db.reading() as tx:
                told = await observations.told(tx, spec.workspace, Plan.of(spec), named, self._clock.now())
        return written(told.vector)
