"""A search: trials of methods, bases and their parameters within one budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid5

from millrace.training.domain.budget import Limit, Spent
from millrace.training.domain.candidates import Candidate, Run

TELLING = frozenset({"full", "lora"})
"""Methods that say on the way how good they are, and so can be stopped when they fall behind."""


@dataclass(frozen=True, slots=True)
class Range:
    """Where a parameter is looked for: among some values, or from low to high."""

    whole: bool = False
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    among: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Search:
    """`spaces` has the ranges of each method's parameters; `untrusted` says whether runs without untrusted rows are
    trials too."""

    trials: int
    parallel: int
    methods: tuple[str, ...]
    bases: tuple[str, ...]
    spaces: Mapping[str, Mapping[str, Range]]
    seconds: float | None = None
    cost: float | None = None
    prune: bool = True
    untrusted: bool = False

    @property
    def limit(self) -> Limit:
        return Limit("train.search", self.seconds, self.cost)


@dataclass(frozen=True, slots=True)
class Trial:
    """A run as the search sees it: `settings` are the parameters it was made with, as far as they are known, `judged`
    how good it was after each quarter."""

    run: Run
    settings: Mapping[str, float]
    judged: Mapping[int, float] = field(default_factory=dict)


def trial(cycle_id: UUID, number: int, candidate: Candidate) -> Candidate:
    """The same number makes the same run, whoever asks for it."""
    return replace(candidate, run_id=uuid5(cycle_id, f"trial|{number}"))


def over(search: Search, runs: Sequence[Run], spent: Spent, day: str | None) -> str | None:
    """Why no more trials are asked for. `day` is why nothing more may be taken today: with a trained run to pick it
    ends the search; without one the next trial waits for tomorrow."""
    if len(runs) >= search.trials:
        return f"all {search.trials} trials are made"
    if day and any(run.state == "trained" for run in runs):
        return day
    return search.limit.spent(spent)


def wanted(search: Search, runs: Sequence[Run]) -> int:
    """How many trials are to begin now."""
    under_way = sum(not run.ended for run in runs)
    return max(0, min(search.parallel - under_way, search.trials - len(runs)))
