"""What a stream was like, in bounded space: recent values one by one, older ones in ever larger blocks."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Self

UNITS = 10_000


class Block(NamedTuple):
    """`size` successive values: the position of the first in the stream, its event time (ms) and the values' sum."""

    start: int
    size: int
    at: int
    total: float


class Split(NamedTuple):
    """The stream in two: the first position of the later part, its event time (ms), and both parts' means."""

    position: int
    at: int
    before: float
    after: float


@dataclass(slots=True)
class History:
    """An exponential histogram (Datar et al. 2002): at most `WIDTH` blocks each of 1, 2, 4 ... values.

    Values are whole ten-thousandths, so that sums are exact, and the same in any grouping.
    """

    WIDTH: ClassVar[int] = 24

    levels: list[deque[tuple[int, int]]] = field(default_factory=list)
    count: int = 0

    def append(self, at: int, units: int) -> None:
        """Take the next value, in ten-thousandths, with its event time in ms."""
        self.count += 1
        block = (at, units)
        for level in self.levels:
            level.append(block)
            if len(level) <= self.WIDTH:
                return
            older, newer = level.popleft(), level.popleft()
            block = (older[0], older[1] + newer[1])
        self.levels.append(deque([block]))

    def blocks(self) -> Iterator[Block]:
        """From the oldest value to the newest, without a gap."""
        start = 0
        for power in reversed(range(len(self.levels))):
            for at, units in self.levels[power]:
                yield Block(start, 1 << power, at, units / UNITS)
                start += 1 << power

    def sharpest(self, since: int = 0) -> Split | None:
        """Where, from position `since` on, a rise of the mean explains most of the variance (binary segmentation).

        None where there is no rise. The position is exact to one part in `WIDTH` / 2 of its age.
        """
        blocks = [block for block in self.blocks() if block.start >= since]
        count, total = sum(block.size for block in blocks), sum(block.total for block in blocks)
        best: Split | None = None
        most, seen, seen_total = 0.0, 0, 0.0
        for block in blocks:
            if seen:
                before, after = seen_total / seen, (total - seen_total) / (count - seen)
                gain = seen * (count - seen) * (after - before) ** 2
                if after > before and gain > most:
                    most, best = gain, Split(block.start, block.at, before, after)
            seen, seen_total = seen + block.size, seen_total + block.total
        return best

    def state(self) -> list[list[tuple[int, int]]]:
        return [list(level) for level in self.levels]

    @classmethod
    def restore(cls, state: list[list[list[int]]]) -> Self:
        levels = [deque((at, units) for at, units in level) for level in state]
        return cls(levels, sum(len(level) << power for power, level in enumerate(levels)))
