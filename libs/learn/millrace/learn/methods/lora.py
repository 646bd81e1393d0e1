"""Low-rank adaptation of the base's linear layers, and a head: the base stays as it is and is shared (Hu et al. 2021).

It goes on from the base alone: what it adds belongs to the base's digest, and to no other weights.
"""

from __future__ import annotations

from collections.abc import Collection
from copy import deepcopy
from typing import Any, cast

import torch
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from torch import nn

from millrace.learn import tuning
from millrace.learn.adapters import Adapted, E
from millrace.learn.classifier import Classifier, begun
from millrace.learn.errors import WrongRequest
from millrace.learn.fitting import Fitted, Progress, base_named, settings_of
from millrace.learn.folder import Adapter
from millrace.learn.model import adapted, base_embedder
from millrace.learn.requests import TrainRequest
from millrace.learn.tasks.classify import Prepared

DEFAULTS = tuning.DEFAULTS | {"rate": 1e-3, "rank": 16, "alpha": 32, "C": 20.0}


def fit(request: TrainRequest, data: Prepared, progress: Progress) -> Fitted:
    settings = settings_of(request, DEFAULTS)
    if request.start is not None:
        raise WrongRequest("start: lora goes on from the base alone")
    run = tuning.Tuning(request, settings, progress)
    base = base_embedder(request.base)
    head = begun(request, data, settings, base, run, progress)
    shape = Adapter(rank=settings["rank"], alpha=settings["alpha"])
    encoder = injected(base.encoder, shape, request.seed)
    learner = Classifier(encoder, head, base, request, data, run)
    ended = run.run(learner, learner.judge)
    adapter = Adapted(shape, {name: value.detach() for name, value in get_peft_model_state_dict(encoder).items()})
    return Fitted(
        embedder=adapted(base, adapter),
        kept="adapted",
        head=learner.head(),
        base=base_named(request.base),
        steps=ended.steps,
        planned_steps=ended.planned,
        stopped=ended.stopped,
        seconds=ended.seconds,
        settings=settings,
        method="lora",
        adapter=adapter,
        resumed_from=ended.resumed_from,
    )


def injected(encoder: E, shape: Adapter, seed: int, skip: Collection[str] = ()) -> E:
    """A copy with an adapter beside each linear layer, which alone learns: what it adds begins as nothing."""
    torch.manual_seed(seed)
    linear = [name for name, one in encoder.named_modules() if isinstance(one, nn.Linear) and name not in skip]
    config = LoraConfig(r=shape.rank, lora_alpha=shape.alpha, target_modules=linear, lora_dropout=0.0)
    with_adapter: Any = inject_adapter_in_model(config, deepcopy(encoder))
    for name, parameter in with_adapter.named_parameters():
        parameter.requires_grad_(".lora_" in name)
    return cast(E, with_adapter)
