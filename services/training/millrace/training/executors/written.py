"""The lines of a run whose process is elsewhere: it writes them into the run's folder, which both sides see."""

import asyncio
import json
from pathlib import Path

from millrace.training.worker import HEARD, Hear, Line

LINES = "lines.jsonl"
EVERY = 0.2
"""Seconds between two looks."""


class Written:
    """Reads on where it stopped. A line that is not whole yet is read later; one that a kill broke off is none."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LINES
        self._at = 0
        self.last: Line = {}

    async def follow(self, ended: "asyncio.Future[int]", hear: Hear) -> int:
        """Until the process has ended: how it did. What `hear` raises goes up."""
        while not ended.done():
            await asyncio.wait([ended], timeout=EVERY)
            for line in await asyncio.to_thread(self.new):
                await hear(line)
        for line in await asyncio.to_thread(self.new):
            await hear(line)
        return await ended

    def new(self) -> list[Line]:
        """Lines to be heard that came since."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                found = file.read()
        except FileNotFoundError:
            return []
        whole = found[: found.rfind(b"\n") + 1]
        self._at += len(whole)
        heard = []
        for raw in whole.splitlines():
            try:
                line = json.loads(raw)
            except ValueError:
                continue
            if isinstance(line, dict):
                self.last = line
                heard += [line] if line.get("kind") in HEARD else []
        return heard


def begin(folder: Path) -> None:
    """A process that takes a run up writes below what one before it had begun to."""
    with (folder / LINES).open("ab") as file:
        if file.tell():
            file.write(b"\n")
