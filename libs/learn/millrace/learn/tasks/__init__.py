"""What a model is asked: one file a task, found by its name.

Each says its METHODS, the Request that trains one, and the modules that train and score, which cost a torch: TRAINING
has ``train(request, progress)``, SCORING ``scored(request)``.
"""

from __future__ import annotations

import importlib
from pkgutil import iter_modules
from types import ModuleType

from millrace.learn.errors import WrongRequest


def tasks() -> list[str]:
    return sorted(found.name for found in iter_modules(__path__))


def task_named(name: object) -> ModuleType:
    """Raises WrongRequest."""
    if name not in tasks():
        raise WrongRequest(f"task: {name!r} is not one of {', '.join(tasks())}")
    return importlib.import_module(f"{__name__}.{name}")
