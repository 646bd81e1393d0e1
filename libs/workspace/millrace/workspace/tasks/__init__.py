"""The registry of tasks: each module here defines one `TASK`, and only tasks that work are here."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from millrace.workspace.tasks.task import Task

__all__ = ["Task", "task_named", "tasks"]


@cache
def tasks() -> dict[str, Task]:
    """Every task by its name."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__) if found.name != "task")
    known: list[Task] = [module.TASK for module in modules]
    return {task.name: task for task in known}


def task_named(name: str) -> Task:
    """The task of that name. Raises KeyError for one that isn't here."""
    return tasks()[name]
