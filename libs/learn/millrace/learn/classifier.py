"""An encoder and a head under fine-tuning, for the methods that change the encoder. Imports torch.

The head begins as the linear probe, so that the encoder's features are not spoilt by a head of chance (Kumar et al.
2022, "Fine-tuning can distort pretrained features"), and a short budget ends no worse than about where the probe does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from millrace.learn.encoder import padded
from millrace.learn.fitting import Progress, embedding_progress
from millrace.learn.methods.linear_probe import regression
from millrace.learn.model import AnyEncoder, Embedder, Head
from millrace.learn.requests import TrainRequest
from millrace.learn.scores import macro_f1
from millrace.learn.tasks.classify import Prepared
from millrace.learn.tuning import Tuning


class _Module(nn.Module):
    def __init__(self, encoder: AnyEncoder, head: Head) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(head.weight.shape[1], head.weight.shape[0])
        self.head.weight.data.copy_(head.weight)
        self.head.bias.data.copy_(head.bias)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return functional.linear(self.encoder(ids, mask), self.head.weight, self.head.bias)


class Classifier:
    """The training rows of a run, and what learns them."""

    def __init__(
        self, encoder: AnyEncoder, head: Head, base: Embedder, request: TrainRequest, data: Prepared, tuning: Tuning
    ) -> None:
        ids = base.ids(data.train.texts, request.max_length)
        self.module = _Module(encoder, head)
        self.lengths = [len(row) for row in ids]
        self._ids, self._device = ids, tuning.device
        self._targets = torch.from_numpy(data.train.targets)
        self._held_out = base.ids(data.validation.texts, request.max_length) if request.judge else []
        self._truth = data.validation.targets
        self._weights = torch.from_numpy(data.train.weights).float()

    def begin(self, rows: Sequence[int]) -> float:
        return float(self._weights[list(rows)].sum())

    def loss(self, rows: Sequence[int]) -> Tensor:
        inputs = padded([self._ids[row] for row in rows]).on(self._device)
        targets, weights = (column[list(rows)].to(self._device) for column in (self._targets, self._weights))
        losses = functional.cross_entropy(self.module(inputs.ids, inputs.mask), targets, reduction="none")
        return (losses * weights).sum()

    def judge(self, batch: int = 64) -> float:
        """Macro-F1 on held-out rows as it is now."""
        order = sorted(range(len(self._held_out)), key=lambda row: len(self._held_out[row]))
        said = np.empty(len(order), dtype=np.int64)
        for at in range(0, len(order), batch):
            rows = order[at : at + batch]
            inputs = padded([self._held_out[row] for row in rows]).on(self._device)
            said[rows] = self.module(inputs.ids, inputs.mask).argmax(dim=1).cpu().numpy()
        return macro_f1(self._truth, said)

    def head(self) -> Head:
        """What was learned of it."""
        return Head(self.module.head.weight.detach(), self.module.head.bias.detach())


def begun(
    request: TrainRequest, data: Prepared, settings: dict[str, Any], base: Embedder, tuning: Tuning, progress: Progress
) -> Head:
    """The linear probe on the base; of a run that goes on from its checkpoint only the shape counts."""
    if tuning.resumes:
        return Head(torch.empty((len(data.labels), base.encoder.dimensions)), torch.empty(len(data.labels)))
    report = embedding_progress(progress, len(data.train.texts), tuning.spent)
    embedded = base.on(tuning.device).embed(data.train.texts, max_length=request.max_length, progress=report)
    train = data.train
    return regression(embedded.vectors.double().numpy(), train.targets, train.weights, settings["C"], 1000)[0]
