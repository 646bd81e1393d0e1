"""What a change detector is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self


class StateCorrupt(Exception):
    """A detector's stored state can't be read."""


@dataclass(frozen=True, slots=True)
class Ring:
    """A worsening: over the last `width` values, the ringing one included, the mean rose from `before` to `after`.

    `reach` is how many values back the detector looked: `width` and those that it held them against.
    """

    width: int
    reach: int
    before: float
    after: float


class Detector(ABC):
    """Rings when the mean of a stream rises. `level` sets how readily; what it means is the detector's own.

    After a ring it starts anew: what it held is known to be old.
    """

    name: ClassVar[str]
    level: float

    @abstractmethod
    def __init__(self, level: float) -> None: ...

    @abstractmethod
    def update(self, value: float) -> Ring | None:
        """Take the next value, from 0 to 1, higher being worse."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything it knows, as JSON values, bounded in size whatever the length of the stream."""

    @classmethod
    @abstractmethod
    def restore(cls, state: dict[str, Any]) -> Self: ...
