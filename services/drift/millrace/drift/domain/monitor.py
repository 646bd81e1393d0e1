"""A monitor: one signal of one version in one lane, with all it needs to ring and to say why."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Self

from millrace.drift.detectors import Detector, Ring, restore
from millrace.drift.domain.history import UNITS, History
from millrace.drift.domain.signals import SIGNALS, Raw, Scale

RECENT = 64
EXAMPLES = 10
MOST_HELD = 2000


@dataclass(frozen=True, slots=True)
class Alarm:
    """A worsening and its evidence. `before` and `after` are means in the signal's unit, times are ms of event time.

    `statistic` is the rise on the watched scale, from 0 to 1; `examples` are ids of predictions, the worst first.
    """

    signal: str
    detector: str
    statistic: float
    before: float
    after: float
    change_at: int
    rang_at: int
    predictions: int
    since_change: int
    examples: list[str]


@dataclass(frozen=True, slots=True)
class Observation:
    """One raw value of a signal, with the prediction that it belongs to and that prediction's time (ms)."""

    raw: Raw
    at: int
    prediction_id: str


@dataclass(slots=True)
class Monitor:
    """`reference` values must be seen before it may ring; what a fitted scale needs is held back until then."""

    signal: str
    detector: Detector
    reference: int
    scale: Scale | None = None
    held: list[Observation] = field(default_factory=list)
    history: History = field(default_factory=History)
    recent: deque[tuple[str, int]] = field(default_factory=lambda: deque(maxlen=RECENT))

    @classmethod
    def new(cls, signal: str, detector: Detector, reference: int) -> Self:
        """A fitted scale's reference is cut at `MOST_HELD` values, since they are held until it is whole."""
        if SIGNALS[signal].fitted:
            return cls(signal, detector, min(reference, MOST_HELD))
        return cls(signal, detector, reference, SIGNALS[signal].fit(()))

    @property
    def seen(self) -> int:
        return self.history.count + len(self.held)

    def observe(self, observation: Observation) -> Alarm | None:
        """Take the next value. Returns the alarm if it rings, which it never does among the first `reference`."""
        if self.scale is None:
            self.held.append(observation)
            if len(self.held) >= self.reference:
                self.scale = SIGNALS[self.signal].fit([held.raw for held in self.held])
                held, self.held = self.held, []
                for earlier in held:
                    self._take(earlier, self.scale)
            return None
        ring = self._take(observation, self.scale)
        return self._alarm(ring, observation.at, self.scale) if ring and self.history.count > self.reference else None

    def _take(self, observation: Observation, scale: Scale) -> Ring | None:
        value = round(scale.worse(observation.raw) * UNITS)
        self.history.append(observation.at, value)
        self.recent.append((observation.prediction_id, value))
        return self.detector.update(value / UNITS)

    def _alarm(self, ring: Ring, at: int, scale: Scale) -> Alarm | None:
        split = self.history.sharpest(since=self.history.count - ring.reach)
        if split is None:
            return None
        since_change = self.history.count - split.position
        moved = sorted(list(self.recent)[-since_change:], key=lambda one: -one[1])[:EXAMPLES]
        return Alarm(
            signal=self.signal,
            detector=self.detector.name,
            statistic=split.after - split.before,
            before=scale.natural(split.before),
            after=scale.natural(split.after),
            change_at=split.at,
            rang_at=at,
            predictions=self.history.count,
            since_change=since_change,
            examples=[prediction_id for prediction_id, _ in moved],
        )

    def state(self) -> dict[str, Any]:
        """Everything, as JSON values; `restore` decides on as this would have."""
        return {
            "signal": self.signal,
            "detector": self.detector.state(),
            "reference": self.reference,
            "scale": self.scale.state() if self.scale else None,
            "held": [[held.raw, held.at, held.prediction_id] for held in self.held],
            "history": self.history.state(),
            "recent": list(self.recent),
        }

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Self:
        """Raises StateCorrupt."""
        scale = state["scale"]
        return cls(
            signal=state["signal"],
            detector=restore(state["detector"]),
            reference=state["reference"],
            scale=None if scale is None else SIGNALS[state["signal"]].restore(scale),
            held=[Observation(*held) for held in state["held"]],
            history=History.restore(state["history"]),
            recent=deque(((name, value) for name, value in state["recent"]), maxlen=RECENT),
        )
