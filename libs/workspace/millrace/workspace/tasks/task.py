"""The shape of a task: what its name means for a declaration, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from millrace.workspace.scopes import Allowed, Scope

HARM = Scope(
    {
        "error_rate": Allowed(operators=("<=", "<"), offsets=(0.0, 1.0), example="error_rate <= production + 0.02"),
        "latency.p99": Allowed(operators=("<=", "<"), factors=(1.0, 100.0), example="latency.p99 <= 1.5 * production"),
        "feedback.negative": Allowed(
            operators=("<=", "<"), offsets=(0.0, 1.0), example="feedback.negative <= production + 0.05"
        ),
    }
)
"""What a canary of any task can be seen to do: fail, be slow, displease."""
HARMLESS = tuple(allowed.example for allowed in HARM.metrics.values())
"""What a file asks of a canary where it says nothing."""


@dataclass(frozen=True)
class Task:
    """`defaults` has the shape of the file; what a team declares is laid over it, key by key.

    `needs` are the sections that a team has to declare; `lacks` those that mean nothing to this task, each with why. A
    task without methods has no models yet: no cycle is opened for it, and nothing is predicted. `bases` are those of
    the release; of those that a team added, the ones of `base_kinds` may be named too. `idle` are keys within sections
    that mean nothing to it, dotted, each with why. `asks` are the sections that learning is told. Of metrics in `lower`
    less is better. Where what is predicted has a kind, `kinds` says what the task is for each.
    `pipeline_tag` is what the Hugging Face hub calls the task.
    `suite_kinds` are those of the suites that a team may declare; `imports` the forms of models made elsewhere.
    With `answers` what is predicted is words of its own: the label of a text is an answer to it, and none of a list.
    A label has at most `longest` characters. Metrics in `paired` are measured beside production.
    """

    name: str
    needs: tuple[str, ...]
    lacks: Mapping[str, str]
    suites: tuple[str, ...]
    metrics: tuple[str, ...]
    gate: Scope
    shadow: Scope
    harm: Scope
    signals: tuple[str, ...]
    detectors: tuple[str, ...]
    methods: tuple[str, ...]
    bases: tuple[str, ...]
    base_kinds: tuple[str, ...]
    defaults: Mapping[str, Any]
    suite_kinds: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    answers: bool = False
    longest: int = 100
    paired: tuple[str, ...] = ()
    pipeline_tag: str | None = None
    idle: Mapping[str, str] = field(default_factory=dict)
    asks: tuple[str, ...] = ()
    lower: tuple[str, ...] = ()
    kinds: Mapping[str, Task] = field(default_factory=dict)

    def of(self, kind: object) -> Task:
        """What the task is for a kind of target; itself where it makes no difference."""
        return self.kinds.get(kind, self) if isinstance(kind, str) else self

    @property
    def modelled(self) -> bool:
        """Whether models of this task can be trained and served."""
        return bool(self.methods)
