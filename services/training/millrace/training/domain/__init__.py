"""The rules of cycles and candidates: a track and a fact in, the next track and decisions out."""

from millrace.training.domain import reproduction
from millrace.training.domain.candidates import DECLARE, FINE_TUNES, Candidate, Pick, Run, candidates, pick
from millrace.training.domain.comparison import compare
from millrace.training.domain.conditions import Condition, Order, condition, order
from millrace.training.domain.course import dataset_failed, give_up, overdue, picked, released, staged
from millrace.training.domain.errors import CycleOpen, MethodUnknown, NothingMade, NothingToDeclare, NotTrained
from millrace.training.domain.track import Ask, Cycle, Policy, Track, cycle_id
from millrace.training.domain.triggers import PERIODS, by_hand, by_schedule, drifted, due, grown
from millrace.training.domain.turn import Alerted, Closed, Cut, Decision, GaveUp, Ignored, Opened, Turn

__all__ = [
    "DECLARE",
    "FINE_TUNES",
    "PERIODS",
    "Alerted",
    "Ask",
    "Candidate",
    "Closed",
    "Condition",
    "Cut",
    "Cycle",
    "CycleOpen",
    "Decision",
    "GaveUp",
    "Ignored",
    "MethodUnknown",
    "NotTrained",
    "NothingMade",
    "NothingToDeclare",
    "Opened",
    "Order",
    "Pick",
    "Policy",
    "Run",
    "Track",
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
    "order",
    "overdue",
    "pick",
    "picked",
    "released",
    "reproduction",
    "staged",
]
