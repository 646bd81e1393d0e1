"""What a cycle's runs share, fixed when they are planned: a later declaration does not reach into them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from millrace.chassis import Transaction
from millrace.training.declared import Declared
from millrace.training.domain import UNTAUGHT, Import, Range, Search
from millrace.workspace.methods import METHODS
from millrace.workspace.spec.training import Varied


@dataclass(frozen=True, slots=True)
class Plan:
    """`metric` picks, higher is better but where `lower` is. Budgets in seconds: of one run, and of its fine-tuning; so
    is `checkpoint`. `declared` are sections of the declaration that learning is told.
    `settings` are parameters of methods."""

    revision: int
    task: str
    metric: str
    seed: int
    budget: float
    finetune_budget: float
    start: str
    serve: dict[str, Any]
    device: str = "cpu"
    precision: str = "float32"
    accumulate: int = 1
    checkpoint: float = 60.0
    lower: bool = False
    declared: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, dict[str, float]] = field(default_factory=dict)
    search: Search | None = None
    imported: Import | None = None

    @classmethod
    def of(cls, declared: Declared, search: Search | None = None, imported: Import | None = None) -> "Plan":
        file = declared.spec
        budget, task = file.train.budget, file.meaning
        told = file.plain()
        return cls(
            revision=declared.revision,
            task=file.task,
            metric=task.metrics[0],
            lower=task.metrics[0] in task.lower,
            seed=file.train.seed,
            budget=budget.total_seconds(),
            finetune_budget=(file.train.finetune_budget or budget).total_seconds(),
            start=file.train.start,
            device=file.train.device,
            precision=file.train.precision,
            accumulate=file.train.accumulate,
            checkpoint=file.train.checkpoint.total_seconds(),
            serve={} if "serve" in task.lacks else file.serve.model_dump(mode="json", exclude_none=True),
            settings=_settings(file.train.settings),
            search=search,
            declared={section: told[section] for section in task.asks},
            imported=imported,
        )


def _settings(told: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Whole where they are meant so: a file's numbers are all of one kind."""
    return {
        method: {name: int(value) if METHODS[method][name].whole else value for name, value in settings.items()}
        for method, settings in told.items()
        if method in METHODS
    }


def search_of(declared: Declared, methods: Sequence[str], *, untrusted: bool) -> Search | None:
    """What the workspace asks to be searched, over some methods; None where it asks for none, or a person for
    what trains nothing."""
    train = declared.spec.train
    told = train.search
    if told is None or UNTAUGHT & {*methods}:
        return None
    return Search(
        trials=told.trials,
        parallel=told.parallel,
        methods=tuple(methods),
        bases=train.bases,
        spaces={method: _space(method, told.space) for method in methods},
        seconds=told.time.total_seconds() if told.time else None,
        cost=told.cost,
        prune=told.prune,
        untrusted=untrusted,
    )


def _space(method: str, told: Mapping[str, Varied]) -> dict[str, Range]:
    """As declared, of what the method knows; or the method's own."""
    known = METHODS.get(method, {})
    if not told:
        return {
            name: Range(one.whole, one.low, one.high, one.log)
            for name, one in known.items()
            if one.low is not None and one.high is not None
        }
    return {
        name: Range(
            known[name].whole,
            varied.low or 0.0,
            varied.high or 0.0,
            varied.log,
            tuple(int(value) if known[name].whole else value for value in varied.among),
        )
        for name, varied in told.items()
        if name in known
    }


PLAN = TypeAdapter(Plan)


async def keep(tx: Transaction, cycle_id: UUID, plan: Plan) -> None:
    await tx.execute("UPDATE cycles SET plan = $2 WHERE id = $1", cycle_id, PLAN.dump_json(plan).decode())


async def load(tx: Transaction, cycle_id: UUID) -> Plan:
    return PLAN.validate_json(await tx.fetchval("SELECT plan FROM cycles WHERE id = $1", cycle_id))
