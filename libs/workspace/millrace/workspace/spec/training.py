"""What may be answered, what is learned from and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from millrace.workspace.quantities import Duration
from millrace.workspace.section import Section, unique
from millrace.workspace.spec.names import Label, Word, Words


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


Number = Annotated[float, Field(gt=0, le=1e9)]


class Varied(Section):
    """Where a search looks for a parameter: `{low, high}`, evenly over their logarithms with `log`, or a list."""

    low: Number | None = None
    high: Number | None = None
    log: bool = False
    among: Annotated[tuple[Number, ...], Field(strict=False, max_length=100)] = ()

    _once = field_validator("among")(unique)

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, declared: Any) -> Any:
        return {"among": declared} if isinstance(declared, list | tuple) else declared

    @model_validator(mode="after")
    def _whole(self) -> Varied:
        if self.among:
            if self.low is not None or self.high is not None:
                raise PydanticCustomError("range", "either low and high, or a list")
        elif self.low is None or self.high is None or self.low >= self.high:
            raise PydanticCustomError("range", "low and high with low < high, or a list of values")
        return self

    @model_serializer(mode="plain")
    def _as_declared(self) -> dict[str, Any] | list[float]:
        if self.among:
            return list(self.among)
        return {"low": self.low, "high": self.high, "log": self.log}


class Search(Section):
    """Trials of methods, bases and their parameters, so many at once, until as many are made or `time` (of all runs
    together) or `cost` is spent. `space` replaces what the methods are searched over by themselves; with `prune` a
    fine-tuning that falls behind on validation is stopped.
    """

    trials: Annotated[int, Field(ge=1, le=1000)] = 20
    parallel: Annotated[int, Field(ge=1, le=64)] = 2
    time: Duration | None = None
    cost: Annotated[float, Field(gt=0)] | None = None
    prune: bool = True
    space: dict[Word, Varied] = Field(default_factory=dict, max_length=50)


class Daily(Section):
    """The most that a workspace's runs may take together in a day (UTC); null bounds nothing."""

    time: Duration | None = None
    cost: Annotated[float, Field(gt=0)] | None = None


class Train(Section):
    """`finetune_budget` ends one fine-tuning, which is then judged as it is; null leaves it the whole `budget`.

    A fine-tuning starts from the base, or with `start: production` from the encoder that is in production. On `device`
    gpu a run fails where there is none, on gpu-if-there it goes on without. `precision` is that of the products of a
    forward; `accumulate` the parts that a batch is computed in, which need less memory at once; every `checkpoint` a
    run's state is put where another worker takes it up. `settings` are parameters of methods, by method. With `search`
    its trials take the place of `trials`.
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
    settings: dict[str, dict[str, Number]] = Field(default_factory=dict, max_length=50)
    search: Search | None = None
    daily: Daily = Daily()
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 7

    _once = field_validator("bases", "methods")(unique)

    @field_validator("finetune_budget")
    @classmethod
    def _within(cls, value: timedelta | None, info: Any) -> timedelta | None:
        if value is not None and value > info.data.get("budget", value):
            raise PydanticCustomError("budget", "at most train.budget")
        return value
