"""The rules of cycles and candidates: a track and a fact in, the next track and decisions out."""

from millrace.training.domain import imports, reproduction
from millrace.training.domain.budget import BUDGET_SPENT, Limit, Spent, next_day
from millrace.training.domain.candidates import (
    DECLARE,
    ENDED,
    FINE_TUNES,
    UNTAUGHT,
    Candidate,
    Pick,
    Run,
    candidates,
    pick,
)
from millrace.training.domain.comparison import compare
from millrace.training.domain.conditions import Condition, Order, condition, order
from millrace.training.domain.course import dataset_failed, give_up, overdue, picked, released, staged
from millrace.training.domain.errors import CycleOpen, MethodUnknown, NothingMade, NothingToDeclare, NotTrained
from millrace.training.domain.imports import IMPORTED, FormNotTaken, Import, ImportTooLarge, LabelsDiffer, NotUploaded
from millrace.training.domain.search import TELLING, Range, Search, Trial, over, trial, wanted
from millrace.training.domain.track import Ask, Cycle, Policy, Track, cycle_id
from millrace.training.domain.triggers import PERIODS, by_hand, by_schedule, drifted, due, grown
from millrace.training.domain.turn import Alerted, Closed, Cut, Decision, GaveUp, Ignored, Opened, Turn

__all__ = [
    "BUDGET_SPENT",
    "DECLARE",
    "ENDED",
    "FINE_TUNES",
    "IMPORTED",
    "PERIODS",
    "TELLING",
    "UNTAUGHT",
    "Alerted",
    "Ask",
    "Candidate",
    "Closed",
    "Condition",
    "Cut",
    "Cycle",
    "CycleOpen",
    "Decision",
    "FormNotTaken",
    "GaveUp",
    "Ignored",
    "Import",
    "ImportTooLarge",
    "LabelsDiffer",
    "Limit",
    "MethodUnknown",
    "NotTrained",
    "NotUploaded",
    "NothingMade",
    "NothingToDeclare",
    "Opened",
    "Order",
    "Pick",
    "Policy",
    "Range",
    "Run",
    "Search",
    "Spent",
    "Track",
    "Trial",
    "Turn",
    "by_hand",
    "by_schedule",
    "candidates",
    "compare",
    "condition",
    "cycle_id",
    "dataset_failed",
    "drifted",
    "due",
    "give_up",
    "grown",
    "imports",
    "next_day",
    "order",
    "over",
    "overdue",
    "pick",
    "picked",
    "released",
    "reproduction",
    "staged",
    "trial",
    "wanted",
]
