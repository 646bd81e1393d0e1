"""What a task can honour: which metrics a condition may name in one place, and what may stand right of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from millrace.workspace.conditions import Baseline, Condition, Metric
from millrace.workspace.problems import nearest


@dataclass(frozen=True)
class Allowed:
    """What may be asked of one metric. `factors` and `offsets` are inclusive ranges of the right side."""

    operators: tuple[str, ...]
    baselines: tuple[str, ...] = ("production",)
    metrics: tuple[str, ...] = ()
    constant: bool = False
    factors: tuple[float, float] = (1.0, 1.0)
    offsets: tuple[float, float] = (0.0, 0.0)
    example: str = ""


@dataclass(frozen=True)
class Refusal:
    expected: str
    nearest: str | None = None


@dataclass(frozen=True)
class Scope:
    """The metrics that may stand left in one place of the file (`gate`, `rollout.harm`), by their text."""

    metrics: Mapping[str, Allowed] = field(default_factory=dict)

    def refusal(self, condition: Condition) -> Refusal | None:
        """Why a condition can't be honoured here, or None when it can."""
        left = str(condition.left)
        allowed = self.metrics.get(left)
        if allowed is None:
            known = ", ".join(self.metrics)
            return Refusal(f"{left!r} can't be judged here; one of {known}", nearest(left, self.metrics))
        if condition.op not in allowed.operators:
            return Refusal(f"{left} with {' or '.join(allowed.operators)}, not {condition.op}")
        return _right(condition, allowed)


def _right(condition: Condition, allowed: Allowed) -> Refusal | None:
    left, right = str(condition.left), condition.right
    if right.of is None:
        return None if allowed.constant else Refusal(f"{left} against {_choices(allowed)}, not a constant")
    if isinstance(right.of, Baseline) and right.of.name not in allowed.baselines:
        return Refusal(f"{left} against {_choices(allowed)}, not {right.of}")
    if isinstance(right.of, Metric) and (right.of == condition.left or str(right.of) not in allowed.metrics):
        choices = [name for name in (*allowed.baselines, *allowed.metrics) if name != left]
        return Refusal(f"{left} against {_choices(allowed)}, not {right.of}", nearest(str(right.of), choices))
    low, high = allowed.factors
    if not low <= right.factor <= high:
        return Refusal(f"a factor {_span(low, high)} for {left}, such as {allowed.example!r}")
    low, high = allowed.offsets
    if not low <= right.offset <= high:
        return Refusal(f"a margin {_span(low, high)} for {left}, such as {allowed.example!r}")
    return None


def _choices(allowed: Allowed) -> str:
    constant = ("a number",) if allowed.constant else ()
    return " or ".join((*allowed.baselines, *(("another suite",) if allowed.metrics else ()), *constant))


def _span(low: float, high: float) -> str:
    return f"of {low:g}" if low == high else f"from {low:g} to {high:g}"
