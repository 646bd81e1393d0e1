"""Standings and the ledger in Postgres. A standing is locked while it is decided upon."""

from millrace.registry.store.entries import append, apply, chain, each_entry, head, reach, strays
from millrace.registry.store.standings import (
    declared,
    each_version,
    each_workspace,
    load,
    lock,
    origin,
    reached,
    unsigned,
    workspace,
)

__all__ = [
    "append",
    "apply",
    "chain",
    "declared",
    "each_entry",
    "each_version",
    "each_workspace",
    "head",
    "load",
    "lock",
    "origin",
    "reach",
    "reached",
    "strays",
    "unsigned",
    "workspace",
]
