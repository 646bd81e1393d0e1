"""Live calls folded into a short history, for the sparklines."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from millrace.demo.facts import Call

SECONDS = 2
KEPT = 60
_BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass(slots=True)
class Beat:
    """Some seconds of calls."""

    at: int
    answers: int = 0
    confidence: float = 0.0
    labelled: int = 0
    right: int = 0


class Pulse:
    """Accuracy and mean confidence of every two seconds, the last two minutes of them."""

    def __init__(self) -> None:
        self.beats: deque[Beat] = deque(maxlen=KEPT)

    def add(self, calls: Iterable[Call]) -> None:
        for call in calls:
            if call.version is None:
                continue
            at = int(call.at.timestamp()) // SECONDS
            beat = next((beat for beat in reversed(self.beats) if beat.at == at), None)
            if beat is None:
                beat = Beat(at)
                self.beats.append(beat)
            beat.answers += 1
            beat.confidence += call.probability
            beat.labelled += call.right is not None
            beat.right += bool(call.right)

    def accuracy(self) -> list[float]:
        return [beat.right / beat.labelled for beat in self.beats if beat.labelled]

    def confidence(self) -> list[float]:
        return [beat.confidence / beat.answers for beat in self.beats]


def sparkline(values: Sequence[float], *, low: float = 0.3, high: float = 1.0) -> str:
    """One block for each value; what lies outside `low` to `high` is drawn at the edge."""
    span = high - low
    return "".join(_BLOCKS[min(7, max(0, int((value - low) / span * 8)))] for value in values)
