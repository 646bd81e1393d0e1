"""What every part of the stack has in common: a folder, a log, one child process."""

import time
from abc import ABC, abstractmethod
from pathlib import Path

from .errors import PartFailed
from .ports import PortBook
from .process import Child, Command, reap


class Part(ABC):
    """One embedded server on a data folder; `start` returns when it really answers."""

    name: str
    patience = 60.0
    pause = 0.05
    grace = 10.0

    def __init__(self, data: Path, ports: PortBook) -> None:
        self.folder = data / self.name
        self.log = data / "logs" / f"{self.name}.log"
        self.ports = ports
        self._pid_file = data / "run" / f"{self.name}.pid"
        self.child: Child | None = None

    @abstractmethod
    def prepare(self) -> Command:
        """Make the folder ready for a start and return the command."""

    @abstractmethod
    def answers(self) -> bool:
        """Do one real operation; False (or an OSError) while the part isn't ready."""

    def start(self) -> None:
        """Start on whatever state the folder has, also a crashed one, and wait until it answers.

        Raises PartFailed with the tail of the log.
        """
        reap(self._pid_file)
        deadline = time.monotonic() + self.patience
        self.child = child = Child.spawn(self.prepare(), self._pid_file)
        while not self._ready():
            if child.exit_code is not None:
                raise PartFailed(self.name, f"ended with code {child.exit_code}", self.log)
            if time.monotonic() > deadline:
                self.stop()
                raise PartFailed(self.name, f"did not answer within {self.patience:.0f} s", self.log)
            time.sleep(self.pause)

    def stop(self) -> None:
        """Stop in an orderly way, or by force after a while; harmless when it doesn't run."""
        child, self.child = self.child, None
        if child is not None:
            child.stop(self.grace)

    def complaint(self) -> str | None:
        """Why a running part should be started again, if there is a reason; asked every few seconds."""
        return None

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.child is not None and self.child.exit_code is None

    def _ready(self) -> bool:
        try:
            return self.answers()
        except OSError:
            return False
