"""The memory of a process at its height, and of those that it starts.

Not `ru_maxrss`: a process begins with the one of whoever started it, which hides what it takes itself.
"""

import gc
import threading
from pathlib import Path
from typing import Self

import psutil

RESET = "5"
"""What makes Linux begin anew with a process's peak."""


def peak(of: str = "self", what: str = "VmHWM") -> int:
    """Bytes."""
    lines = Path(f"/proc/{of}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:"))


class Watch:
    """While it is open: by how much this process rose, its `peak`, and the highest of a process that it started."""

    def __init__(self) -> None:
        self.rose = self.peak = self.child = 0
        self._began = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        gc.collect()
        Path("/proc/self/clear_refs").write_text(RESET)
        self._began = peak(what="VmRSS")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.peak = peak()
        self.rose = self.peak - self._began

    def _look(self) -> None:
        me = psutil.Process()
        while not self._ended.wait(0.02):
            for child in me.children(recursive=True):
                try:
                    self.child = max(self.child, peak(str(child.pid)))
                except (OSError, StopIteration):
                    continue  # it has ended
