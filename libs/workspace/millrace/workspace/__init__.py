"""What a team may declare: the workspace file, its conditions, its tasks. Pure."""

from millrace.workspace.conditions import Baseline, Condition, ConditionUnreadable, Linear, Metric
from millrace.workspace.lanes import lane_key, stable_lane
from millrace.workspace.languages import LANGUAGES
from millrace.workspace.patterns import PatternRefused, compiled
from millrace.workspace.phrases import phrases
from millrace.workspace.problems import Problem, WorkspaceInvalid
from millrace.workspace.quality import MEASURES, Measure, bounds
from millrace.workspace.quantities import format_duration, format_rate, parse_duration, parse_rate
from millrace.workspace.reading import COLUMNS, changes_refused, doubts, load
from millrace.workspace.scopes import Allowed, Refusal, Scope
from millrace.workspace.sources import Columns, Crawl, Events, Fetched, Files, Observed, Source, Sql
from millrace.workspace.spec import (
    Canary,
    Chunk,
    Corpus,
    Data,
    Duplicates,
    Feature,
    Feedback,
    Labels,
    Limit,
    Monitor,
    Quality,
    Rollout,
    Serve,
    Shadow,
    Suite,
    Target,
    Train,
    Triggers,
    Typed,
    Workspace,
)
from millrace.workspace.tasks import Task, task_named, tasks

__all__ = [
    "COLUMNS",
    "LANGUAGES",
    "MEASURES",
    "Allowed",
    "Baseline",
    "Canary",
    "Chunk",
    "Columns",
    "Condition",
    "ConditionUnreadable",
    "Corpus",
    "Crawl",
    "Data",
    "Duplicates",
    "Events",
    "Feature",
    "Feedback",
    "Fetched",
    "Files",
    "Labels",
    "Limit",
    "Linear",
    "Measure",
    "Metric",
    "Monitor",
    "Observed",
    "PatternRefused",
    "Problem",
    "Quality",
    "Refusal",
    "Rollout",
    "Scope",
    "Serve",
    "Shadow",
    "Source",
    "Sql",
    "Suite",
    "Target",
    "Task",
    "Train",
    "Triggers",
    "Typed",
    "Workspace",
    "WorkspaceInvalid",
    "bounds",
    "changes_refused",
    "compiled",
    "doubts",
    "format_duration",
    "format_rate",
    "lane_key",
    "load",
    "parse_duration",
    "parse_rate",
    "phrases",
    "stable_lane",
    "task_named",
    "tasks",
]
