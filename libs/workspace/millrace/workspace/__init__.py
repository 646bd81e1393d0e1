"""What a team may declare: the workspace file, its conditions, its tasks. Pure."""

from millrace.workspace.conditions import Baseline, Condition, ConditionUnreadable, Linear, Metric
from millrace.workspace.lanes import lane_key, stable_lane
from millrace.workspace.languages import LANGUAGES
from millrace.workspace.problems import Problem, WorkspaceInvalid
from millrace.workspace.quantities import format_duration, format_rate, parse_duration, parse_rate
from millrace.workspace.reading import changes_refused, load
from millrace.workspace.scopes import Allowed, Refusal, Scope
from millrace.workspace.sources import Columns, Crawl, Events, Fetched, Files, Source, Sql
from millrace.workspace.spec import (
    Canary,
    Data,
    Duplicates,
    Feedback,
    Labels,
    Monitor,
    Rollout,
    Serve,
    Shadow,
    Train,
    Triggers,
    Workspace,
)
from millrace.workspace.tasks import Task, task_named, tasks

__all__ = [
    "LANGUAGES",
    "Allowed",
    "Baseline",
    "Canary",
    "Columns",
    "Condition",
    "ConditionUnreadable",
    "Crawl",
    "Data",
    "Duplicates",
    "Events",
    "Feedback",
    "Fetched",
    "Files",
    "Labels",
    "Linear",
    "Metric",
    "Monitor",
    "Problem",
    "Refusal",
    "Rollout",
    "Scope",
    "Serve",
    "Shadow",
    "Source",
    "Sql",
    "Task",
    "Train",
    "Triggers",
    "Workspace",
    "WorkspaceInvalid",
    "changes_refused",
    "format_duration",
    "format_rate",
    "lane_key",
    "load",
    "parse_duration",
    "parse_rate",
    "stable_lane",
    "task_named",
    "tasks",
]
