"""Many versions in one process: one model for each base, however many heads and adapters stand on it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from millrace.learn import bases
from millrace.learn.errors import BaseMissing
from millrace.learn.requests import Parameters
from millrace.learn.tasks import task_within

if TYPE_CHECKING:
    from millrace.learn.language.speaker import Language, Speaker
    from millrace.learn.model import Embedder, Model


class Answered(Protocol):
    """What a version of any task says of an input: a label, an answer in words, or a number, as text too."""

    @property
    def label(self) -> str: ...
    @property
    def probabilities(self) -> list[float]: ...
    @property
    def top_probability(self) -> float | None: ...
    @property
    def entropy(self) -> float | None: ...
    @property
    def value(self) -> float | None: ...
    @property
    def novelty(self) -> float | None: ...
    @property
    def tokens(self) -> int: ...


class Asked(Protocol):
    """A version of any task, loaded. ``sample`` is something that it can be asked."""

    @property
    def pad_to(self) -> int | None: ...
    @property
    def sample(self) -> str: ...
    def predict(self, texts: Sequence[str], batch: int = 32) -> Sequence[Answered]: ...


class Shelf:
    """Load on one thread; ask for bases on any. ``threads`` is the number of cores that one forward may take."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._bases: dict[str, Embedder] = {}
        self._languages: dict[str, Language] = {}
        self._lock = Lock()

    def load(self, folder: Path, parameters: Parameters | None = None) -> Model:
        """A classifier of texts. Raises UnsafeFile, DamagedModel, UnknownBase or BaseMissing."""
        import torch

        from millrace.learn.model import load_model

        torch.set_num_threads(self._threads)
        return load_model(folder, self.base, parameters or Parameters())

    def open(self, folder: Path, parameters: Parameters | None = None) -> Asked:
        """A version of any task. Raises what `load` does, and WrongRequest."""
        loading = importlib.import_module(task_within(folder).LOADING)
        if (torch := sys.modules.get("torch")) is not None:  # what needs it has imported it
            torch.set_num_threads(self._threads)
        model: Asked = loading.opened(folder, self, parameters or Parameters())
        return model

    def base(self, name: str, digest: str | None = None) -> Embedder:
        """The shared encoder of a base, refused when it is not the one that a head was trained on."""
        import torch

        from millrace.learn.model import base_embedder

        torch.set_num_threads(self._threads)  # of the thread that asks: each has a number of its own
        _same(name, digest)
        with self._lock:  # two that come at once load it once
            if name not in self._bases:
                self._bases[name] = base_embedder(name)
            return self._bases[name]

    def speaker(self, folder: Path) -> Speaker:
        """A version of generate. Raises UnsafeFile, DamagedModel, UnknownBase or BaseMissing."""
        import torch

        from millrace.learn.language.speaker import load_speaker

        torch.set_num_threads(self._threads)
        return load_speaker(folder, self.language)

    def language(self, name: str, digest: str | None = None) -> Language:
        """The shared language model of a base, refused when it is not the one that a version stands on."""
        import torch

        from millrace.learn.language.speaker import base_language

        torch.set_num_threads(self._threads)
        _same(name, digest)
        with self._lock:
            if name not in self._languages:
                self._languages[name] = base_language(name)
            return self._languages[name]


def _same(name: str, digest: str | None) -> None:
    if digest is not None and (ours := bases.named(name).digest) != digest:
        raise BaseMissing(name, f"the model stands on {digest}, here is {ours}")
