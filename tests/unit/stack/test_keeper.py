"""What dies is started again, ever more slowly."""

import threading
import time
from pathlib import Path
from typing import cast

import pytest

from millrace.stack import PartFailed, keeper
from millrace.stack.keeper import Keeper
from millrace.stack.part import Part


class Lives:
    """A part that lives for each of the given seconds in turn, then for ever; None is a start that fails."""

    name, child = "toy", None

    def __init__(self, *lives: float | None) -> None:
        self.lives, self.starts, self.stops = list(lives), [], 0
        self.until = 0.0
        self.ill: str | None = None

    def start(self) -> None:
        self.starts.append(time.monotonic())
        life = self.lives.pop(0) if self.lives else float("inf")
        if life is None:
            raise PartFailed("toy", "ended with code 1", Path("/nowhere.log"))
        self.until = time.monotonic() + life

    def stop(self) -> None:
        self.stops += 1
        self.until = 0.0

    def complaint(self) -> str | None:
        ill, self.ill = self.ill, None
        return ill

    @property
    def alive(self) -> bool:
        return time.monotonic() < self.until


def eventually(what: object, patience: float = 5.0) -> None:
    deadline = time.monotonic() + patience
    while not what():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "FIRST_PAUSE", 0.05)


def kept(part: Lives) -> Keeper:
    made = Keeper(cast(Part, part))
    made.start()
    return made


def test_a_part_that_dies_is_started_again() -> None:
    part = Lives(0.0, 0.0)
    watching = kept(part)
    eventually(lambda: len(part.starts) == 3 and watching.state == "ready")
    assert watching.restarts == 2
    watching.stop()
    assert watching.state == "stopped"


def test_pauses_grow_while_it_keeps_dying() -> None:
    part = Lives(None, None, None, None)
    watching = kept(part)
    eventually(lambda: watching.state == "ready")
    pauses = [later - earlier for earlier, later in zip(part.starts, part.starts[1:], strict=False)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > 4 * pauses[0]
    assert "ended with code 1" in watching.because
    watching.stop()


def test_an_ill_part_is_stopped_and_started_again() -> None:
    part = Lives()
    watching = kept(part)
    eventually(lambda: watching.state == "ready")
    part.ill = "/healthz answered 503 three times"
    eventually(lambda: len(part.starts) == 2)
    assert part.stops >= 1
    assert watching.because == "/healthz answered 503 three times"
    watching.stop()


def test_stopping_during_a_start_leaves_nothing_alive() -> None:
    part, begun = Lives(), threading.Event()
    start = part.start

    def slow() -> None:
        begun.set()
        time.sleep(0.3)
        start()

    part.start = slow  # type: ignore[method-assign]
    watching = kept(part)
    begun.wait()
    watching.stop()
    assert not part.alive
