"""What a service does with a topic, as a value."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from millrace.chassis.transaction import Transaction
from millrace.events import Event

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Handler:
    """A function of a batch and its transaction, with what it eats and what it may emit."""

    event: type[Event]
    emits: frozenset[type[Event]]
    function: Callable[..., Awaitable[None]]
    bound: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.function.__name__

    def bind(self, **more: Any) -> "Handler":
        return replace(self, bound={**self.bound, **more})

    async def __call__(self, events: Sequence[Event], tx: Transaction) -> None:
        await self.function(events, tx, **self.bound)


def handles(
    event: type[E], *, emits: Collection[type[Event]] = ()
) -> Callable[[Callable[..., Awaitable[None]]], Handler]:
    """Marks `async def on_...(events: Sequence[event], tx: Transaction, *, bound...)` as the handler of a topic."""

    def decorate(function: Callable[..., Awaitable[None]]) -> Handler:
        return Handler(event, frozenset(emits), function)

    return decorate
