"""Keeps one process running."""

import threading
import time
from typing import Literal

from .errors import StackError
from .part import Part

State = Literal["waiting", "starting", "ready", "failed", "stopped"]

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
CALM = 30.0
"""Seconds of life after which a process is believed again and its back-off forgotten."""


class Keeper:
    """A thread around one part: starts it, watches it, starts it again with growing pauses when it dies."""

    def __init__(self, part: Part, *, running: bool = False) -> None:
        self.part = part
        self.state: State = "ready" if running else "waiting"
        self.restarts = 0
        self.because = ""
        self._running = running
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"keep-{part.name}", daemon=True)

    def start(self) -> None:
        """Begin to keep it; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the part and the thread."""
        self._stopping.set()
        while self._thread.is_alive():  # a start under way may still bring a child
            self.part.stop()
            self._thread.join(0.1)
        self.part.stop()
        self.state = "stopped"

    def _keep(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            began = time.monotonic()
            try:
                self._once()
            except (StackError, OSError) as error:
                self.because = str(error).splitlines()[0]
            if self._stopping.is_set():
                return
            self.part.stop()  # what is left of its process group
            self.state = "failed"
            self.restarts += 1
            pause = 0.1 if time.monotonic() - began > CALM else min(max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE)

    def _once(self) -> None:
        if not self._running:
            self.state = "starting"
            self.part.start()
        self._running = False
        self.state = "ready"
        while self.part.alive and not self._stopping.wait(0.2):
            complaint = self.part.complaint()
            if complaint is not None:
                raise StackError(complaint)
        code = self.part.child.exit_code if self.part.child else None
        self.because = f"ended with code {code}"
