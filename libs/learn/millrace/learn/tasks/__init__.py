"""What a model is asked: one file a task, found by its name.

Each says its METHODS, the Request that trains one, the Version that comes of it, and the modules that train, score and
load, which may cost a torch: TRAINING has ``train(request, progress)``, SCORING ``scored(request)``, LOADING
``opened(folder, shelf, parameters)``.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from millrace.learn.errors import DamagedModel, WrongRequest
from millrace.learn.folder import Made, read_version, task_of


def tasks() -> list[str]:
    return sorted(found.name for found in iter_modules(__path__))


def task_named(name: object) -> ModuleType:
    """Raises WrongRequest."""
    if name not in tasks():
        raise WrongRequest(f"task: {name!r} is not one of {', '.join(tasks())}")
    return importlib.import_module(f"{__name__}.{name}")


def task_within(folder: Path) -> ModuleType:
    """The task whose version a folder is. Raises DamagedModel."""
    name = task_of(folder)
    if name not in tasks():
        raise DamagedModel(str(folder), f"it is of task {name!r}, which this release does not know")
    return task_named(name)


def version_within(folder: Path) -> Made:
    """The version that a folder is, of whatever task. Raises DamagedModel."""
    made: Made = read_version(folder, task_within(folder).Version)
    return made
