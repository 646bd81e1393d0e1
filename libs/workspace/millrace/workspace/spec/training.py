"""What may be answered, what is learned from and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from millrace.workspace.quantities import Duration
from millrace.workspace.section import Section, unique
from millrace.workspace.spec.names import Label, Words


class Labels(Section):
    """`names` may be answered; a label outside them is quarantined, or admitted once `min_examples` of it are kept."""

    names: Annotated[tuple[Label, ...], Field(strict=False, min_length=2, max_length=1000)]
    new: Literal["quarantine", "admit"] = "quarantine"
    min_examples: Annotated[int, Field(ge=1, le=100_000)] = 30

    _once = field_validator("names")(unique)


class Feedback(Section):
    """Labels younger than `delay` are not judged by; feedback waits `wait` for its prediction."""

    delay: Duration = timedelta(minutes=10)
    wait: Duration = timedelta(days=7)
    trusted: Words = ("agent", "system")

    _once = field_validator("trusted")(unique)


class Triggers(Section):
    """What opens a cycle; null or false turns one off."""

    drift: bool = True
    new_documents: Annotated[int, Field(ge=1)] | None = 2000
    schedule: Literal["hourly", "daily", "weekly", "monthly"] | None = "weekly"


class Train(Section):
    """`finetune_budget` ends one fine-tuning, which is then judged as it is; null leaves it the whole `budget`.

    A fine-tuning starts from the base, or with `start: production` from the encoder that is in production. On `device`
    gpu a run fails where there is none, on gpu-if-there it goes on without. `precision` is that of the products of a
    forward; `accumulate` the parts that a batch is computed in, which need less memory at once; every `checkpoint` a
    run's state is put where another worker takes it up.
    """

    bases: Words
    methods: Words
    trials: Annotated[int, Field(ge=1, le=1000)] = 6
    window: Literal["since-change", "all"] = "since-change"
    replay: Annotated[float, Field(ge=0, le=1)] = 1.0
    min_labels: Annotated[int, Field(ge=1)] = 200
    on: Triggers = Triggers()
    budget: Duration = timedelta(minutes=20)
    finetune_budget: Duration | None = None
    start: Literal["base", "production"] = "base"
    device: Literal["cpu", "gpu", "gpu-if-there"] = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    accumulate: Annotated[int, Field(ge=1, le=32)] = 1
    checkpoint: Duration = timedelta(minutes=1)
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 7

    _once = field_validator("bases", "methods")(unique)

    @field_validator("finetune_budget")
    @classmethod
    def _within(cls, value: timedelta | None, info: Any) -> timedelta | None:
        if value is not None and value > info.data.get("budget", value):
            raise PydanticCustomError("budget", "at most train.budget")
        return value
