"""The declaration of a workspace: strict, complete with its defaults, and the same text for the same meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
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
from millrace.workspace.section import Section
from millrace.workspace.sources import Sources, known_kinds, of_history, purposes_of
from millrace.workspace.spec.card import Card
from millrace.workspace.spec.corpora import Corpus
from millrace.workspace.spec.data import Data
from millrace.workspace.spec.features import Feature, Target
from millrace.workspace.spec.names import Column, Name, Word
from millrace.workspace.spec.rollout import Rollout
from millrace.workspace.spec.serving import Monitor, Serve
from millrace.workspace.spec.speaking import Decoding, Prompt
from millrace.workspace.spec.suites import Suites
from millrace.workspace.spec.training import Feedback, Labels, Train
from millrace.workspace.tasks import Task, task_named, tasks


class Workspace(Section):
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
    prompt: Prompt = Prompt()
    decoding: Decoding = Decoding()
    data: Data = Data()
    sources: Sources = Field(default_factory=dict)
    feedback: Feedback = Feedback()
    train: Train
    gate: Annotated[tuple[ConditionText, ...], Field(strict=False, max_length=20)]
    suites: Suites = Field(default_factory=dict)
    rollout: Rollout
    monitor: Monitor
    serve: Serve = Serve()
    corpora: dict[Name, Corpus] = Field(default_factory=dict, max_length=50)
    card: Card = Card()
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
        target = declared.get("target")
        kind = target.get("kind") if isinstance(target, Mapping) else None
        return merged(task_named(task).of(kind).defaults, declared)

    @model_serializer(mode="wrap")
    def _of_the_task(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key not in self.meaning.lacks}

    @property
    def meaning(self) -> Task:
        """What the task's name stands for."""
        return task_named(self.task).of(self.target.kind if self.target else None)

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

    @property
    def histories(self) -> frozenset[str]:
        """Sources that may say since when they have known what they tell."""
        return frozenset(name for name, source in self.sources.items() if of_history(source))

    def lane_key(self, id: str) -> str:
        return lane_key(self.workspace, id, self.lanes)


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `under`, mapping by mapping; lists and scalars are replaced whole."""
    both = {key: value for key, value in under.items() if key not in over}
    for key, value in over.items():
        below = under.get(key)
        both[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return both
