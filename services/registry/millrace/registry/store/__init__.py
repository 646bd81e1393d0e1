"""Standings and the ledger in Postgres. A standing is locked while it is decided upon."""

from millrace.registry.store.entries import append, apply, chain, each_entry, head, reach, strays
from millrace.registry.store.standings import (
    declarations,
    declared,
    each_version,
    each_workspace,
    load,
    lock,
    made_from,
    origin,
    picked_over,
    reached,
    unsigned,
    went_on,
    workspace,
)

__all__ = [
    "append",
    "apply",
    "chain",
    "declarations",
    "declared",
    "each_entry",
    "each_version",
    "each_workspace",
    "head",
    "load",
    "lock",
    "made_from",
    "origin",
    "picked_over",
    "reach",
    "reached",
    "strays",
    "unsigned",
    "went_on",
    "workspace",
]
