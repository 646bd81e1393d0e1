"""What a method goes on from, and what is learned of it. Imports torch, transformers and peft."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol

from peft import get_peft_model_state_dict, set_peft_model_state_dict
from torch import nn

from millrace.learn.adapters import Adapted
from millrace.learn.errors import WrongRequest
from millrace.learn.fitting import Progress, base_named
from millrace.learn.folder import Adapter, BaseName, Encoded, read_version, task_of
from millrace.learn.language.chat import Speech
from millrace.learn.language.speaker import Language, base_language
from millrace.learn.methods.lora import injected
from millrace.learn.shelf import Shelf
from millrace.learn.tasks.generate import Prepared, Request, Uses, Version
from millrace.learn.tuning import Ended
from millrace.workspace import Decoding, Prompt


@dataclass(frozen=True)
class Start:
    """The base, or an earlier version on it: ``base`` is the base's own, ``adapter`` what the version added to it."""

    name: BaseName
    base: Language
    weights: Encoded
    adapter: Adapted | None
    prompt: Prompt
    decoding: Decoding

    @classmethod
    def of(cls, request: Request) -> Start:
        """Raises WrongRequest, and what loading a version does."""
        name = base_named(request.base)
        if request.start is None:
            prompt, decoding = request.prompt or Prompt(), request.decoding or Decoding()
            return cls(name, base_language(request.base), "base", None, prompt, decoding)
        if (task := task_of(request.start)) != request.task:
            raise WrongRequest(f"start: {request.start} is of {task}, not {request.task}")
        version = read_version(request.start, Version)
        if version.base.name != request.base:
            raise WrongRequest(f"start: {request.start} stands on {version.base.name}, not {request.base}")
        shelf = Shelf(request.threads)
        speaker = shelf.speaker(request.start)
        language = shelf.language(request.base, version.base.digest) if speaker.adapter else speaker.language
        prompt, decoding = request.prompt or version.prompt, request.decoding or version.decoding
        return cls(version.base, language, version.weights, speaker.adapter, prompt, decoding)

    @property
    def language(self) -> Language:
        """As it answers."""
        return self.base.merged(self.adapter) if self.adapter else self.base

    def speech(self, request: Request) -> Speech:
        return self.base.chat.speaks(self.prompt, request.max_length)

    def adapting(self, shape: Adapter, seed: int) -> nn.Module:
        """The base with an adapter that alone learns: a new one that adds nothing yet, or the one there is."""
        skip = [name for name, module in self.base.model.named_modules() if module is _output(self.base.model)]
        module: nn.Module = injected(self.base.model, shape, seed, skip)
        if self.adapter is not None:
            set_peft_model_state_dict(module, self.adapter.tensors)
        return module

    def whole(self) -> nn.Module:
        """Its weights, all of which learn."""
        model: nn.Module = deepcopy(self.language.model).requires_grad_(True)
        return model

    def learning(self, seed: int) -> nn.Module:
        """What it has of its own, which goes on learning: its adapter, else all weights."""
        return self.adapting(self.adapter.shape, seed) if self.adapter else self.whole()


def _output(model: Any) -> Any:
    return model.get_output_embeddings()


@dataclass(frozen=True)
class Fitted:
    """``language`` is asked as it is, an adapter merged into it; ``weights`` says what of it goes into the folder."""

    start: Start
    language: Language
    weights: Encoded
    adapter: Adapted | None
    steps: int
    planned_steps: int
    stopped: str
    seconds: float
    settings: dict[str, Any]
    resumed_from: int | None
    cut: int


class Method(Protocol):
    USES: Uses | None

    def fit(self, request: Request, data: Prepared, progress: Progress) -> Fitted: ...


def fitted(start: Start, module: nn.Module, shape: Adapter | None, ended: Ended, settings: Any, cut: int) -> Fitted:
    """What a tuning ended with; ``shape`` is that of the adapter which alone has learned."""
    module = module.eval().requires_grad_(False)
    adapter = None
    if shape is not None:
        tensors = {name: value.detach() for name, value in get_peft_model_state_dict(module).items()}
        adapter = Adapted(shape, tensors)
    language = start.base.merged(adapter) if adapter else Language(module, start.base.chat, start.base.source)
    return Fitted(
        start=start,
        language=language,
        weights="adapted" if adapter else "own",
        adapter=adapter,
        steps=ended.steps,
        planned_steps=ended.planned,
        stopped=ended.stopped,
        seconds=ended.seconds,
        settings=settings,
        resumed_from=ended.resumed_from,
        cut=cut,
    )
