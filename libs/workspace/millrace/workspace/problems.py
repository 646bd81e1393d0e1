"""What is wrong with a workspace file, said so that a person can mend it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True)
class Problem:
    """One fault: its place (`key` such as `train.on.drift`, 1-based `line`), what was expected, the nearest name."""

    key: str
    line: int | None
    expected: str
    nearest: str | None = None

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        hint = f" (did you mean {self.nearest!r}?)" if self.nearest else ""
        return f"{place}{self.key or 'the file'}: {self.expected}{hint}"


class WorkspaceInvalid(Exception):
    """A declaration that can't be honoured. `problems` is never empty and is in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name most like `name`, or None when none is alike."""
    by_fold = {candidate.lower(): candidate for candidate in valid}
    found = get_close_matches(name[:200].lower(), by_fold, n=1, cutoff=0.6)
    return by_fold[found[0]] if found else None
