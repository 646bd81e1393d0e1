"""``python -m millrace.learn.run REQUEST.json``: train one candidate here. Formats: README.md."""

from __future__ import annotations

import importlib
import resource
import sys
from typing import Any

from millrace.learn.lines import leave, progress
from millrace.learn.requests import parsed
from millrace.learn.tasks import task_named, tasks


def run(raw: dict[str, Any]) -> dict[str, Any]:
    task = task_named(raw.get("task", tasks()[0]))  # whoever names none is told so with the other keys
    request = parsed(task.Request, raw)
    training = importlib.import_module(task.TRAINING)
    return {**training.train(request, progress).record(), **_taken()}


def _taken() -> dict[str, float]:
    """What this process has taken: seconds of processors, MB at most."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return {"cpu_seconds": round(used.ru_utime + used.ru_stime, 3), "peak_mb": round(peak, 1)}


if __name__ == "__main__":
    leave(run)
