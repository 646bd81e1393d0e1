"""What a language model makes of tokens: log-probabilities of answers, and answers. Imports torch and transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import DynamicCache

from millrace.learn.language.chat import Said
from millrace.workspace import Decoding


@dataclass(frozen=True, slots=True)
class Answer:
    """``logp`` is of all its tokens together; ``ended`` by its own end or a stop, or by its length."""

    text: str
    tokens: int
    logp: float
    ended: str
    seconds: float


def left_padded(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids and a mask of real tokens, which end together: the last place of each row is its last token."""
    length = max(len(row) for row in rows)
    ids = torch.zeros((len(rows), length), dtype=torch.long)
    mask = torch.zeros((len(rows), length), dtype=torch.long)
    for at, row in enumerate(rows):
        ids[at, length - len(row) :] = torch.tensor(row)
        mask[at, length - len(row) :] = 1
    return ids.to(device), mask.to(device)


def positions(mask: Tensor) -> Tensor:
    return (mask.cumsum(1) - 1).clamp(min=0)


def log_probabilities(model: Any, rows: Sequence[Said], device: torch.device) -> Tensor:
    """(rows,): of each answer after what was said, its tokens' log-probabilities together."""
    ids, mask = left_padded([[*row.asked, *row.answer] for row in rows], device)
    longest = max(len(row.answer) for row in rows)
    logits = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions(mask),
        use_cache=False,
        logits_to_keep=longest + 1,
    ).logits[:, :-1]
    targets = ids[:, -longest:]
    losses = functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
    lengths = torch.tensor([len(row.answer) for row in rows], device=device)
    counted = torch.arange(longest, device=device) >= longest - lengths[:, None]
    return -(losses.view(targets.shape) * counted).sum(1)


def batches(lengths: Sequence[int], most: int, tokens: int) -> list[list[int]]:
    """Rows of like length, at most so many rows and padded tokens together."""
    found: list[list[int]] = []
    for at in sorted(range(len(lengths)), key=lambda row: (lengths[row], row)):
        if not found or len(found[-1]) == most or (len(found[-1]) + 1) * lengths[at] > tokens:
            found.append([])
        found[-1].append(at)
    return found


TOKENS_A_FORWARD = 4096
"""Padded tokens in one forward: bounds memory."""


def each_logp(
    model: Any, rows: Sequence[Said], device: torch.device, told: Callable[[int], None] | None = None
) -> list[float]:
    """Of each row, without gradients."""
    found, done = [0.0] * len(rows), 0
    with torch.inference_mode():
        for batch in batches([len(row.asked) + len(row.answer) for row in rows], 16, TOKENS_A_FORWARD):
            said = log_probabilities(model, [rows[at] for at in batch], device).tolist()
            for at, value in zip(batch, said, strict=True):
                found[at] = value
            done += len(batch)
            if told:
                told(done)
    return found


class _Row:
    """One answer while it is said."""

    def __init__(self, at: int, seed: int) -> None:
        self.at, self.ids, self.logp, self.ended = at, list[int](), 0.0, "length"
        self.chance = torch.Generator().manual_seed(seed)


def answers(
    model: Any,
    asked: Sequence[Sequence[int]],
    decoding: Decoding,
    seeds: Sequence[int],
    ends: frozenset[int],
    text: Callable[[list[int]], str],
    device: torch.device,
    longest: int,
) -> list[Answer]:
    """One to each, said together; each draws from its own seed, so that it owes nothing to its neighbours' draws.

    An answer that has ended leaves the batch. ``longest`` is what the model has positions for.
    """
    started = perf_counter()
    rows = [_Row(at, seed) for at, seed in enumerate(seeds)]
    going, found = list(rows), dict[int, Answer]()
    most = min(decoding.max_tokens, longest - max(len(row) for row in asked))
    cache = DynamicCache(config=model.config)
    with torch.inference_mode():
        ids, mask = left_padded(asked, device)
        for step in range(most):
            here = positions(mask)[:, -ids.shape[1] :]
            logits = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=here,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1]
            chosen = _choose(logits.float().cpu(), decoding, going)
            for row, (token, logp) in zip(going, chosen, strict=True):
                row.logp += logp
                row.ids.append(token)
                if token in ends or (decoding.stop and _stopped(text(row.ids), decoding.stop)):
                    row.ended = "stop"
            stay = [at for at, row in enumerate(going) if row.ended != "stop" and step + 1 < most]
            for row in going:
                if row.ended == "stop" or step + 1 == most:
                    said = _until(text(row.ids), decoding.stop)
                    found[row.at] = Answer(said, len(row.ids), row.logp, row.ended, perf_counter() - started)
            if not stay:
                break
            if len(stay) < len(going):
                kept = torch.tensor(stay, device=device)
                cache.batch_select_indices(kept)
                mask, going = mask[kept], [going[at] for at in stay]
            ids = torch.tensor([[row.ids[-1]] for row in going], device=device)
            mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
    return [found[at] for at in range(len(rows))]


def _choose(logits: Tensor, decoding: Decoding, going: Sequence[_Row]) -> list[tuple[int, float]]:
    """A token for each row, and its log-probability under the model as it is, whatever the temperature."""
    plain = logits.log_softmax(-1)
    if decoding.temperature == 0:
        top = plain.max(-1)
        return list(zip(top.indices.tolist(), top.values.tolist(), strict=True))
    found = []
    for row, scaled in enumerate((logits / decoding.temperature).softmax(-1)):
        likely, order = scaled.sort(descending=True)
        likely[likely.cumsum(0) - likely >= decoding.top_p] = 0.0
        token = int(order[torch.multinomial(likely, 1, generator=going[row].chance)])
        found.append((token, float(plain[row, token])))
    return found


def _stopped(text: str, stop: Sequence[str]) -> bool:
    return any(one in text for one in stop)


def _until(text: str, stop: Sequence[str]) -> str:
    places = [text.find(one) for one in stop if one in text]
    return text[: min(places)].strip() if places else text
