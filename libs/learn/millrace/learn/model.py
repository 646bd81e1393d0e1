"""A loaded version: texts in, predictions out. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from millrace.learn import bases
from millrace.learn.encoder import Encoder, Shape, Tokens, build, padded
from millrace.learn.errors import DamagedModel
from millrace.learn.folder import Version, check, read_version
from millrace.learn.requests import Parameters
from millrace.learn.scores import Floats
from millrace.learn.tasks.classify import Prediction, entropies, softmax

TOKENS_A_FORWARD = 4096
"""Padded tokens in one forward: bounds memory, and how long other versions wait."""


def bfloat16_is_fast() -> bool:
    """Whether this processor multiplies bfloat16 itself; where not, answers are computed in float32."""
    return bool(torch.cpu._is_avx512_bf16_supported())


@dataclass(frozen=True)
class Embedded:
    """(texts, dimensions) unit vectors, tokens of each text, and seconds of each text's share of its batch."""

    vectors: Tensor
    tokens: list[int]
    seconds: list[float]


@dataclass
class Embedder:
    """An encoder with its tokenizer."""

    encoder: Encoder
    tokens: Tokens
    source: Path

    def __post_init__(self) -> None:
        # trained and kept in float32, asked in bfloat16: half the weights to stream for each text
        self.asked = deepcopy(self.encoder).to(torch.bfloat16).eval() if bfloat16_is_fast() else self.encoder

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
        ids = self.tokens.ids(texts, max_length)
        order = sorted(range(len(ids)), key=lambda at: (len(ids[at]), at))
        vectors = torch.empty((len(ids), self.encoder.shape.hidden_size))
        seconds = [0.0] * len(ids)
        done = 0
        with torch.inference_mode():
            for rows in _batches(order, ids, pad_to, batch):
                started = perf_counter()
                inputs = padded([ids[at] for at in rows], pad_to)
                vectors[rows] = functional.normalize(self.asked(inputs.ids, inputs.mask).float(), dim=-1)
                share = (perf_counter() - started) / len(rows)
                for at in rows:
                    seconds[at] = share
                done += len(rows)
                if progress is not None:
                    progress(done)
        return Embedded(vectors, [len(row) for row in ids], seconds)


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
    folder = bases.find(name)
    return _embedder(folder, load_file(folder / "model.safetensors"))


def _embedder(folder: Path, weights: dict[str, Tensor]) -> Embedder:
    encoder = build(Shape.read(folder / "config.json"), weights, str(folder))
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
    novelty = (1 - (embedded.vectors @ references.T).amax(dim=1)).clamp(min=0).tolist()
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

    def predict(self, texts: Sequence[str], batch: int = 32) -> list[Prediction]:
        """In the order of the texts, padded as declared; blocks and computes on the calling thread."""
        if not texts:
            return []
        return self.read(self.embedder.embed(texts, max_length=self.max_length, pad_to=self.pad_to, batch=batch))

    def read(self, embedded: Embedded) -> list[Prediction]:
        """What this version says of texts that its encoder has embedded."""
        return read(self.head, self.version.labels, self.version.temperature, self.references, embedded)


def load_model(folder: Path, shared: Callable[[str, str], Embedder], parameters: Parameters) -> Model:
    """Raises UnsafeFile, DamagedModel or BaseMissing. ``shared`` gives the base of a name and digest."""
    files = {path.name for path in check(folder)}
    version = read_version(folder)
    try:
        tensors = load_file(folder / "weights.safetensors")
        head = Head(tensors.pop("head.weight"), tensors.pop("head.bias"))
        references = tensors.pop("novelty.references")
    except (SafetensorError, KeyError) as error:
        raise DamagedModel(str(folder), f"weights.safetensors: {error}") from None
    if "config.json" in files:
        embedder = _embedder(folder, {name.removeprefix("encoder."): value for name, value in tensors.items()})
    else:
        embedder = shared(version.base.name, version.base.digest)
    width = embedder.encoder.shape.hidden_size
    if head.weight.shape != (len(version.labels), width) or references.shape[1:] != (width,) or not len(references):
        raise DamagedModel(str(folder), "its head does not fit its labels or its encoder")
    return Model(
        version,
        embedder,
        head,
        references,
        parameters.max_length or version.max_length,
        parameters.pad_to or version.pad_to,
    )


def write_weights(folder: Path, head: Head, references: Tensor, encoder: Encoder | None) -> None:
    """One file, equal bytes for equal numbers: safetensors orders names itself and we add no metadata."""
    tensors = {"head.weight": head.weight, "head.bias": head.bias, "novelty.references": references}
    if encoder is not None:
        tensors |= {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / "weights.safetensors")
