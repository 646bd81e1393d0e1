"""The services in the picture of the flow, and the arrows between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from millrace.console.domain.counters import Counters, total

PRODUCTS = "your products"

PLACES: dict[str, tuple[int, int]] = {
    "ingestion": (0, 0),
    "dedup": (1, 0),
    "datasets": (2, 0),
    "training": (3, 0),
    "registry": (4, 0),
    PRODUCTS: (0, 1),
    "feedback": (1, 1),
    "drift": (2, 1),
    "serving": (3, 1),
    "evaluation": (4, 1),
}
"""Column and row: data becomes a version along the top, answers come back along the bottom, and the circle closes."""


class Link(NamedTuple):
    """An arrow from one side of a box to one of another, `shift` units off their middles."""

    start: str
    end: str
    topics: tuple[str, ...]
    sides: str
    shift: tuple[int, int] = (0, 0)


LINKS = [
    Link(PRODUCTS, "ingestion", ("taken",), "tb"),
    Link(PRODUCTS, "feedback", ("feedback.recorded",), "rl"),
    Link("ingestion", "dedup", ("document.accepted",), "rl"),
    Link("dedup", "datasets", ("document.kept",), "rl"),
    Link("datasets", "training", ("dataset.released",), "rl", (-16, -16)),
    Link("training", "datasets", ("retraining.requested",), "lr", (16, 16)),
    Link("training", "registry", ("model.trained",), "rl"),
    Link("registry", "evaluation", ("evaluation.requested",), "bt", (4, 4)),
    Link("evaluation", "registry", ("model.evaluated", "rollout.judged"), "tb", (52, 52)),
    Link("registry", "serving", ("workspace.routed",), "bt", (-52, 40)),
    Link("serving", "evaluation", ("prediction.served",), "rl"),
    Link("serving", "drift", ("prediction.served",), "lr"),
    Link("serving", "feedback", ("prediction.served",), "bb"),
    Link("feedback", "drift", ("feedback.recorded",), "rl"),
    Link("feedback", "dedup", ("feedback.recorded",), "tb"),
    Link("drift", "training", ("drift.detected",), "tb", (0, -40)),
]


@dataclass(frozen=True)
class Node:
    """A service in the picture; counts are since its process started. `lines` are what its box says."""

    name: str
    place: tuple[int, int]
    state: str
    lines: tuple[str, ...]
    count: int = 0
    dead: int = 0


def nodes(
    all_counters: Mapping[str, Counters | None], rates: Mapping[str, float], workspace: str | None = None
) -> list[Node]:
    return [
        _products(all_counters.get("serving"), rates, place, workspace)
        if name == PRODUCTS
        else _service(name, all_counters.get(name), place)
        for name, place in PLACES.items()
    ]


def _service(name: str, known: Counters | None, place: tuple[int, int]) -> Node:
    if known is None:
        return Node(name, place, "down", ("does not answer",))
    taken, out = total(known, "millrace_events"), total(known, "millrace_events_emitted")
    lag, dead = total(known, "millrace_lag_events"), total(known, "millrace_dead_letters")
    state = "lagging" if lag > 1000 or total(known, "millrace_outbox_events") > 5000 else "up"
    lines = (f"{compact(taken)} in · {compact(out)} out", f"{compact(lag)} waiting")
    return Node(name, place, state, lines, taken + out, dead)


def _products(
    serving: Counters | None, rates: Mapping[str, float], place: tuple[int, int], workspace: str | None
) -> Node:
    answered, failed = answers(serving, workspace)
    asked = f"{rates.get('answers', 0.0):.0f} requests/s"
    told = f"{compact(answered)} answered" if not failed else f"{compact(answered)} ok · {compact(failed)} failed"
    return Node(PRODUCTS, place, "outside", (asked, told), answered)


def answers(serving: Counters | None, workspace: str | None = None) -> tuple[int, int]:
    """What callers got: answers, and failures. Where a canary fails, production stands in, so only its own count."""
    known = {"workspace": workspace} if workspace else {}
    metric = "millrace_serving_answers"
    answered = sum(total(serving, metric, end="ok", arm=arm, **known) for arm in ("production", "canary"))
    return answered, sum(total(serving, metric, end=end, arm="production", **known) for end in ("failed", "refused"))


def compact(number: int) -> str:
    """12,345, then 123k, then 1.2M."""
    if number < 100_000:
        return f"{number:,}"
    return f"{number / 1000:.0f}k" if number < 1_000_000 else f"{number / 1_000_000:.1f}M"
