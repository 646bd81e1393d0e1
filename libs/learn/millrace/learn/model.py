"""A loaded version: texts in, predictions out. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from millrace.learn import bases
from millrace.learn.adapters import Adapted
from millrace.learn.encoder import Encoder, Shape, Tokens, build, padded
from millrace.learn.errors import DamagedModel
from millrace.learn.folder import Version, check, read_version
from millrace.learn.requests import Parameters
from millrace.learn.scores import Floats
from millrace.learn.tasks.classify import Prediction, entropies, softmax

if TYPE_CHECKING:
    from millrace.learn.foreign import Foreign, Unfinished
    from millrace.learn.shelf import Shelf

CPU = torch.device("cpu")
TOKENS_A_FORWARD = 4096
"""Padded tokens in one forward: bounds memory, and how long other versions wait."""


def bfloat16_is_fast() -> bool:
    """Whether this processor multiplies bfloat16 itself; where not, answers are computed in float32."""
    return bool(torch.cpu._is_avx512_bf16_supported())


@dataclass(frozen=True)
class Embedded:
    """(texts, dimensions) vectors, tokens of each text, and seconds of each text's share of its batch.

    Vectors are of length one, but for those of a sequence classifier: `unit` says so.
    """

    vectors: Tensor
    tokens: list[int]
    seconds: list[float]
    unit: bool = True

    @property
    def directions(self) -> Tensor:
        """The vectors at length one: what novelty is measured by."""
        return self.vectors if self.unit else functional.normalize(self.vectors, dim=-1)


AnyEncoder: TypeAlias = "Encoder | Foreign | Unfinished"


@dataclass
class Embedder:
    """An encoder with its tokenizer. Answers are computed on the processor, wherever an encoder was trained."""

    encoder: AnyEncoder
    tokens: Tokens
    source: Path
    device: torch.device = CPU

    def __post_init__(self) -> None:
        # trained and kept in float32, asked in bfloat16: half the weights to stream for each text
        if self.device.type != "cpu":
            self.asked = deepcopy(self.encoder).to(self.device).eval()
        else:
            self.asked = deepcopy(self.encoder).to(torch.bfloat16).eval() if bfloat16_is_fast() else self.encoder

    def ids(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        return self.tokens.ids(texts, min(max_length, self.encoder.longest))

    def on(self, device: torch.device) -> Embedder:
        return self if device == self.device else Embedder(self.encoder, self.tokens, self.source, device)

    def embed(
        self,
        texts: Sequence[str],
        *,
        max_length: int,
        pad_to: int | None = None,
        batch: int = 32,
        progress: Callable[[int], None] | None = None,
    ) -> Embedded:
        """Texts are sorted by length, so that a batch pads little."""
        ids = self.ids(texts, max_length)
        order = sorted(range(len(ids)), key=lambda at: (len(ids[at]), at))
        vectors = torch.empty((len(ids), self.encoder.dimensions))
        seconds = [0.0] * len(ids)
        done = 0
        with torch.inference_mode():
            for rows in _batches(order, ids, pad_to, batch):
                started = perf_counter()
                inputs = padded([ids[at] for at in rows], pad_to).on(self.device)
                told = self.asked(inputs.ids, inputs.mask).float()
                vectors[rows] = (functional.normalize(told, dim=-1) if self.encoder.unit else told).cpu()
                share = (perf_counter() - started) / len(rows)
                for at in rows:
                    seconds[at] = share
                done += len(rows)
                if progress is not None:
                    progress(done)
        return Embedded(vectors, [len(row) for row in ids], seconds, self.encoder.unit)


def _batches(order: list[int], ids: list[list[int]], pad_to: int | None, most: int) -> list[list[int]]:
    batches: list[list[int]] = []
    for at in order:
        length = max(len(ids[at]), pad_to or 0, 1)
        if not batches or len(batches[-1]) == most or (len(batches[-1]) + 1) * length > TOKENS_A_FORWARD:
            batches.append([])
        batches[-1].append(at)
    return batches


def base_embedder(name: str) -> Embedder:
    """The shared base; raises UnknownBase or BaseMissing."""
    return embedder_in(bases.find(name))


def embedder_in(folder: Path) -> Embedder:
    """The encoder of a folder that has the files of a base. Raises DamagedModel."""
    tokens = Tokens(folder / "tokenizer.json")
    shape = Shape.read(folder / "config.json")
    if shape is None or not (folder / "model.safetensors").is_file():
        from millrace.learn import foreign

        return Embedder(foreign.of_base(folder), tokens, folder)
    weights = {name.removeprefix("bert."): value for name, value in load_file(folder / "model.safetensors").items()}
    return Embedder(build(shape, weights, str(folder)), tokens, folder)


def _own_embedder(folder: Path, weights: dict[str, Tensor], *, classifier: bool) -> Embedder:
    shape = None if classifier else Shape.read(folder / "config.json")
    if shape is not None:
        return Embedder(build(shape, weights, str(folder)), Tokens(folder / "tokenizer.json"), folder)
    from millrace.learn import foreign

    encoder = foreign.of_weights(folder, weights, classifier=classifier)
    return Embedder(encoder, Tokens(folder / "tokenizer.json"), folder)


@dataclass
class Head:
    """logits = weight @ embedding + bias, shapes (labels, dimensions) and (labels,)."""

    weight: Tensor
    bias: Tensor

    def logits(self, embeddings: Tensor) -> Floats:
        with torch.inference_mode():
            scored = torch.nn.functional.linear(embeddings, self.weight, self.bias)
        return np.asarray(scored.double().numpy())


def read(
    head: Head, labels: Sequence[str], temperature: float, references: Tensor, embedded: Embedded
) -> list[Prediction]:
    """What embedded texts are: calibrated probabilities, and the distance to the nearest reference."""
    probabilities = softmax(head.logits(embedded.vectors), temperature)
    novelty = (1 - (embedded.directions @ references.T).amax(dim=1)).clamp(min=0).tolist()
    entropy = entropies(probabilities)
    predictions = []
    for row, distribution in enumerate(probabilities.tolist()):
        top = max(range(len(labels)), key=distribution.__getitem__)
        predictions.append(
            Prediction(
                labels[top], distribution, distribution[top], float(entropy[row]), novelty[row], embedded.tokens[row]
            )
        )
    return predictions


@dataclass
class Model:
    version: Version
    embedder: Embedder
    head: Head
    references: Tensor
    max_length: int
    pad_to: int | None
    adapter: Adapted | None = None
    sample = "the first text of a version takes longer than the others"
    """Something that it can be asked."""

    def predict(self, texts: Sequence[str], batch: int = 32) -> list[Prediction]:
        """In the order of the texts, padded as declared; blocks and computes on the calling thread."""
        if not texts:
            return []
        return self.read(self.embedder.embed(texts, max_length=self.max_length, pad_to=self.pad_to, batch=batch))

    def read(self, embedded: Embedded) -> list[Prediction]:
        """What this version says of texts that its encoder has embedded."""
        return read(self.head, self.version.labels, self.version.temperature, self.references, embedded)


def opened(folder: Path, shelf: Shelf, parameters: Parameters) -> Model:
    """Raises what `load_model` does."""
    return load_model(folder, shelf.base, parameters)


def load_model(folder: Path, shared: Callable[[str, str], Embedder], parameters: Parameters) -> Model:
    """Raises UnsafeFile, DamagedModel or BaseMissing. ``shared`` gives the base of a name and digest."""
    check(folder)
    version = read_version(folder)
    try:
        tensors = load_file(folder / "weights.safetensors")
        head = Head(tensors.pop("head.weight"), tensors.pop("head.bias"))
        references = tensors.pop("novelty.references")
    except (SafetensorError, KeyError) as error:
        raise DamagedModel(str(folder), f"weights.safetensors: {error}") from None
    adapter = None
    if version.carries_encoder:
        carried = {name.removeprefix("encoder."): value for name, value in tensors.items()}
        embedder = _own_embedder(folder, carried, classifier=version.encoder == "classifier")
    else:
        embedder = shared(version.base.name, version.base.digest)
    if version.adapter is not None:
        adapter = Adapted(version.adapter, {name.removeprefix("adapter."): value for name, value in tensors.items()})
        embedder = adapted(embedder, adapter)
    width = embedder.encoder.dimensions
    if head.weight.shape != (len(version.labels), width) or references.shape[1:] != (width,) or not len(references):
        raise DamagedModel(str(folder), "its head does not fit its labels or its encoder")
    return Model(
        version,
        embedder,
        head,
        references,
        parameters.max_length or version.max_length,
        parameters.pad_to or version.pad_to,
        adapter,
    )


def adapted(base: Embedder, adapter: Adapted) -> Embedder:
    """The base's encoder with an adapter merged into a copy of it."""
    return Embedder(adapter.merged(base.encoder), base.tokens, base.source)


def write_weights(
    folder: Path, head: Head, references: Tensor, encoder: AnyEncoder | None, adapter: Adapted | None
) -> None:
    """One file, equal bytes for equal numbers: safetensors orders names itself and we add no metadata."""
    tensors = {"head.weight": head.weight, "head.bias": head.bias, "novelty.references": references}
    if encoder is not None:
        tensors |= {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    if adapter is not None:
        tensors |= {f"adapter.{name}": value for name, value in adapter.tensors.items()}
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / "weights.safetensors")
