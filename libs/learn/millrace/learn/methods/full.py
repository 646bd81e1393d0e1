"""Full fine-tuning of the base, or of an earlier version of it, and a head: stopped by a budget and judged as it is.

The head begins as the linear probe, so that the encoder's features are not spoilt by a head of chance (Kumar et al.
2022, "Fine-tuning can distort pretrained features"), and a short budget ends no worse than about where the probe does.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from millrace.learn import bases
from millrace.learn.checkpoint import Checkpoint, State
from millrace.learn.encoder import Encoder, padded
from millrace.learn.errors import WrongRequest
from millrace.learn.fitting import Fitted, Progress, embedding_progress, settings_of
from millrace.learn.folder import BaseName, read_version
from millrace.learn.methods.linear_probe import regression
from millrace.learn.model import Embedder, Head, base_embedder
from millrace.learn.requests import TrainRequest
from millrace.learn.shelf import Shelf
from millrace.learn.tasks.classify import Prepared

DEFAULTS = {"epochs": 3, "batch": 32, "rate": 1e-4, "C": 20.0}
WARM_UP = 8
"""Steps of rising rate, which also time the machine: the plan for the budget is made after them."""
MARGIN = 0.97
"""Share of the budget that the plan fills, so that the rate has come down when the budget ends."""
BUCKET = 16
"""Batches whose rows are sorted by length together."""


class Tuned(nn.Module):
    def __init__(self, encoder: Encoder, head: Head) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(head.weight.shape[1], head.weight.shape[0])
        self.head.weight.data.copy_(head.weight)
        self.head.bias.data.copy_(head.bias)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return functional.linear(self.encoder(ids, mask), self.head.weight, self.head.bias)


def fit(request: TrainRequest, data: Prepared, progress: Progress) -> Fitted:
    settings = settings_of(request, DEFAULTS)
    if (request.steps is None) != (request.planned_steps is None):
        raise WrongRequest("steps and planned_steps: a replay needs both")
    run = _Run(request, data, settings, progress)
    run.begin()
    run.go_on()
    base = BaseName(name=request.base, digest=bases.named(request.base).digest)
    head = Head(run.tuned.head.weight.data, run.tuned.head.bias.data)
    embedder = Embedder(run.tuned.encoder.eval().requires_grad_(False), run.tokens, run.source)
    return Fitted(
        embedder,
        True,
        head,
        base,
        run.step,
        run.planned or run.step,
        run.stopped,
        run.spent(),
        settings,
        "full",
        run.resumed,
    )


@dataclass
class _Run:
    request: TrainRequest
    data: Prepared
    settings: dict[str, float]
    progress: Progress
    step: int = 0
    planned: int | None = None
    stopped: str = "epochs"
    resumed: int | None = None
    before: float = 0.0
    started: float = field(default_factory=perf_counter)

    def spent(self) -> float:
        """Seconds of fitting over all attempts."""
        return self.before + perf_counter() - self.started

    def begin(self) -> None:
        """From the checkpoint of the same request, or from the encoder to start from with the probe's head."""
        base = self._start()
        self.tokens, self.source = base.tokens, base.source
        self.ids = base.tokens.ids(self.data.train.texts, self.request.max_length)
        self.batch = int(self.settings["batch"])
        self.epoch_steps = -(-len(self.ids) // self.batch)
        self.whole = self.epoch_steps * int(self.settings["epochs"])
        self.checkpoint = Checkpoint.of(self.request)
        state = self.checkpoint.load() if self.checkpoint else None
        self.tuned = Tuned(deepcopy(base.encoder), self._probe(base) if state is None else self._no_head(base))
        self.optimizer = torch.optim.AdamW(
            self.tuned.requires_grad_(True).parameters(), lr=self.settings["rate"], weight_decay=0.01, fused=True
        )
        if state is not None:
            self._take_up(state)
        elif self.request.planned_steps is not None:
            self.planned = self.request.planned_steps

    def _start(self) -> Embedder:
        if self.request.start is None:
            return base_embedder(self.request.base)
        version = read_version(self.request.start)
        if version.base.name != self.request.base:
            raise WrongRequest(f"start: {self.request.start} stands on {version.base.name}, not {self.request.base}")
        return Shelf(self.request.threads).load(self.request.start).embedder

    def _probe(self, base: Embedder) -> Head:
        report = embedding_progress(self.progress, len(self.ids), self.spent)
        embedded = base.embed(self.data.train.texts, max_length=self.request.max_length, progress=report)
        train = self.data.train
        return regression(embedded.vectors.double().numpy(), train.targets, train.weights, self.settings["C"], 1000)[0]

    def _no_head(self, base: Embedder) -> Head:
        labels = len(self.data.labels)
        return Head(torch.empty((labels, base.encoder.shape.hidden_size)), torch.empty(labels))

    def _take_up(self, state: State) -> None:
        state.restore(self.tuned, self.optimizer)
        self.step, self.planned, self.before, self.resumed = state.step, state.planned, state.seconds, state.step

    def go_on(self) -> None:
        """Steps until the epochs, the replay or the budget are over."""
        saved = perf_counter()
        timed = perf_counter()
        last = self.whole if self.request.steps is None else self.request.steps
        self.tuned.train()
        for rows in self._rows_from(self.step):
            if self.step >= min(last, self.planned or last):
                break
            if self._budget_is_over():
                break
            loss = self._learn(rows)
            self.step += 1
            self.progress("fit", self.step, min(last, self.planned or last), loss, self.spent())
            if self.planned is None and self.step == WARM_UP:
                self._plan((perf_counter() - timed) / WARM_UP)
            if self.checkpoint and perf_counter() - saved >= self.request.checkpoint_seconds:
                self.checkpoint.save(State.of(self.tuned, self.optimizer, self.step, self.planned, self.spent()))
                saved = perf_counter()
        self.stopped = "steps" if self.request.steps is not None else "epochs" if self.step >= self.whole else "budget"

    def _budget_is_over(self) -> bool:
        budget = self.request.budget_seconds
        return self.request.steps is None and budget is not None and self.spent() >= budget

    def _plan(self, seconds_a_step: float) -> None:
        """How many steps the budget is good for, decided once and recorded, so that a replay has the same rates."""
        self.planned = self.whole
        if self.request.budget_seconds is not None:
            left = self.request.budget_seconds * MARGIN - self.spent()
            self.planned = min(self.whole, WARM_UP + max(0, int(left / seconds_a_step)))

    def _learn(self, rows: list[int]) -> float:
        # Seeded for each step, so that a run taken up again draws the same dropout as one never broken off.
        torch.manual_seed(self.request.seed * 1_000_003 + self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings["rate"] * self._share_of_rate()
        inputs = padded([self.ids[row] for row in rows])
        targets = torch.from_numpy(self.data.train.targets[rows])
        weights = torch.from_numpy(self.data.train.weights[rows]).float()
        losses = functional.cross_entropy(self.tuned(inputs.ids, inputs.mask), targets, reduction="none")
        loss = (losses * weights).sum() / weights.sum().clamp(min=1e-9)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.tuned.parameters(), 1.0)
        self.optimizer.step()
        return float(loss.item())

    def _share_of_rate(self) -> float:
        """Up over the first steps, then down in a line to nothing at the planned last step."""
        if self.step < WARM_UP:
            return (self.step + 1) / WARM_UP
        end = self.planned or self.whole
        return max(0.0, (end - self.step) / max(1, end - WARM_UP))

    def _rows_from(self, step: int) -> Iterator[list[int]]:
        for epoch in range(step // self.epoch_steps, int(self.settings["epochs"])):
            first = step - epoch * self.epoch_steps if epoch == step // self.epoch_steps else 0
            yield from self._epoch(epoch)[first:]

    def _epoch(self, epoch: int) -> list[list[int]]:
        """Batches of rows of like length, in an order of chance: the same for the same seed and epoch."""
        chance = np.random.default_rng([self.request.seed, epoch])
        order = [int(row) for row in chance.permutation(len(self.ids))]
        span = self.batch * BUCKET
        batches = []
        for start in range(0, len(order), span):
            near = sorted(order[start : start + span], key=lambda row: (len(self.ids[row]), row))
            batches += [near[at : at + self.batch] for at in range(0, len(near), self.batch)]
        return [batches[int(at)] for at in chance.permutation(len(batches))]
