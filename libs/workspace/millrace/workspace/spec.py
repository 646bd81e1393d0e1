"""The declaration of a workspace: strict, complete with its defaults, and the same text for the same meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from millrace.workspace.conditions import ConditionText
from millrace.workspace.lanes import lane_key
from millrace.workspace.quality import Preset
from millrace.workspace.quantities import Duration, Rate
from millrace.workspace.section import Section as _Section
from millrace.workspace.section import unique as _unique
from millrace.workspace.sources import Sources, known_kinds, purposes_of
from millrace.workspace.tasks import Task, task_named, tasks

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,61}[a-z0-9]$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,99}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
Words = Annotated[tuple[Word, ...], Field(strict=False, max_length=100)]
Share = Annotated[float, Field(gt=0, lt=1)]
Value = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]
"""What observations call one of their values."""
Column = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]


class Labels(_Section):
    """`names` may be answered; a label outside them is quarantined, or admitted once `min_examples` of it are kept."""

    names: Annotated[tuple[Label, ...], Field(strict=False, min_length=2, max_length=1000)]
    new: Literal["quarantine", "admit"] = "quarantine"
    min_examples: Annotated[int, Field(ge=1, le=100_000)] = 30

    _once = field_validator("names")(_unique)


class Feature(_Section):
    """One figure of a value over a window that ends at the prediction, or the category that an entity is in.

    `over` is how far back it looks: 30 days for the last value and for a category where nothing is said. A category is
    read from the value that has the feature's own name; `unknown` is what anything else is.
    """

    count: Value | None = None
    sum: Value | None = None
    mean: Value | None = None
    min: Value | None = None
    max: Value | None = None
    std: Value | None = None
    last: Value | None = None
    distinct: Value | None = None
    category: Annotated[tuple[Label, ...], Field(strict=False, min_length=1, max_length=1000)] | None = None
    unknown: Label | None = None
    over: Duration | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, declared: Any) -> Any:
        if not isinstance(declared, Mapping):
            return declared
        filled = {"over": "30d"} if {"last", "category"} & declared.keys() else {}
        if "category" in declared:
            filled["unknown"] = "unknown"
        return filled | dict(declared)

    @model_validator(mode="after")
    def _one(self) -> Feature:
        kinds = [name for name in type(self).model_fields if name not in ("unknown", "over")]
        if sum(getattr(self, kind) is not None for kind in kinds) != 1:
            raise PydanticCustomError("kind", "exactly one of {kinds}", {"kinds": ", ".join(kinds)})
        if self.over is None:
            raise PydanticCustomError("window", "over, how far back it looks, such as 1h")
        if self.over > LONGEST_WINDOW:
            raise PydanticCustomError("window", "over at most {days}d", {"days": LONGEST_WINDOW.days})
        if self.unknown is not None and self.category is None:
            raise PydanticCustomError("unknown", "unknown beside category only")
        return self

    @model_serializer(mode="wrap")
    def _said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}


LONGEST_WINDOW = timedelta(days=366)


class Target(_Section):
    """What is predicted: the value that observations call `name`, as it is `horizon` after the prediction.

    It may be learned from if it was known within `arrives_within` of the time it is of.
    """

    name: Value
    kind: Literal["regression", "classification"]
    horizon: Duration
    arrives_within: Duration


class Duplicates(_Section):
    """`near` is the similarity from 0 to 1 at which a row is a duplicate; `semantic` that of meanings, null for none.

    A duplicate is dropped; or dropped and weighs, so that the row which stays counts for it as well; or kept.
    """

    near: Annotated[float, Field(gt=0, le=1)] = 0.8
    semantic: Annotated[float, Field(gt=0, le=1)] | None = None
    then: Literal["drop", "weight", "keep"] = "drop"


class Limit(_Section):
    """Bounds of a figure, both included."""

    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _bounds(self) -> Limit:
        if self.min is None and self.max is None:
            raise PydanticCustomError("limit", "min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise PydanticCustomError("limit", "min at most max")
        return self


class Typed(_Section):
    """What a key of `metadata` or of an observation's `values` has to be. `min` and `max` are of numbers."""

    type: Literal["text", "integer", "number", "boolean", "date", "time"] | None = None
    required: bool = False
    min: float | None = None
    max: float | None = None
    one_of: Annotated[tuple[Label, ...], Field(strict=False, min_length=1, max_length=1000)] | None = None
    pattern: str | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Typed:
        bounded = self.min is not None or self.max is not None
        if bounded and self.type not in ("integer", "number", None):
            raise PydanticCustomError("typed", "min and max only of type integer or number")
        if bounded and (self.one_of is not None or self.pattern is not None):
            raise PydanticCustomError("typed", "either min and max, or one_of and pattern")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise PydanticCustomError("typed", "min at most max")
        return self


Key = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Patterns = Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], Field(strict=False, max_length=100)]


class Quality(_Section):
    """What a record has to be beyond what every text has to be.

    `presets` are published filters, for long texts; `limits` are bounds by measure (`quality.MEASURES`), where null
    lifts one of a preset. No pattern of `deny` may match the text anywhere, each of `require` has to.
    """

    presets: Annotated[tuple[Preset, ...], Field(strict=False)] = ()
    limits: dict[str, Limit | None] = Field(default_factory=dict, max_length=100)
    metadata: dict[Key, Typed] = Field(default_factory=dict, max_length=50)
    values: dict[Key, Typed] = Field(default_factory=dict, max_length=500)
    deny: Patterns = ()
    require: Patterns = ()

    _once = field_validator("presets", "deny", "require")(_unique)


class Data(_Section):
    """What of a record is kept, and of which records.

    `pii` is what becomes of personal data: a tag, a tag that stays the same for the same address or number, or the
    record refused; `national_ids` counts those in. `trusted` and `retired` name document sources: their labels may
    train and be golden; their rows are not used. Rows known for longer than `retention` are erased; null keeps them
    for ever.
    """

    pii: Literal["redact", "pseudonymise", "reject"] = "redact"
    national_ids: bool = False
    languages: Annotated[tuple[Language, ...], Field(strict=False, max_length=50)] = ()
    duplicates: Duplicates = Duplicates()
    quality: Quality = Quality()
    purposes: Annotated[tuple[Literal["train", "evaluate"], ...], Field(strict=False, min_length=1)] = (
        "train",
        "evaluate",
    )
    trusted: Words = ()
    retired: Words = ()
    retention: Duration | None = None

    _once = field_validator("languages", "purposes", "trusted", "retired")(_unique)


class Feedback(_Section):
    """Labels younger than `delay` are not judged by; feedback waits `wait` for its prediction."""

    delay: Duration = timedelta(minutes=10)
    wait: Duration = timedelta(days=7)
    trusted: Words = ("agent", "system")

    _once = field_validator("trusted")(_unique)


class Triggers(_Section):
    """What opens a cycle; null or false turns one off."""

    drift: bool = True
    new_documents: Annotated[int, Field(ge=1)] | None = 2000
    schedule: Literal["hourly", "daily", "weekly", "monthly"] | None = "weekly"


class Train(_Section):
    """`finetune_budget` ends one fine-tuning, which is then judged as it is; null leaves it the whole `budget`.

    A fine-tuning starts from the base, or with `start: production` from the encoder that is in production.
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
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 7

    _once = field_validator("bases", "methods")(_unique)

    @field_validator("finetune_budget")
    @classmethod
    def _within(cls, value: timedelta | None, info: Any) -> timedelta | None:
        if value is not None and value > info.data.get("budget", value):
            raise PydanticCustomError("budget", "at most train.budget")
        return value


class Shadow(_Section):
    labels: Annotated[int, Field(ge=1)] = 100
    require: ConditionText


class Canary(_Section):
    """`shares` of the traffic, rising; each step needs `labels` labelled answers."""

    shares: Annotated[tuple[Share, ...], Field(strict=False, min_length=1, max_length=20)] = (0.1, 0.5)
    labels: Annotated[int, Field(ge=0)] = 50

    @field_validator("shares")
    @classmethod
    def _rising(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if any(after <= before for before, after in pairwise(shares)):
            raise PydanticCustomError("rising", "shares that rise, such as [0.1, 0.5]")
        return shares


class Rollout(_Section):
    """How a version that passed the gate reaches production; after `at_most` in a stage `otherwise` applies.

    A null shadow or canary leaves that stage out; with approval `person` someone has to say yes before production,
    with `four-eyes` somebody else than who had the version trained or asked for its promotion.
    """

    shadow: Shadow | None
    canary: Canary | None = Canary()
    harm: Annotated[tuple[ConditionText, ...], Field(strict=False, max_length=20)]
    alpha: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    at_most: Duration = timedelta(days=7)
    otherwise: Literal["roll-back", "promote"] = "roll-back"
    approval: Literal["none", "person", "four-eyes"] = "none"


class Monitor(_Section):
    """`signals` gives each watched signal its detector; in the file they stand flat, beside the two numbers."""

    signals: dict[str, str]
    min_reference: Annotated[int, Field(ge=30)] = 300
    false_alarms: Rate = Fraction(1, 50000)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, declared: Any) -> Any:
        if not isinstance(declared, Mapping) or "signals" in declared:
            return declared
        numbers = {key: value for key, value in declared.items() if key in ("min_reference", "false_alarms")}
        return {"signals": {key: value for key, value in declared.items() if key not in numbers}, **numbers}

    @model_serializer(mode="wrap")
    def _flat(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        return {**written.pop("signals"), **written}

    @property
    def watched(self) -> dict[str, str]:
        """Detector by signal, without those that are `off`."""
        return {signal: detector for signal, detector in self.signals.items() if detector != "off"}


class Serve(_Section):
    """Serving parameters that are part of a version, in tokens; `pad_to` null pads to the longest of a batch."""

    pad_to: Annotated[int, Field(ge=8, le=512)] | None = None
    max_length: Annotated[int, Field(ge=8, le=512)] = 256

    @model_validator(mode="after")
    def _fits(self) -> Serve:
        if self.pad_to is not None and self.pad_to > self.max_length:
            raise PydanticCustomError("pad_to", "pad_to at most max_length")
        return self


class Chunk(_Section):
    """The pieces that a document is found by: `words` of it at most, of which `overlap` are those before it too."""

    words: Annotated[int, Field(ge=20, le=400)] = 200
    overlap: Annotated[int, Field(ge=0, le=200)] = 40

    @model_validator(mode="after")
    def _moves_on(self) -> Chunk:
        if self.overlap > self.words // 2:
            raise PydanticCustomError("overlap", "an overlap of at most half of its words")
        return self


class Corpus(_Section):
    """Documents that can be searched: those of `sources`, in `languages` (any where none is named)."""

    sources: Annotated[Words, Field(min_length=1)]
    chunk: Chunk = Chunk()
    base: Word = "minilm"
    languages: Annotated[tuple[Language, ...], Field(strict=False, max_length=50)] = ()

    _once = field_validator("sources", "languages")(_unique)


class Workspace(_Section):
    """A whole declaration, every default filled in from `tasks/<task>.py`.

    A section that its task lacks is not written out; readers find there what says that nothing is to be done.
    """

    workspace: Name
    owner: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    task: str
    labels: Labels | None = None
    entity: Word | None = None
    features: dict[Column, Feature] = Field(default_factory=dict, max_length=500)
    target: Target | None = None
    data: Data = Data()
    sources: Sources = Field(default_factory=dict)
    feedback: Feedback = Feedback()
    train: Train
    gate: Annotated[tuple[ConditionText, ...], Field(strict=False, max_length=20)]
    rollout: Rollout
    monitor: Monitor
    serve: Serve = Serve()
    corpora: dict[Name, Corpus] = Field(default_factory=dict, max_length=50)
    record: Literal["durable", "best-effort"] = "durable"
    lanes: Annotated[int, Field(ge=1, le=64)] = 1

    @field_validator("task")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in tasks():
            raise PydanticCustomError("task", "a task that is available: {names}", {"names": ", ".join(tasks())})
        return name

    @field_validator("labels", "entity", "features", "target")
    @classmethod
    def _needed(cls, value: Any, info: ValidationInfo) -> Any:
        task = info.data.get("task")
        if not value and task and info.field_name in task_named(task).needs:
            raise PydanticKnownError("missing")
        return value

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, declared: Any) -> Any:
        task = declared.get("task") if isinstance(declared, Mapping) else None
        if not isinstance(task, str) or task not in tasks():
            return declared
        return merged(task_named(task).defaults, declared)

    @model_serializer(mode="wrap")
    def _of_the_task(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key not in self.meaning.lacks}

    @property
    def meaning(self) -> Task:
        """What the task's name stands for."""
        return task_named(self.task)

    @classmethod
    def read(cls, spec: Mapping[str, Any]) -> Workspace:
        """A published spec; keys and kinds of a newer release are ignored. Raises pydantic.ValidationError."""
        return cls.model_validate(known_kinds(spec), extra="ignore")

    def plain(self) -> dict[str, Any]:
        """JSON values only, every default written out; `read` takes it back."""
        return self.model_dump(mode="json")

    def canonical(self) -> str:
        """Canonical JSON: sorted keys, no spaces. Two files that mean the same have the same text."""
        return json.dumps(self.plain(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hex."""
        return sha256(self.canonical().encode()).hexdigest()

    def purposes_of(self, source: str) -> tuple[str, ...]:
        """What the documents of a source may serve: as it declares, or else `data.purposes`."""
        return purposes_of(self.sources.get(source), self.data.purposes)

    def lane_key(self, id: str) -> str:
        return lane_key(self.workspace, id, self.lanes)


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `under`, mapping by mapping; lists and scalars are replaced whole."""
    both = {key: value for key, value in under.items() if key not in over}
    for key, value in over.items():
        below = under.get(key)
        both[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return both
