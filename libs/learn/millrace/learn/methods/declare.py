"""No training: a model's own weights under other declared lengths, which is another version through the same gate."""

from __future__ import annotations

from pathlib import Path

from millrace.learn.errors import WrongRequest
from millrace.learn.fitting import Fitted, Progress
from millrace.learn.folder import read_version
from millrace.learn.requests import TrainRequest
from millrace.learn.shelf import Shelf
from millrace.learn.tasks.classify import Prepared


def fit(request: TrainRequest, data: Prepared, progress: Progress) -> Fitted:
    source = request.settings.get("from")
    if set(request.settings) != {"from"} or not isinstance(source, str):
        raise WrongRequest("settings: declare takes from, the folder of a model, and nothing else")
    version = read_version(Path(source))
    if version.labels != data.labels:
        raise WrongRequest(f"labels: {source} has {', '.join(version.labels)}; the rows have {', '.join(data.labels)}")
    model = Shelf(request.threads).load(Path(source))
    progress("fit", 0, 0, None, 0.0)
    return Fitted(
        embedder=model.embedder,
        kept=version.encoder,
        adapter=model.adapter,
        head=model.head,
        base=version.base,
        steps=version.training.steps,
        planned_steps=version.training.planned_steps,
        stopped="declared",
        seconds=0.0,
        settings=version.training.settings,
        method=version.method,
        finished=model,
    )
