"""Whether a cycle has the rows it asked for."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from millrace.datasets.domain.rule import Rule, Traits

IN_ALL = "*"
EMERGING = 3
"""An undeclared label with a third of `min_examples` is waited for; rarer ones, such as a slip, hold nothing up."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """`admitted` labels, sorted, and how many labelled rows are `missing`: since the change in all (`*`), and by name.

    `fatal` says that a cut can't do without them even at its deadline.
    """

    admitted: tuple[str, ...]
    missing: dict[str, int]
    fatal: bool

    @property
    def ready(self) -> bool:
        return not self.missing


def weigh(rule: Rule, groups: Iterable[tuple[Traits, int]]) -> Readiness:
    """Counts groups of like rows. Golden rows, and rows that may neither train nor judge, count for nothing."""
    in_all, recent = Counter[str](), Counter[str]()
    for traits, rows in groups:
        if traits.label and traits.suite is None and rule.place(traits, {traits.label})[0]:
            in_all[traits.label] += rows
            recent[traits.label] += rows if traits.since else 0
    new = in_all.keys() - set(rule.declared) if rule.new == "admit" else set()
    joining = {label for label in new if in_all[label] >= rule.min_examples}
    emerging = {label for label in new - joining if in_all[label] * EMERGING >= rule.min_examples}
    admitted = {label for label in rule.declared if in_all[label]} | joining
    vital = {IN_ALL: rule.min_labels - sum(recent[label] for label in admitted)}
    vital |= {label: rule.min_examples - in_all[label] for label in rule.declared}
    hoped_for = {label: rule.min_examples - in_all[label] for label in emerging}
    missing = {label: rows for label, rows in (vital | hoped_for).items() if rows > 0}
    return Readiness(tuple(sorted(admitted)), missing, fatal=any(rows > 0 for rows in vital.values()))
