"""The steps of a fine-tuning, whatever is tuned: planned for a budget, taken up again, told. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from millrace.learn.checkpoint import Checkpoint, State, learned
from millrace.learn.devices import arithmetic, device_for
from millrace.learn.errors import WrongRequest
from millrace.learn.fitting import Progress
from millrace.learn.requests import TrainRequest

DEFAULTS = {"epochs": 3, "batch": 32, "rate": 1e-4}
"""Settings that every fine-tuning has."""
WARM_UP = 8
"""Steps of rising rate, which also time the machine: the plan for the budget is made after them."""
MARGIN = 0.97
"""Share of the budget that the plan fills, so that the rate has come down when the budget ends."""
QUARTERS = 4
"""Parts of a run after each of which, but for the last, it may be judged on the way."""
BUCKET = 16
"""Batches whose rows are sorted by length together."""


class Tuned(Protocol):
    """Something to fine-tune. Its module's parameters that require gradients are learned, the others stand still."""

    @property
    def module(self) -> nn.Module: ...
    @property
    def lengths(self) -> Sequence[int]:
        """Tokens of each training row: rows of like length go into one batch."""

    def begin(self, rows: Sequence[int]) -> float:
        """A step over some rows begins: what they count for together, by which the sum of their losses is divided."""

    def loss(self, rows: Sequence[int]) -> Tensor:
        """The weighted sum of some rows' losses."""


@dataclass(frozen=True)
class Ended:
    steps: int
    planned: int
    stopped: str
    seconds: float
    resumed_from: int | None


class Tuning:
    """One fine-tuning. Its clock, which the budget is of, starts with it."""

    def __init__(self, request: TrainRequest, settings: dict[str, Any], progress: Progress) -> None:
        if (request.steps is None) != (request.planned_steps is None):
            raise WrongRequest("steps and planned_steps: a replay needs both")
        if request.accumulate > settings["batch"]:
            raise WrongRequest(f"accumulate: a batch of {settings['batch']} rows has no {request.accumulate} parts")
        self._started = perf_counter()
        self._request, self._settings, self._progress = request, settings, progress
        self.device = device_for(request.device)
        self._batch, self._epochs = int(settings["batch"]), int(settings["epochs"])
        self._checkpoint = Checkpoint.of(request)
        self._state = self._checkpoint.load() if self._checkpoint else None
        self._step = self._state.step if self._state else 0
        self._planned = self._state.planned if self._state else request.planned_steps
        self._before = self._state.seconds if self._state else 0.0

    @property
    def resumes(self) -> bool:
        """Whether it goes on from a checkpoint, so that what was learned need not be set up."""
        return self._state is not None

    def spent(self) -> float:
        """Seconds of fitting over all attempts."""
        return self._before + perf_counter() - self._started

    def run(self, tuned: Tuned, judge: Callable[[], float] | None = None) -> Ended:
        """Steps until the epochs, the replay or the budget are over. Where the request asks for it, `judge` says at
        each quarter how good it is on held-out rows, which changes nothing that is learned."""
        tuned.module.to(self.device)
        optimizer = torch.optim.AdamW(
            learned(tuned.module).values(), lr=self._settings["rate"], weight_decay=0.01, fused=True
        )
        if self._state is not None:
            self._state.restore(tuned.module, optimizer)
        rows = _Order(tuned.lengths, self._batch, self._epochs, self._request.seed)
        resumed, self._state = self._step if self._state else None, None
        last = rows.steps if self._request.steps is None else self._request.steps
        judge = judge if self._request.judge else None
        quarter = self._quarter(last)
        saved = timed = perf_counter()
        tuned.module.train()
        for batch in rows.since(self._step):
            if self._step >= min(last, self._planned or last) or self._budget_is_over():
                break
            loss = self._learn(tuned, optimizer, batch, rows.steps)
            self._step += 1
            self._progress("fit", self._step, min(last, self._planned or last), loss, self.spent())
            if self._planned is None and self._step == WARM_UP:
                self._plan((perf_counter() - timed) / WARM_UP, rows.steps)
            if judge and quarter < self._quarter(last) < QUARTERS:
                quarter = self._quarter(last)
                self._progress("judge", quarter, QUARTERS, _judged(tuned.module, judge), self.spent())
            if self._checkpoint and perf_counter() - saved >= self._request.checkpoint_seconds:
                self._checkpoint.save(State.of(tuned.module, optimizer, self._step, self._planned, self.spent()))
                self._progress("checkpoint", self._step, min(last, self._planned or last), None, self.spent())
                saved = perf_counter()
        tuned.module.eval().to("cpu")
        stopped = "steps" if self._request.steps is not None else "epochs" if self._step >= rows.steps else "budget"
        return Ended(self._step, self._planned or self._step, stopped, self.spent(), resumed)

    def _quarter(self, last: int) -> int:
        return self._step * QUARTERS // max(1, min(last, self._planned or last))

    def _budget_is_over(self) -> bool:
        budget = self._request.budget_seconds
        return self._request.steps is None and budget is not None and self.spent() >= budget

    def _plan(self, seconds_a_step: float, whole: int) -> None:
        """How many steps the budget is good for, decided once and recorded, so that a replay has the same rates."""
        self._planned = whole
        if self._request.budget_seconds is not None:
            left = self._request.budget_seconds * MARGIN - self.spent()
            self._planned = min(whole, WARM_UP + max(0, int(left / seconds_a_step)))

    def _learn(self, tuned: Tuned, optimizer: torch.optim.Optimizer, rows: list[int], whole: int) -> float:
        """One step. With ``accumulate`` its rows are computed in so many parts, which need less memory at once."""
        # Seeded for each step, so that a run taken up again draws the same dropout as one never broken off.
        torch.manual_seed(self._request.seed * 1_000_003 + self._step)
        for group in optimizer.param_groups:
            group["lr"] = self._settings["rate"] * self._share_of_rate(self._planned or whole)
        optimizer.zero_grad(set_to_none=True)
        with arithmetic(self.device, self._request.precision):
            weight = max(tuned.begin(rows), 1e-9)
        size = -(-len(rows) // self._request.accumulate)
        total = 0.0
        for at in range(0, len(rows), size):
            with arithmetic(self.device, self._request.precision):
                loss = tuned.loss(rows[at : at + size]) / weight
            torch.autograd.backward(loss)
            total += float(loss.detach().item())
        nn.utils.clip_grad_norm_(learned(tuned.module).values(), 1.0)
        optimizer.step()
        return total

    def _share_of_rate(self, end: int) -> float:
        """Up over the first steps, then down in a line to nothing at the planned last step."""
        if self._step < WARM_UP:
            return (self._step + 1) / WARM_UP
        return max(0.0, (end - self._step) / max(1, end - WARM_UP))


def _judged(module: nn.Module, judge: Callable[[], float]) -> float:
    module.eval()
    with torch.inference_mode():
        score = judge()
    module.train()
    return score


class _Order:
    """Batches of rows of like length, in an order of chance: the same for the same seed and epoch."""

    def __init__(self, lengths: Sequence[int], batch: int, epochs: int, seed: int) -> None:
        self._lengths, self._batch, self._epochs, self._seed = lengths, batch, epochs, seed
        self._epoch_steps = -(-len(lengths) // batch)
        self.steps = self._epoch_steps * epochs

    def since(self, step: int) -> Iterator[list[int]]:
        for epoch in range(step // self._epoch_steps, self._epochs):
            first = step - epoch * self._epoch_steps if epoch == step // self._epoch_steps else 0
            yield from self._epoch(epoch)[first:]

    def _epoch(self, epoch: int) -> list[list[int]]:
        chance = np.random.default_rng([self._seed, epoch])
        order = [int(row) for row in chance.permutation(len(self._lengths))]
        span = self._batch * BUCKET
        batches = []
        for start in range(0, len(order), span):
            near = sorted(order[start : start + span], key=lambda row: (self._lengths[row], row))
            batches += [near[at : at + self._batch] for at in range(0, len(near), self._batch)]
        return [batches[int(at)] for at in chance.permutation(len(batches))]
