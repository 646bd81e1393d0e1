"""The three parts together on one data folder."""

import fcntl
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO

from .downloads import cache_folder
from .endpoints import Endpoints
from .errors import DataFolderInUse
from .kafka import Kafka
from .part import Part
from .ports import PortBook
from .postgres import Postgres
from .s3 import S3


class Stack:
    """Embedded Kafka, Postgres and S3. Use as a context manager, or `start()` and `stop()`.

    `ports` fixes some of {"kafka", "postgres", "s3"}; the rest are chosen once and kept with the data.
    All calls block; from a coroutine use `asyncio.to_thread`.
    """

    def __init__(self, data: Path, *, ports: dict[str, int] | None = None, cache: Path | None = None) -> None:
        self.data = data.expanduser().resolve()
        self.ports = book = PortBook(self.data / "run" / "ports.json", ports)
        self.kafka = Kafka(self.data, book, cache=cache or cache_folder())
        self.postgres = Postgres(self.data, book)
        self.s3 = S3(self.data, book)
        self._lock: IO[bytes] | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The three parts, in the order in which they are shown."""
        return (self.kafka, self.postgres, self.s3)

    @property
    def endpoints(self) -> Endpoints:
        """Where the parts answer; meaningful once started."""
        return Endpoints(self.kafka.bootstrap, self.postgres.dsn, self.s3.endpoint)

    def start(self) -> Endpoints:
        """Start all parts at once on whatever state the folder has and return when all answer.

        Raises DataFolderInUse when another process has the folder, PartFailed or DownloadFailed.
        """
        self._claim()
        try:
            _each(self.parts, lambda part: part.start())
        except BaseException:
            self.stop()
            raise
        return self.endpoints

    def stop(self) -> None:
        """Stop all parts; nothing is left running."""
        _each(self.parts, lambda part: part.stop())
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Endpoints:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _claim(self) -> None:
        path = self.data / "run" / "lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a+b")  # the kernel lets go of it when we die, however we die
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            owner = lock.read().decode() or "0"
            lock.close()
            raise DataFolderInUse(self.data, int(owner)) from error
        lock.truncate(0)
        lock.write(str(os.getpid()).encode())
        lock.flush()
        self._lock = lock


def _each(parts: Iterable[Part], act: Callable[[Part], None]) -> None:
    with ThreadPoolExecutor(max_workers=3, thread_name_prefix="stack") as pool:
        running = [pool.submit(act, part) for part in parts]
    for one in running:
        one.result()
