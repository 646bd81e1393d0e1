"""Sources that are fetched, their runs, and what is known of their documents."""

from millrace.ingestion.runs.declarations import declare, declared, mark, save_mark
from millrace.ingestion.runs.documents import known, save_revisions, standing, standing_at, tidy, vanish
from millrace.ingestion.runs.frontier import Ahead, add_ahead, ahead, clear_frontier, known_ahead, looked_at, try_again
from millrace.ingestion.runs.reports import add_troubles, forget, newest, overview, report
from millrace.ingestion.runs.run import STATES, Run, add, load, open_run, save, started_last
from millrace.ingestion.runs.turns import forget_turns, take_turn
from millrace.ingestion.runs.whereabouts import places, save_places, settle

__all__ = [
    "STATES",
    "Ahead",
    "Run",
    "add",
    "add_ahead",
    "add_troubles",
    "ahead",
    "clear_frontier",
    "declare",
    "declared",
    "forget",
    "forget_turns",
    "known",
    "known_ahead",
    "load",
    "looked_at",
    "mark",
    "newest",
    "open_run",
    "overview",
    "places",
    "report",
    "save",
    "save_mark",
    "save_places",
    "save_revisions",
    "settle",
    "standing",
    "standing_at",
    "started_last",
    "take_turn",
    "tidy",
    "try_again",
    "vanish",
]
