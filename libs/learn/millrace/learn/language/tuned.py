"""What a language model learns of: answers, pairs of a better and a worse one, ratings. Imports torch.

Each is a `tuning.Tuned`. A reference is what the version that a run goes on from says, computed once before its steps,
so that one model is in memory while they run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from millrace.learn.devices import arithmetic
from millrace.learn.fitting import Progress
from millrace.learn.language.chat import Said, Speech
from millrace.learn.language.words import each_logp, log_probabilities
from millrace.learn.requests import TrainRequest
from millrace.learn.tasks.generate import Exchange
from millrace.learn.tuning import Tuning


class Answers:
    """Answers to be said again. The loss is of their tokens alone, not of what was asked: every token counts alike."""

    def __init__(self, module: nn.Module, rows: Sequence[Exchange], speech: Speech, tuning: Tuning) -> None:
        self.module, self._device = module, tuning.device
        self._said = [speech.said(row.text, row.answer) for row in rows]
        self._weights = torch.tensor([row.weight for row in rows])
        self.lengths = [_length(said) for said in self._said]
        self.cut = sum(said.cut for said in self._said)

    def begin(self, rows: Sequence[int]) -> float:
        return float(sum(float(self._weights[row]) * len(self._said[row].answer) for row in rows))

    def loss(self, rows: Sequence[int]) -> Tensor:
        said = log_probabilities(self.module, [self._said[row] for row in rows], self._device)
        return -(said * self._weights[list(rows)].to(self._device)).sum()


class Pairs:
    """A better answer and a worse one to the same text (Rafailov et al. 2023, "DPO").

    ``beta`` is how much it costs to leave the reference; ``anchor`` adds so much of the better answer's loss by token,
    so that it is not made less likely together with the worse one (Pang et al. 2024).
    """

    def __init__(
        self, module: nn.Module, rows: Sequence[Exchange], speech: Speech, tuning: Tuning, settings: dict[str, Any]
    ) -> None:
        self.module, self._device = module, tuning.device
        self._beta, self._anchor = settings["beta"], settings["anchor"]
        pairs = [(speech.said(row.text, row.answer), speech.said(row.text, row.rejected or "")) for row in rows]
        self._better, self._worse = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        self._weights = torch.tensor([row.weight for row in rows])
        self.lengths = [max(map(_length, pair)) for pair in pairs]
        self.cut = sum(any(said.cut for said in pair) for pair in pairs)
        self._reference = torch.zeros(len(rows))

    def remember(self, request: TrainRequest, progress: Progress, tuning: Tuning) -> None:
        """What the module, not tuned yet, says of both."""
        said = torch.tensor(references(self.module, [*self._better, *self._worse], request, progress, tuning))
        self._reference = said[: len(self._better)] - said[len(self._better) :]

    def begin(self, rows: Sequence[int]) -> float:
        return float(self._weights[list(rows)].sum())

    def loss(self, rows: Sequence[int]) -> Tensor:
        better, worse = [self._better[row] for row in rows], [self._worse[row] for row in rows]
        said = log_probabilities(self.module, [*better, *worse], self._device)
        chosen, rejected = said[: len(rows)], said[len(rows) :]
        margin = chosen - rejected - self._reference[list(rows)].to(self._device)
        tokens = torch.tensor([len(one.answer) for one in better], device=self._device)
        losses = -functional.logsigmoid(self._beta * margin) - self._anchor * chosen / tokens
        return torch.sum(losses * self._weights[list(rows)].to(self._device))


class Ratings:
    """Answers that were rated good or bad, each alone (Ethayarajh et al. 2024, "KTO").

    How far the model has gone from the reference is told by answers that belong to other rows' texts, one to each row,
    drawn once; it moves no weights. Good and bad ones count alike together, however many there are of each.
    """

    def __init__(
        self, module: nn.Module, rows: Sequence[Exchange], speech: Speech, tuning: Tuning, settings: dict[str, Any]
    ) -> None:
        self.module, self._device, self._beta = module, tuning.device, settings["beta"]
        self._said = [speech.said(row.text, row.answer) for row in rows]
        self._strange = [
            speech.said(rows[one].text, rows[other].answer) for one, other in enumerate(_others(len(rows)))
        ]
        good = torch.tensor([row.is_good for row in rows])
        weights = torch.tensor([row.weight for row in rows])
        shares = {side: float(weights[good == side].sum() / weights.sum()) for side in (True, False)}
        self._good = good
        self._weights = weights / torch.tensor([2 * shares[bool(side)] for side in good])
        self.lengths = [
            max(_length(said), _length(other)) for said, other in zip(self._said, self._strange, strict=True)
        ]
        self.cut = sum(said.cut for said in self._said)
        self._reference, self._strange_reference = torch.zeros(len(rows)), torch.zeros(len(rows))
        self._gone = 0.0

    def remember(self, request: TrainRequest, progress: Progress, tuning: Tuning) -> None:
        """What the module, not tuned yet, says of each answer, and of the others' answers."""
        said = torch.tensor(references(self.module, [*self._said, *self._strange], request, progress, tuning))
        self._reference, self._strange_reference = said[: len(self._said)], said[len(self._said) :]

    def begin(self, rows: Sequence[int]) -> float:
        with torch.no_grad():
            strange = [self._strange[row] for row in rows]
            said = log_probabilities(self.module, strange, self._device).cpu()
        self._gone = max(0.0, float((said - self._strange_reference[list(rows)]).mean()))
        return float(self._weights[list(rows)].sum())

    def loss(self, rows: Sequence[int]) -> Tensor:
        said = log_probabilities(self.module, [self._said[row] for row in rows], self._device)
        gained = said - self._reference[list(rows)].to(self._device) - self._gone
        side = torch.where(self._good[list(rows)], 1.0, -1.0).to(self._device)
        losses = 1 - torch.sigmoid(self._beta * gained * side)
        return (losses * self._weights[list(rows)].to(self._device)).sum()


def references(
    module: nn.Module, said: Sequence[Said], request: TrainRequest, progress: Progress, tuning: Tuning
) -> list[float]:
    module.to(tuning.device).eval()
    with arithmetic(tuning.device, request.precision):
        return each_logp(
            module, said, tuning.device, lambda done: progress("reference", done, len(said), None, tuning.spent())
        )


def _length(said: Said) -> int:
    return len(said.asked) + len(said.answer)


def _others(rows: int) -> list[int]:
    """Another row for each: a ring in an order of chance, the same for as many rows."""
    ring = [int(row) for row in np.random.default_rng(rows).permutation(rows)]
    found = [0] * rows
    for place, row in enumerate(ring):
        found[row] = ring[(place + 1) % rows]
    return found
