"""An encoder of the BERT family in plain torch: texts in, unit vectors out.

The layers carry the names that such checkpoints have in safetensors, so a base loads as it is. It is written out here
because importing transformers for it costs each process three seconds and 220 MB; a test holds it to transformers'
BertModel. Pooling is the mean over tokens, then length one (Reimers and Gurevych 2019, "Sentence-BERT").
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from millrace.learn.errors import DamagedModel


@dataclass(frozen=True)
class Shape:
    """The part of a checkpoint's config.json that its arithmetic depends on."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float
    hidden_dropout_prob: float

    @classmethod
    def read(cls, path: Path) -> Shape | None:
        """None for what is no BERT with gelu: transformers knows those."""
        config = json.loads(path.read_bytes())
        ours = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute", "is_decoder": False}
        if any(config.get(name, value) != value for name, value in ours.items()) or "model_type" not in config:
            return None
        return cls(**{name: config[name] for name in cls.__dataclass_fields__})


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, inner, eps = shape.hidden_size, shape.intermediate_size, shape.layer_norm_eps
        self.heads, self.drop = shape.num_attention_heads, shape.hidden_dropout_prob
        projections = {name: nn.Linear(width, width) for name in ("query", "key", "value")}
        joined = {"dense": nn.Linear(width, width), "LayerNorm": nn.LayerNorm(width, eps)}
        self.attention = nn.ModuleDict({"self": nn.ModuleDict(projections), "output": nn.ModuleDict(joined)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, inner)})
        self.output = nn.ModuleDict({"dense": nn.Linear(inner, width), "LayerNorm": nn.LayerNorm(width, eps)})

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        rows, length, width = x.shape
        projections = cast(nn.ModuleDict, self.attention["self"])
        query, key, value = (
            projections[name](x).view(rows, length, self.heads, width // self.heads).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        drop = self.drop if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=drop)
        mixed = mixed.transpose(1, 2).reshape(rows, length, width)
        x = self._join(cast(nn.ModuleDict, self.attention["output"]), mixed, x)
        return self._join(self.output, functional.gelu(self.intermediate["dense"](x)), x)

    def _join(self, part: nn.ModuleDict, new: Tensor, old: Tensor) -> Tensor:
        return cast(Tensor, part["LayerNorm"](functional.dropout(part["dense"](new), self.drop, self.training) + old))


def _table(rows: int, width: int) -> nn.Embedding:
    """Left empty: weights are always loaded, and filling them with chance first costs a quarter of a second."""
    return nn.Embedding(rows, width, _weight=torch.empty(rows, width))


class Encoder(nn.Module):
    """(rows, tokens) of ids and a mask of real tokens -> (rows, dimensions) of length one."""

    unit = True

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.hidden_size
        self.shape = shape
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": _table(shape.vocab_size, width),
                "position_embeddings": _table(shape.max_position_embeddings, width),
                "token_type_embeddings": _table(shape.type_vocab_size, width),
                "LayerNorm": nn.LayerNorm(width, shape.layer_norm_eps),
            }
        )
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))})

    @property
    def dimensions(self) -> int:
        return self.shape.hidden_size

    @property
    def longest(self) -> int:
        """Tokens that it has positions for."""
        return self.shape.max_position_embeddings

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        words, positions, types = (
            cast(nn.Embedding, self.embeddings[f"{name}_embeddings"]) for name in ("word", "position", "token_type")
        )
        x = words(ids) + positions.weight[: ids.shape[1]] + types.weight[0]
        x = functional.dropout(self.embeddings["LayerNorm"](x), self.shape.hidden_dropout_prob, self.training)
        attended = None if bool(mask.all()) else mask[:, None, None, :]
        for layer in cast(nn.ModuleList, self.encoder["layer"]):
            x = layer(x, attended)
        real = mask.unsqueeze(-1).to(x.dtype)
        return functional.normalize((x * real).sum(1) / real.sum(1), dim=-1)


@dataclass(frozen=True)
class Batch:
    ids: Tensor
    mask: Tensor

    def on(self, device: torch.device) -> Batch:
        return self if device.type == "cpu" else Batch(self.ids.to(device), self.mask.to(device))


class Tokens:
    """A tokenizer file with our own cutting and padding."""

    def __init__(self, path: Path) -> None:
        # The tokenizer would take every core for a handful of short texts.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def ids(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        """Token ids of each text, at least one, the last one (the end mark) kept when a text is cut."""
        whole = [encoding.ids or [0] for encoding in self._tokenizer.encode_batch(list(texts))]
        return [ids if len(ids) <= max_length else [*ids[: max_length - 1], ids[-1]] for ids in whole]


def padded(rows: Sequence[list[int]], pad_to: int | None = None) -> Batch:
    """Rows of ids as one tensor, as long as the longest row and no shorter than ``pad_to``."""
    length = max(*(len(row) for row in rows), pad_to or 0, 1)
    ids = torch.zeros((len(rows), length), dtype=torch.long)
    mask = torch.zeros((len(rows), length), dtype=torch.bool)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = torch.tensor(row)
        mask[at, : len(row)] = True
    return Batch(ids, mask)


def build(shape: Shape, weights: dict[str, Tensor], source: str) -> Encoder:
    """An encoder on given weights, not copied; raises DamagedModel when a name is missing or a shape is wrong."""
    encoder = Encoder(shape)
    wanted = encoder.state_dict().keys()
    try:
        encoder.load_state_dict({name: weights[name] for name in wanted}, assign=True)
    except (KeyError, RuntimeError) as error:
        raise DamagedModel(source, f"its weights do not fit its config.json: {error}") from None
    return encoder.eval().requires_grad_(False)
