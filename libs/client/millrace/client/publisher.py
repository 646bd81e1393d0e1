"""Batches by size and time, sent from a thread so that the product never waits for us."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from types import TracebackType
from typing import Self

from millrace.client.calls import Receipt, encoded
from millrace.client.errors import MillraceError, Undelivered, Unreachable
from millrace.client.events import Event

MOST_REFUSED = 1000
"""Receipts of refused events that are remembered."""


class Publisher:
    """`add` returns at once unless `most` events wait; `close` returns when all are delivered.

    While the service can't be reached events stay in the queue, in order; the queue is bounded, so that a long outage
    slows the caller down rather than eat the memory. Raises Undelivered from `close`, and from `add` after a
    refusal of a whole batch. `refused` has the receipts of the last events that broke the rules.
    """

    def __init__(
        self,
        publish: Callable[..., Sequence[Receipt] | None],
        *,
        size: int = 200,
        within: float = 1.0,
        most: int = 10_000,
    ) -> None:
        self._publish = publish
        self._size = size
        self._within = within
        self._most = most
        self._waiting: deque[tuple[float, Event]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._fault: MillraceError | None = None
        self.refused: deque[Receipt] = deque(maxlen=MOST_REFUSED)
        self._thread = threading.Thread(target=self._run, name="millrace-publisher", daemon=True)
        self._thread.start()

    def add(self, event: Event) -> None:
        """Raises Undelivered after a fault that no repetition mends, ValueError for what JSON has no words for."""
        encoded(event)  # here, where the caller is: in the background it would end the thread
        with self._changed:
            while len(self._waiting) >= self._most and self._fault is None:
                self._changed.wait()
            if self._fault is not None or self._closing:
                raise self._undelivered()
            self._waiting.append((monotonic() + self._within, event))
            self._changed.notify_all()

    def close(self) -> None:
        """Sends what waits. Raises Undelivered."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        if self._waiting:
            raise self._undelivered()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _undelivered(self) -> Undelivered:
        because = self._fault or MillraceError("the publisher is closed")
        return Undelivered([event.id for _, event in self._waiting], because)

    def _run(self) -> None:
        while batch := self._due():
            try:
                receipts = self._publish(*batch) or ()
            except MillraceError as fault:
                if isinstance(fault, Unreachable) and not self._closing:
                    continue
                with self._changed:
                    self._fault = fault
                    self._changed.notify_all()
                return
            self.refused.extend(receipt for receipt in receipts if not receipt.taken)
            with self._changed:
                for _ in batch:
                    self._waiting.popleft()
                self._changed.notify_all()

    def _due(self) -> list[Event]:
        """Waits for a full batch, for the oldest event's time or for the end; empty at the end."""
        with self._changed:
            while not self._closing and len(self._waiting) < self._size:
                left = self._waiting[0][0] - monotonic() if self._waiting else None
                if left is not None and left <= 0:
                    break
                self._changed.wait(left)
            return [event for _, event in list(self._waiting)[: self._size]]
