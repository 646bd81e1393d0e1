"""What a team may declare: the workspace file, its conditions, its tasks. Pure."""

from millrace.workspace.conditions import Baseline, Condition, ConditionUnreadable, Linear, Metric
from millrace.workspace.lanes import lane_key, stable_lane
from millrace.workspace.languages import LANGUAGES
from millrace.workspace.problems import Problem, WorkspaceInvalid
from millrace.workspace.quantities import format_duration, format_rate, parse_duration, parse_rate
from millrace.workspace.reading import COLUMNS, changes_refused, load
from millrace.workspace.scopes import Allowed, Refusal, Scope
from millrace.workspace.spec import (
    Canary,
    Data,
    Duplicates,
    Feature,
    Feedback,
    Labels,
    Monitor,
    Rollout,
    Serve,
    Shadow,
    Target,
    Train,
    Triggers,
    Workspace,
)
from millrace.workspace.tasks import Task, task_named, tasks

__all__ = [
    "COLUMNS",
    "LANGUAGES",
    "Allowed",
    "Baseline",
    "Canary",
    "Condition",
    "ConditionUnreadable",
    "Data",
    "Duplicates",
    "Feature",
    "Feedback",
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
    "Target",
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
