"""A model folder: what may be in it, what it is called by its bytes, and its version.json."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from millrace.learn.errors import DamagedModel, UnsafeFile
from millrace.workspace.expected import faults

SPEAKING = frozenset(
    {"chat_template.jinja", "generation_config.json", "special_tokens_map.json", "tokenizer_config.json"}
)
"""What a language model needs beside: how it is spoken to, and which tokens end an answer."""
TREES = "trees.txt"
"""Boosted trees in LightGBM's own text."""
FILES = frozenset({"version.json", "weights.safetensors", TREES, "tokenizer.json", "config.json"}) | SPEAKING
PICKLES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"})
POSITIONS = 512
"""Tokens that the longest of our bases has positions for."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BaseName(_Part):
    """The base that a version was made from; `licence` as SPDX writes it, empty in versions of earlier releases."""

    name: str
    digest: str
    licence: str = ""


class Reference(_Part):
    """What held-out rows looked like to this version: the yardstick of novelty and of label shares."""

    rows: int
    kept: int
    label_share: dict[str, float]
    top_probability: float
    entropy: float
    novelty: float


class Training(_Part):
    rows: int
    dataset: str | None = None
    seed: int
    settings: dict[str, float | int | str | None]
    steps: int
    planned_steps: int


class Adapter(_Part):
    """Low-rank additions to a base's weights: ``alpha / rank * B @ A`` for each pair in weights.safetensors."""

    rank: int = Field(ge=1)
    alpha: int = Field(ge=1)


Encoded = Literal["base", "adapted", "own", "classifier"]
CARRIED: frozenset[Encoded] = frozenset({"own", "classifier"})
"""Encoders whose weights lie in the version's folder."""


class Made(_Part):
    """A version of any task."""

    format: int = 1
    task: str
    method: str

    @property
    def base_needed(self) -> str | None:
        """The base without whose files it can't be loaded."""
        return None

    def write(self, folder: Path) -> None:
        (folder / "version.json").write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


class Version(Made):
    """Everything besides the weights that shapes an answer.

    ``encoder`` says whose it is: the base's, shared as it is; the base's with an adapter of this version; its own; or
    that of a sequence classifier of transformers, with all that it has before its last layer.
    """

    base: BaseName
    encoder: Encoded
    adapter: Adapter | None = None
    labels: list[str] = Field(min_length=2)
    max_length: int = Field(128, ge=8, le=POSITIONS)
    pad_to: int | None = Field(None, ge=8, le=POSITIONS)
    temperature: float = Field(1.0, gt=0)
    reference: Reference
    training: Training
    environment: dict[str, str | int]

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_releases(cls, told: Any) -> Any:
        """They had two methods, and did not say whose the encoder is."""
        if isinstance(told, dict) and "encoder" not in told:
            return {"encoder": "own" if told.get("method") == "full" else "base"} | told
        return told

    @model_validator(mode="after")
    def _fits_together(self) -> Version:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("a label is named twice")
        if (self.adapter is not None) != (self.encoder == "adapted"):
            raise ValueError("an adapter, and an encoder that is adapted, come together")
        return self

    @property
    def shares_base(self) -> bool:
        """Whether its embeddings are the base's."""
        return self.encoder == "base"

    @property
    def needs_base(self) -> bool:
        """Whether it can't be loaded without the base's files."""
        return not self.carries_encoder

    @property
    def carries_encoder(self) -> bool:
        """Whether the encoder's weights are among its own."""
        return self.encoder in CARRIED

    @property
    def base_needed(self) -> str | None:
        return self.base.name if self.needs_base else None


M = TypeVar("M", bound=Made)


@overload
def read_version(folder: Path) -> Version: ...
@overload
def read_version(folder: Path, kind: type[M]) -> M: ...
def read_version(folder: Path, kind: type[Made] = Version) -> Made:
    """Of a version of classify, or of the task that ``kind`` is of. Raises DamagedModel where it is none of those."""
    try:
        return kind.model_validate_json((folder / "version.json").read_bytes())
    except FileNotFoundError:
        raise DamagedModel(str(folder), "it has no version.json") from None
    except ValidationError as error:
        raise DamagedModel(str(folder), f"version.json: {faults(error)}") from None


def task_of(folder: Path) -> str:
    """The task whose version a folder is. Raises DamagedModel."""
    try:
        return str(json.loads((folder / "version.json").read_bytes())["task"])
    except FileNotFoundError:
        raise DamagedModel(str(folder), "it has no version.json") from None
    except (ValueError, KeyError, TypeError):
        raise DamagedModel(str(folder), "version.json names no task") from None


def check(folder: Path) -> list[Path]:
    """The folder's files, sorted by name; raises UnsafeFile for anything but our few names."""
    if not folder.is_dir():
        raise DamagedModel(str(folder), "it is not a folder")
    found = sorted(folder.iterdir())
    for path in found:
        if path.suffix.lower() in PICKLES:
            raise UnsafeFile(str(path), "pickled weights run code when they are loaded; only safetensors are accepted")
        if path.is_symlink() or not path.is_file():
            raise UnsafeFile(str(path), "a model folder holds plain files only")
        if path.name not in FILES:
            raise UnsafeFile(str(path), f"a model folder holds only {', '.join(sorted(FILES))}")
    if {"version.json", "weights.safetensors"} - {path.name for path in found}:
        raise DamagedModel(str(folder), "version.json or weights.safetensors is missing")
    return found


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            yield block


def file_digest(path: Path) -> str:
    """``sha256:`` and the hex digest of one file's bytes."""
    whole = hashlib.sha256()
    for block in _blocks(path):
        whole.update(block)
    return f"sha256:{whole.hexdigest()}"


def joint_digest(paths: list[Path]) -> str:
    """``sha256:`` over the names and contents of files, in the order given."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(f"{path.name} {file_digest(path)}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def digest(folder: Path) -> str:
    """The name of a model by its bytes; refuses pickles, links and strange files with the reason."""
    return joint_digest(check(folder))


def weights_digest(folder: Path) -> str:
    """The digest of the weights alone: two runs of one digest, code, seed and environment agree in it."""
    weights, trees = folder / "weights.safetensors", folder / TREES
    return joint_digest([trees, weights]) if trees.is_file() else file_digest(weights)
