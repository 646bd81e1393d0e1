"""A loaded version: texts in, answers out. Imports torch and transformers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from millrace.learn import bases
from millrace.learn.adapters import Adapted
from millrace.learn.errors import DamagedModel, WrongRequest
from millrace.learn.folder import SPEAKING, check, read_version
from millrace.learn.foreign import loaded
from millrace.learn.language import words
from millrace.learn.language.chat import Chat, Said
from millrace.learn.language.words import Answer
from millrace.learn.model import CPU, bfloat16_is_fast
from millrace.learn.tasks.generate import Version

OWN = ("config.json", "tokenizer.json", *sorted(SPEAKING))
"""What a version with weights of its own has of its base's files."""


@dataclass
class Language:
    """A causal language model and how it is spoken to. Kept in float32; asked in bfloat16 where that is fast."""

    model: Any
    chat: Chat
    source: Path

    def __post_init__(self) -> None:
        self._asked: Any = None

    @property
    def asked(self) -> Any:
        """What answers are computed by, on the processor."""
        if self._asked is None:
            self._asked = deepcopy(self.model).to(torch.bfloat16).eval() if bfloat16_is_fast() else self.model
        return self._asked

    @property
    def longest(self) -> int:
        return int(getattr(self.model.config, "max_position_embeddings", None) or 1 << 20)

    def merged(self, adapter: Adapted) -> Language:
        return Language(adapter.merged(self.model), self.chat, self.source)


@dataclass
class Speaker:
    version: Version
    language: Language
    adapter: Adapted | None = None

    def __post_init__(self) -> None:
        if self.version.max_length > self.language.longest:
            reason = f"{self.version.base.name} has positions for {self.language.longest} tokens"
            raise WrongRequest(f"max_length: {self.version.max_length} is too long: {reason}")
        self.speech = self.language.chat.speaks(self.version.prompt, self.version.max_length)

    def answer(
        self,
        texts: Sequence[str],
        *,
        seeds: Sequence[int] | None = None,
        batch: int = 16,
        told: Callable[[int], None] | None = None,
    ) -> list[Answer]:
        """In the order of the texts, a seed to each (0); blocks and computes on the calling thread.

        A text that is too long is cut, so that an answer has the tokens it may take, or half of the room.
        """
        decoding, room = self.version.decoding, self.speech.room
        asked = [self.speech.asked(text, min(decoding.max_tokens, room // 2))[0] for text in texts]
        seeds = list(seeds) if seeds is not None else [0] * len(asked)
        found: dict[int, Answer] = {}
        for rows in words.batches([len(one) for one in asked], batch, words.TOKENS_A_FORWARD):
            said = words.answers(
                self.language.asked,
                [asked[at] for at in rows],
                decoding,
                [seeds[at] for at in rows],
                self.language.chat.ends,
                self.language.chat.text,
                CPU,
                self.language.longest,
            )
            found |= dict(zip(rows, said, strict=True))
            if told:
                told(len(found))
        return [found[at] for at in range(len(asked))]

    def logp(
        self, exchanges: Sequence[tuple[str, str]], told: Callable[[int], None] | None = None
    ) -> list[tuple[float, int]]:
        """Of each answer to its text: the log-probability of its tokens together, and how many they are."""
        rows = [self.speech.said(text, answer) for text, answer in exchanges]
        found = words.each_logp(self.language.asked, rows, CPU, told)
        return [(value, len(row.answer)) for value, row in zip(found, rows, strict=True)]

    def said(self, text: str, answer: str) -> Said:
        return self.speech.said(text, answer)


def base_language(name: str) -> Language:
    """Raises UnknownBase, BaseMissing, WrongRequest for a base that is no language model."""
    if (kind := bases.named(name).kind) != "causal-lm":
        raise WrongRequest(f"base: {name} is of kind {kind}; answers come from a causal-lm")
    folder = bases.find(name)
    return Language(loaded(folder, "causal-lm").eval().requires_grad_(False), Chat(folder), folder)


def load_speaker(folder: Path, shared: Callable[[str, str], Language]) -> Speaker:
    """Raises UnsafeFile, DamagedModel or BaseMissing. ``shared`` gives the base of a name and digest."""
    check(folder)
    version = read_version(folder, Version)
    try:
        tensors = load_file(folder / "weights.safetensors")
    except SafetensorError as error:
        raise DamagedModel(str(folder), f"weights.safetensors: {error}") from None
    if version.weights == "own":
        return Speaker(version, _own(folder, tensors))
    base = shared(version.base.name, version.base.digest)
    if version.adapter is None:
        return Speaker(version, base)
    adapter = Adapted(version.adapter, {name.removeprefix("adapter."): value for name, value in tensors.items()})
    return Speaker(version, base.merged(adapter), adapter)


def _own(folder: Path, tensors: dict[str, Tensor]) -> Language:
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model: Any = AutoModelForCausalLM.from_config(config, dtype=torch.float32, trust_remote_code=False)
    try:
        fits = model.load_state_dict(
            {name.removeprefix("model."): value for name, value in tensors.items()}, strict=False, assign=True
        )
    except RuntimeError as error:
        raise DamagedModel(str(folder), f"its weights do not fit its config.json: {error}") from None
    model.tie_weights()
    if wrong := [*fits.unexpected_keys, *sorted(set(fits.missing_keys) - shared_names(model))]:
        raise DamagedModel(str(folder), f"its weights do not fit its config.json: {', '.join(wrong[:3])}")
    return Language(model.eval().requires_grad_(False), Chat(folder), folder)


def shared_names(model: Any) -> set[str]:
    """Names of weights that are another's under a second name, as an output layer that is the table of words."""
    return set(model.state_dict()) - set(own_tensors(model))


def own_tensors(model: Any) -> dict[str, Tensor]:
    """Every weight once."""
    found: dict[str, Tensor] = {}
    there = set()
    for name, value in model.state_dict().items():
        if value.data_ptr() not in there:
            there.add(value.data_ptr())
            found[name] = value
    return found


def write_speaker(folder: Path, speaker: Speaker) -> None:
    """Into an empty folder. What is the base's own is not written: a version that only prompts has no weights."""
    tensors: dict[str, Tensor] = {}
    if speaker.version.weights == "own":
        tensors = {f"model.{name}": value for name, value in own_tensors(speaker.language.model).items()}
        for name in OWN:
            if (speaker.language.source / name).is_file():
                shutil.copyfile(speaker.language.source / name, folder / name)
    elif speaker.adapter is not None:
        tensors = {f"adapter.{name}": value for name, value in speaker.adapter.tensors.items()}
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / "weights.safetensors")
    speaker.version.write(folder)
