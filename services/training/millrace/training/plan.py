"""What a cycle's runs share, fixed when they are planned: a later declaration does not reach into them."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from millrace.chassis import Transaction
from millrace.training.declared import Declared


@dataclass(frozen=True, slots=True)
class Plan:
    """`metric` picks, higher is better but where `lower` is. Budgets in seconds: of one run, and of its fine-tuning; so
    is `checkpoint`. `declared` are sections of the declaration that learning is told."""

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

    @classmethod
    def of(cls, declared: Declared) -> "Plan":
        spec = declared.spec
        budget, task = spec.train.budget, spec.meaning
        told = spec.plain()
        return cls(
            revision=declared.revision,
            task=spec.task,
            metric=task.metrics[0],
            lower=task.metrics[0] in task.lower,
            seed=spec.train.seed,
            budget=budget.total_seconds(),
            finetune_budget=(spec.train.finetune_budget or budget).total_seconds(),
            start=spec.train.start,
            device=spec.train.device,
            precision=spec.train.precision,
            accumulate=spec.train.accumulate,
            checkpoint=spec.train.checkpoint.total_seconds(),
            serve={} if "serve" in task.lacks else spec.serve.model_dump(mode="json", exclude_none=True),
            declared={section: told[section] for section in task.asks},
        )


PLAN = TypeAdapter(Plan)


async def keep(tx: Transaction, cycle_id: UUID, plan: Plan) -> None:
    await tx.execute("UPDATE cycles SET plan = $2 WHERE id = $1", cycle_id, PLAN.dump_json(plan).decode())


async def load(tx: Transaction, cycle_id: UUID) -> Plan:
    return PLAN.validate_json(await tx.fetchval("SELECT plan FROM cycles WHERE id = $1", cycle_id))
