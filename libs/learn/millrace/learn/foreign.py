"""Encoders that transformers computes: every family but our own BERT, language models among them. Imports transformers.

Pooling is the mean over tokens, then length one, as with our own.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification

from millrace.learn.errors import DamagedModel

E = TypeVar("E", bound=nn.Module)

KINDS = {
    "encoder": AutoModel,
    "sequence-classifier": AutoModelForSequenceClassification,
    "causal-lm": AutoModelForCausalLM,
}


class Foreign(nn.Module):
    """(rows, tokens) of ids and a mask of real tokens -> (rows, dimensions) of length one."""

    unit = True

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        model.config.use_cache = False

    @property
    def dimensions(self) -> int:
        return int(self.model.config.hidden_size)

    @property
    def longest(self) -> int:
        """Tokens that it has positions for; families that count from the pad token have two fewer than they say."""
        return _longest(self.model.config)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        hidden = self.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        real = mask.unsqueeze(-1).to(hidden.dtype)
        return functional.normalize((hidden * real).sum(1) / real.sum(1), dim=-1)


LAST = ("classifier.out_proj", "classifier", "score")
"""What families call the one linear layer that ends a sequence classifier."""


class Unfinished(nn.Module):
    """A sequence classifier but for its last layer: what that one is given, of whatever length."""

    unit = False

    def __init__(self, model: Any, source: str) -> None:
        super().__init__()
        self.last, layer = last_layer(model, source)
        self.dimensions = int(layer.in_features)
        model.set_submodule(self.last, nn.Identity())
        model.config.use_cache = False
        self.model = model

    @property
    def longest(self) -> int:
        return _longest(self.model.config)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Padding is the family's own: those that read the last token look for it."""
        ids = ids.masked_fill(~mask, self.model.config.pad_token_id or 0)
        told: Tensor = self.model(input_ids=ids, attention_mask=mask.long()).logits
        return told


def last_layer(model: Any, source: str) -> tuple[str, nn.Linear]:
    """The layer that gives a sequence classifier's logits, and its name. Raises DamagedModel."""
    for name in LAST:
        try:
            found = model.get_submodule(name)
        except AttributeError:
            continue
        if isinstance(found, nn.Linear):
            return name, found
    raise DamagedModel(source, f"{type(model).__name__} does not end in one linear layer ({', '.join(LAST)})")


def _longest(config: Any) -> int:
    most = int(getattr(config, "max_position_embeddings", None) or 1 << 20)
    return most - 2 if "roberta" in str(config.model_type) else most


def loaded(folder: Path, kind: str, *, pooled: bool = False) -> Any:
    """A base as transformers loads it, in float32, or a whole model, whose pooler counts too. Raises DamagedModel where
    weights are missing."""
    model, report = KINDS[kind].from_pretrained(
        folder,
        dtype=torch.float32,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
    )
    missing = [name for name in report["missing_keys"] if pooled or "pooler" not in name]
    if missing:
        raise DamagedModel(str(folder), f"its weights lack {', '.join(sorted(missing)[:3])}")
    return model


def of_base(folder: Path) -> Foreign:
    """The base without its head, if it has one."""
    return _still(Foreign(loaded(folder, "encoder")))


def of_classifier(model: Any, source: str) -> Unfinished:
    """A sequence classifier that is loaded already, which loses its last layer. Raises DamagedModel."""
    return _still(Unfinished(model, source))


def finished(encoder: Unfinished, weight: Tensor, bias: Tensor) -> Any:
    """A copy of the sequence classifier, whole again."""
    model = deepcopy(encoder.model)
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": bias})
    model.set_submodule(encoder.last, layer)
    return model


def of_weights(folder: Path, weights: dict[str, Tensor], *, classifier: bool = False) -> Foreign | Unfinished:
    """From a config.json and the names that a `Foreign` has, or an `Unfinished`. Raises DamagedModel."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    family = AutoModelForSequenceClassification if classifier else AutoModel
    model = family.from_config(config, dtype=torch.float32, trust_remote_code=False)
    encoder = Unfinished(model, str(folder)) if classifier else Foreign(model)
    try:
        encoder.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise DamagedModel(str(folder), f"its weights do not fit its config.json: {error}") from None
    return _still(encoder)


def _still(encoder: E) -> E:
    encoder.eval().requires_grad_(False)
    return encoder
