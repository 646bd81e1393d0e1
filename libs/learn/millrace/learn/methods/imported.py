"""No training: a model that was made elsewhere answers as it did there, held-out rows say how well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millrace.learn.errors import ImportRefused
from millrace.learn.importing import boosted
from millrace.learn.importing.request import IMPORTED, told
from millrace.learn.settings import Progress

if TYPE_CHECKING:
    from millrace.learn import fitting
    from millrace.learn.requests import TrainRequest
    from millrace.learn.tabular import fitting as tabular
    from millrace.learn.tabular.fitting import Learned
    from millrace.learn.tasks.classify import Prepared
    from millrace.learn.tasks.tabular import Request


def fit(request: TrainRequest, data: Prepared, progress: Progress) -> fitting.Fitted:
    """A classifier of texts. Its probabilities are its own: no temperature is laid over them."""
    from millrace.learn.fitting import Fitted
    from millrace.learn.folder import BaseName
    from millrace.learn.importing.classifiers import brought

    settings, found = told(request)
    embedder, head, kept = brought(found, settings.folder, settings.source, data.validation.texts[:8])
    if len(head.weight) != len(data.labels):
        raise ImportRefused(
            settings.source, f"it has {len(head.weight)} outputs, and {len(data.labels)} labels are named"
        )
    progress("fit", 0, 0, None, 0.0)
    return Fitted(
        embedder=embedder,
        kept=kept,
        head=head,
        base=BaseName(name=settings.source, digest=settings.digest, licence=settings.licence),
        steps=0,
        planned_steps=0,
        stopped=IMPORTED,
        seconds=0.0,
        settings=settings.kept(found),
        method=IMPORTED,
        temperature=1.0,
    )


def fit_columns(request: Request, data: Learned, progress: Progress) -> tabular.Fitted:
    """Boosted trees of features."""
    import lightgbm

    from millrace.learn.folder import TREES
    from millrace.learn.tabular.fitting import Fitted
    from millrace.learn.tabular.model import Trees

    settings, found = told(request)
    path = found.files[TREES]
    head = boosted.read(path)
    boosted.refuse_other_features(path, head, request.features)
    if head.outputs != data.outputs:
        raise ImportRefused(settings.source, f"it has {head.outputs} outputs, and {data.outputs} labels are named")
    try:
        predictor = Trees.of(path.read_text("utf-8"), data.outputs)
    except (lightgbm.basic.LightGBMError, ValueError) as error:
        raise ImportRefused(settings.source, f"LightGBM can't read it: {str(error).strip().splitlines()[0]}") from None
    progress("fit", 0, 0, None, 0.0)
    return Fitted(
        predictor=predictor,
        steps=0,
        planned_steps=0,
        stopped=IMPORTED,
        seconds=0.0,
        settings=settings.kept(found),
        temperature=1.0,
    )
