"""A loaded version: features as JSON texts in, numbers or labels out. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from millrace.learn.errors import DamagedModel
from millrace.learn.folder import TREES, check, read_version
from millrace.learn.requests import Parameters
from millrace.learn.scores import Floats
from millrace.learn.tabular.columns import Columns
from millrace.learn.tasks.classify import entropies, softmax
from millrace.learn.tasks.tabular import Prediction, Version, cells


class Predictor(Protocol):
    """What was learned: of a matrix a column of numbers, or a column of logits for each label."""

    @property
    def size(self) -> int:
        """How many numbers were learned."""

    def raw(self, matrix: Floats, columns: Columns) -> Floats: ...
    def write(self, folder: Path) -> dict[str, Floats]:
        """Files of its own go into the folder; what it gives becomes part of weights.safetensors."""


@dataclass(frozen=True)
class Linear:
    """weight of shape (outputs, columns), bias of shape (outputs)."""

    weight: Floats
    bias: Floats

    @property
    def size(self) -> int:
        return self.weight.size + self.bias.size

    def raw(self, matrix: Floats, columns: Columns) -> Floats:
        return np.asarray(columns.of(matrix) @ self.weight.T + self.bias)

    def write(self, folder: Path) -> dict[str, Floats]:
        return {"linear.weight": self.weight, "linear.bias": self.bias}


@dataclass(frozen=True)
class Trees:
    """LightGBM's own text, which is data: it names thresholds, never code. What is asked was read from it."""

    text: str
    booster: Any
    outputs: int
    """Labels; 0 of a regression."""

    @classmethod
    def of(cls, text: str, outputs: int) -> Trees:
        """Raises lightgbm's error, for what it can't read."""
        import lightgbm

        return cls(text, lightgbm.Booster(model_str=text), outputs)

    @property
    def size(self) -> int:
        leaves = [int(line.partition("=")[2]) for line in self.text.splitlines() if line.startswith("num_leaves=")]
        return sum(2 * some - 1 for some in leaves)

    def raw(self, matrix: Floats, columns: Columns) -> Floats:
        told = np.asarray(self.booster.predict(matrix, raw_score=True, num_threads=1), dtype=np.float64)
        if told.ndim == 1:  # of two labels it tells how much the second is likelier
            told = np.stack([np.zeros(len(told)), told], axis=1) if self.outputs else told[:, None]
        return told

    def write(self, folder: Path) -> dict[str, Floats]:
        (folder / TREES).write_text(self.text, encoding="utf-8")
        return {}


@dataclass
class Model:
    version: Version
    predictor: Predictor
    columns: Columns
    references: Floats
    max_length: None = None
    pad_to: None = None

    @property
    def sample(self) -> str:
        """Something that it can be asked."""
        return "{" + ", ".join(f'"{name}": null' for name in self.version.features) + "}"

    def predict(self, texts: Sequence[str], batch: int = 0) -> list[Prediction]:
        """In the order of the texts. A feature that is declared no more is missing. Raises WrongFeature."""
        if not texts:
            return []
        features = self.version.features
        rows = [cells(text, features, f"input {number}", whole=False) for number, text in enumerate(texts, 1)]
        return self.read(np.array(rows, dtype=np.float64))

    def read(self, matrix: Floats) -> list[Prediction]:
        raw = self.predictor.raw(matrix, self.columns)
        novelty = self.columns.novelty(self.columns.of(matrix), self.references).tolist()
        return told(self.version.labels, self.version.temperature, raw, novelty)


def told(labels: Sequence[str], temperature: float, raw: Floats, novelty: Sequence[float]) -> list[Prediction]:
    """What raw figures say: a number, or calibrated probabilities."""
    if not labels:
        return [
            Prediction(repr(value), [], None, None, far) for value, far in zip(raw[:, 0].tolist(), novelty, strict=True)
        ]
    shares = softmax(raw, temperature)
    entropy = entropies(shares).tolist()
    found = []
    for row, distribution in enumerate(shares.tolist()):
        top = max(range(len(labels)), key=distribution.__getitem__)
        found.append(Prediction(labels[top], distribution, distribution[top], entropy[row], novelty[row]))
    return found


def write(folder: Path, model: Model) -> None:
    tensors = model.predictor.write(folder)
    tensors |= {
        "columns.centre": model.columns.centre,
        "columns.scale": model.columns.scale,
        "novelty.references": model.references,
    }
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / "weights.safetensors")
    model.version.write(folder)


def opened(folder: Path, shelf: object, parameters: Parameters) -> Model:
    """It stands on no base, and nothing is declared over it. Raises what `load_model` does."""
    return load_model(folder)


def load_model(folder: Path) -> Model:
    """Raises UnsafeFile, DamagedModel."""
    check(folder)
    version = read_version(folder, Version)
    try:
        tensors = load_file(folder / "weights.safetensors")
        sizes = [len(one.category) + 1 if one.category is not None else 0 for one in version.features.values()]
        columns = Columns(tuple(sizes), tensors.pop("columns.centre"), tensors.pop("columns.scale"))
        references = tensors.pop("novelty.references")
        predictor: Predictor
        if (folder / TREES).is_file():
            predictor = _trees(folder, len(version.labels))
        else:
            predictor = Linear(tensors["linear.weight"], tensors["linear.bias"])
    except (SafetensorError, KeyError) as error:
        raise DamagedModel(str(folder), f"weights.safetensors: {error}") from None
    model = Model(version, predictor, columns, references)
    try:
        [first] = model.predict([model.sample])
    except (ValueError, IndexError) as error:
        raise DamagedModel(str(folder), f"its parts do not fit together: {error}") from None
    if len(first.probabilities) != len(version.labels):
        raise DamagedModel(str(folder), "its weights do not fit its labels")
    return model


def _trees(folder: Path, outputs: int) -> Trees:
    """Raises DamagedModel."""
    import lightgbm

    try:
        return Trees.of((folder / TREES).read_text(encoding="utf-8"), outputs)
    except (lightgbm.basic.LightGBMError, ValueError) as error:
        raise DamagedModel(str(folder), f"{TREES}: {str(error).strip().splitlines()[0]}") from None
