"""ADWIN: an adaptive window over the stream, cut wherever two parts of it differ too much to be chance."""

from base64 import b64decode, b64encode
from typing import Any, ClassVar, Self
from zlib import crc32

from river.drift.adwin import AdaptiveWindowing

from millrace.drift.detectors.detector import Detector, Ring, StateCorrupt


class Adwin(Detector):
    """river's ADWIN, whose window outlives an improvement: as in the paper, only what came before it is dropped.

    `level` is delta, the confidence of a cut. After a ring it starts anew, as river's does. (Bifet and Gavaldà,
    "Learning from time-changing data with adaptive windowing", SDM 2007.)

    >>> import random
    >>> draw = random.Random(7).random
    >>> adwin = Adwin(0.002)
    >>> for i in range(1000):
    ...     if ring := adwin.update(float(draw() < (0.08 if i < 600 else 0.35))):
    ...         print(i, ring.width, round(ring.before, 2), round(ring.after, 2))
    671 416 0.09 0.15
    """

    name: ClassVar[str] = "adwin"
    # delta, clock, max_buckets, min_window_length, grace_period: river's defaults but for delta
    SHAPE: ClassVar[tuple[int, int, int, int]] = (32, 5, 5, 10)

    def __init__(self, level: float) -> None:
        self.level = level
        self._window = AdaptiveWindowing(level, *self.SHAPE)

    def update(self, value: float) -> Ring | None:
        width, total = self._window.get_width(), self._window.get_total()
        if not self._window.update(value):
            return None
        kept = self._window.get_width()
        dropped = width + 1 - kept
        before = (total + value - self._window.get_total()) / dropped
        after = self._window.get_total() / kept
        if after <= before:
            return None
        self._window = AdaptiveWindowing(self.level, *self.SHAPE)
        return Ring(int(kept), int(width) + 1, before, after)

    def state(self) -> dict[str, Any]:
        _, (_, *shape), window, *_ = self._window.__reduce_ex__(2)
        return {
            "detector": self.name,
            "level": self.level,
            "shape": shape,
            "window": b64encode(window).decode(),
            "crc": crc32(window),
        }

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Self:
        """The compiled window takes its own bytes back: plain numbers read by type, so nothing in them can run.

        It panics on bytes that were cut short, hence the checksum.
        """
        window = b64decode(state["window"], validate=True)
        if crc32(window) != state["crc"]:
            raise StateCorrupt("the checksum of ADWIN's window does not match")
        restored = cls(state["level"])
        restored._window = AdaptiveWindowing(*state["shape"])
        restored._window.__setstate__(window)
        return restored
