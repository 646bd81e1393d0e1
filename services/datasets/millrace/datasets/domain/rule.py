"""Which rows a cut takes, and for what: the one place where it is decided."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import xxhash

from millrace.chassis import Unprocessable
from millrace.workspace import Workspace

SPLITS = ("train", "validation", "fresh", "golden")
ANSWER = "answer"


class NoLabels(Unprocessable):
    def __init__(self, workspace: str, task: str) -> None:
        super().__init__(f"{workspace} is of task {task}, which has no labels to cut versions by")
        self.workspace = workspace
        self.task = task


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a row's place depends on. `barred`: its cluster holds a golden row. `dice` is its fixed draw in [0, 1).

    `aside`: it came between a version and the rollback to it.
    """

    source: str
    label: str | None
    suite: str | None
    split: str
    trusted: bool
    basis: str | None
    barred: bool
    since: bool
    dice: float
    aside: bool = False

    @property
    def judges(self) -> bool:
        """A label given while looking at our answer favours production; an untrusted one may be a lie."""
        return self.trusted and self.basis != "shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How a cut selects. With `window` all, or without a change point, every row counts as since the change."""

    window: str
    replay: float
    change_point: datetime | None
    min_labels: int
    min_examples: int
    declared: tuple[str, ...]
    new: str
    retired: tuple[str, ...]
    purposes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What the rows of a source may serve, where it says so."""
    counted_as: str | None = None
    """What every label counts as, where labels are answers in words and no list."""

    @classmethod
    def of(cls, spec: Workspace, *, change_point: datetime | None, min_labels: int) -> Self:
        """Raises NoLabels."""
        labels = spec.labels
        if labels is None and spec.target is None and not spec.meaning.answers:
            raise NoLabels(spec.workspace, spec.task)
        return cls(
            window=spec.train.window,
            replay=spec.train.replay,
            change_point=change_point,
            min_labels=min_labels,
            min_examples=labels.min_examples if labels else 1,
            declared=labels.names if labels else (),
            new=labels.new if labels else "admit",
            retired=spec.data.retired,
            purposes={name: source.purposes for name, source in spec.sources.items() if source.purposes},
            counted_as=counted_as(spec),
        )

    def counted(self, label: str | None) -> str | None:
        return label and (self.counted_as or label)

    def since(self, occurred_at: datetime) -> bool:
        return self.change_point is None or occurred_at >= self.change_point

    def takes(self, traits: Traits) -> bool:
        """Whether a row that may be learned from is recent, or among the older ones that are replayed."""
        return traits.since or self.window == "all" or traits.dice < self.replay

    def place(self, traits: Traits, admitted: Collection[str]) -> tuple[str | None, str]:
        """The split of a row with None's reason: `("train", "")` or `(None, "unlabelled")`."""
        if refused := self._refusal(traits, admitted):
            return None, refused
        purpose = "evaluate" if traits.suite is not None or traits.split == "test" else "train"
        if purpose not in self.purposes.get(traits.source, (purpose,)):
            return None, f"its source may not {purpose}"
        if traits.suite is not None:
            return "golden", ""
        if traits.split == "test":
            recent = traits.since or self.window == "all"
            return ("fresh", "") if recent else (None, "held out before the change")
        if not self.takes(traits):
            return None, "not replayed"
        return traits.split, ""

    def _refusal(self, traits: Traits, admitted: Collection[str]) -> str:
        if traits.aside:
            return "rolled back"
        if traits.source in self.retired:
            return "retired"
        if traits.label is None:
            return "unlabelled"
        if traits.label not in admitted:
            return "quarantined"
        if traits.suite is not None:
            return "" if traits.trusted else "untrusted suite"
        if traits.barred:
            return "resembles a golden row"
        if traits.split != "train" and not traits.judges:
            return "may train only, and its cluster is held out"
        return ""

    @classmethod
    def read(cls, plain: Mapping[str, Any], change_point: datetime | None) -> Self:
        """What `plain` wrote."""
        lists = {name: tuple(value) for name, value in plain.items() if isinstance(value, list)}
        purposes = {source: tuple(names) for source, names in plain.get("purposes", {}).items()}
        return cls(change_point=change_point, **{**plain, **lists, "purposes": purposes})

    def plain(self) -> dict[str, Any]:
        return {
            "window": self.window,
            "replay": self.replay,
            "min_labels": self.min_labels,
            "min_examples": self.min_examples,
            "new": self.new,
            "declared": list(self.declared),
            "retired": list(self.retired),
            "purposes": {source: list(names) for source, names in sorted(self.purposes.items())},
            **({"counted_as": self.counted_as} if self.counted_as else {}),
        }


def counted_as(spec: Workspace) -> str | None:
    """What every label of a workspace counts as, where labels are answers in words and no list."""
    return ANSWER if spec.meaning.answers else None


def dice(document_id: str) -> float:
    """A row's draw in [0, 1): the same in every cut, so that a bigger replay share contains a smaller one."""
    draw: float = xxhash.xxh3_64_intdigest(document_id.encode("utf-8", "surrogatepass")) / 2**64
    return draw
