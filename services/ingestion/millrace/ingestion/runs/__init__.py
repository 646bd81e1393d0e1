"""Sources that are fetched, their runs, and what is known of their documents."""

from millrace.ingestion.runs.declarations import declare, declared, go_on, leave, mark, save_mark
from millrace.ingestion.runs.documents import (
    erase,
    kept_out,
    known,
    met,
    save_revisions,
    standing,
    standing_at,
    still_there,
    tidy,
    vanish,
)
from millrace.ingestion.runs.frontier import Ahead, add_ahead, ahead, clear_frontier, known_ahead, looked_at, try_again
from millrace.ingestion.runs.reports import add_troubles, forget, newest, overview, report
from millrace.ingestion.runs.run import STATES, Run, add, load, open_run, save, started_last
from millrace.ingestion.runs.turns import forget_turns, take_turn
from millrace.ingestion.runs.whereabouts import absent, locate, places, save_places, settle, unseen, vanished

__all__ = [
    "STATES",
    "Ahead",
    "Run",
    "absent",
    "add",
    "add_ahead",
    "add_troubles",
    "ahead",
    "clear_frontier",
    "declare",
    "declared",
    "erase",
    "forget",
    "forget_turns",
    "go_on",
    "kept_out",
    "known",
    "known_ahead",
    "leave",
    "load",
    "locate",
    "looked_at",
    "mark",
    "met",
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
    "still_there",
    "take_turn",
    "tidy",
    "try_again",
    "unseen",
    "vanish",
    "vanished",
]
