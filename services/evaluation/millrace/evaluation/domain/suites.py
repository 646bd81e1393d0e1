"""Suites that a team brings: rows of its own, checked, masked and named by their digest."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from millrace.evaluation.domain.outcomes import MARK, Limits
from millrace.workspace import Workspace
from millrace.workspace.problems import nearest
from millrace.workspace.suites import KINDS, RESERVED

Mask = Callable[[str], tuple[str, int]]
"""A text without what is personal in it, and how much that was."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A row as a team brings it. Rows of one `group` mean the same; `subject` is whose words they are."""

    text: str
    label: str | None = None
    group: str | None = None
    id: str | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it is kept: masked, its subject a pseudonym."""

    id: str
    text: str
    label: str | None
    group: str | None
    subject: str | None


@dataclass(frozen=True, slots=True)
class About:
    """A suite of the team's: whose it is, and where its rows are from.

    Rows are of the `version` that was brought, or made from those `of` another suite, or made of nothing. `left_out`
    counts those that could not be used, by why.
    """

    kind: str
    owner: str
    version: int | None = None
    of: str | None = None
    left_out: tuple[tuple[str, int], ...] = ()
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with what was brought: its place such as `rows.3.label`, and what was expected there."""

    field: str
    expected: str


def refused(name: str, kind: str, spec: Workspace) -> Fault | None:
    """Why no rows can be brought under that name as a suite of that kind."""
    declared = spec.suites.get(name)
    kinds = [known for known in spec.meaning.suite_kinds if KINDS[known].brings]
    if kind not in kinds:
        return Fault("kind", f"one of {', '.join(kinds)}" if kinds else f"none: {spec.task} is judged by no suites")
    if name in RESERVED:
        return Fault("name", f"another name: in conditions {name} is something else")
    if name in KINDS and name != kind:
        return Fault("name", f"another name: a suite that is called {name} is of that kind")
    if declared and declared.kind != kind:
        return Fault("kind", f"{declared.kind}, which the workspace file declares {name} as")
    return None


def faults(rows: Sequence[Brought], kind: str, labels: Sequence[str]) -> Iterator[Fault]:
    """Every row that can't judge."""
    seen: dict[tuple[str | None, ...], int] = {}
    ids: dict[str, int] = {}
    for at, row in enumerate(rows):
        for need in KINDS[kind].needs:
            if not getattr(row, need) and not (need == "text" and kind == "extremes"):
                yield Fault(f"rows.{at}.{need}", f"a {need}, which a suite of kind {kind} needs")
        if "\x00" in row.text:
            yield Fault(f"rows.{at}.text", "text without the character U+0000")
        if row.label and labels and row.label not in labels:
            meant = nearest(row.label, labels)
            hint = f" (did you mean {meant!r}?)" if meant else ""
            yield Fault(f"rows.{at}.label", f"one of the workspace's labels{hint}")
        if row.id and kind == "injection" and MARK in row.id:
            yield Fault(f"rows.{at}.id", f"an id without {MARK}")
        same = seen.setdefault((row.text, row.label, row.group), at)
        if same != at:
            yield Fault(f"rows.{at}", f"another row: row {same} is the same")
        elif row.id and ids.setdefault(row.id, at) != at:
            yield Fault(f"rows.{at}.id", f"another id: row {ids[row.id]} has it")


def kept(rows: Sequence[Brought], mask: Mask, pseudonym: Callable[[str], str]) -> tuple[list[Row], list[int]]:
    """Rows as they are kept, and how much of each was masked. A row without an id is named by what it says."""
    made, masked = [], []
    for row in rows:
        text, found = mask(row.text)
        id = row.id or f"s-{_digest([text, row.label, row.group])[:16]}"
        made.append(Row(id, text, row.label, row.group, pseudonym(row.subject) if row.subject else None))
        masked.append(found)
    return _apart(made), masked


def _apart(rows: Sequence[Row]) -> list[Row]:
    """Rows that masking made equal stay rows of their own."""
    times: dict[str, int] = {}
    out = []
    for row in rows:
        times[row.id] = times.get(row.id, 0) + 1
        out.append(row if times[row.id] == 1 else replace(row, id=f"{row.id}.{times[row.id]}"))
    return out


def digest_of(kind: str, rows: Sequence[Row]) -> str:
    """Equal for equal rows in the same order. Whose they are does not count: an erasure asks for no new version."""
    return f"sha256:{_digest([kind, [[row.id, row.text, row.label, row.group] for row in rows]])}"


def _digest(value: object) -> str:
    return sha256(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
