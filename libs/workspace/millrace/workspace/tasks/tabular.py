"""tabular: a value of an entity some time ahead, from features of what was observed of it.

Features are computed for training and for serving; models of them are not trained or served yet.
"""

from __future__ import annotations

from millrace.workspace.scopes import Scope
from millrace.workspace.tasks.task import Task

_UNTRAINED = ("feedback", "train", "gate", "rollout", "monitor", "serve", "record")

TASK = Task(
    name="tabular",
    needs=("entity", "features", "target"),
    lacks={
        "labels": "which is of texts: what is predicted here is the target",
        **dict.fromkeys(_UNTRAINED, "which means nothing yet: this release trains and serves no tabular models"),
    },
    suites=(),
    metrics=(),
    gate=Scope(),
    shadow=Scope(),
    harm=Scope(),
    signals=(),
    detectors=(),
    methods=(),
    bases=(),
    base_kinds=(),
    defaults={
        "train": {"bases": [], "methods": [], "on": {"drift": False, "new_documents": None, "schedule": None}},
        "gate": [],
        "rollout": {"shadow": None, "canary": None, "harm": []},
        "monitor": {},
    },
)
