"""Encoders that transformers computes: every family but our own BERT, language models among them. Imports transformers.

Pooling is the mean over tokens, then length one, as with our own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification

from millrace.learn.errors import DamagedModel

KINDS = {
    "encoder": AutoModel,
    "sequence-classifier": AutoModelForSequenceClassification,
    "causal-lm": AutoModelForCausalLM,
}


class Foreign(nn.Module):
    """(rows, tokens) of ids and a mask of real tokens -> (rows, dimensions) of length one."""

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
        config = self.model.config
        most = int(getattr(config, "max_position_embeddings", None) or 1 << 20)
        return most - 2 if "roberta" in str(config.model_type) else most

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        hidden = self.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        real = mask.unsqueeze(-1).to(hidden.dtype)
        return functional.normalize((hidden * real).sum(1) / real.sum(1), dim=-1)


def loaded(folder: Path, kind: str) -> Any:
    """A base as transformers loads it, in float32. Raises DamagedModel where weights are missing."""
    model, report = KINDS[kind].from_pretrained(
        folder,
        dtype=torch.float32,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
    )
    missing = [name for name in report["missing_keys"] if "pooler" not in name]
    if missing:
        raise DamagedModel(str(folder), f"its weights lack {', '.join(sorted(missing)[:3])}")
    return model


def of_base(folder: Path) -> Foreign:
    """The base without its head, if it has one."""
    return _still(Foreign(loaded(folder, "encoder")))


def of_weights(folder: Path, weights: dict[str, Tensor]) -> Foreign:
    """From a config.json and the names that a `Foreign` has. Raises DamagedModel."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    encoder = Foreign(AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False))
    try:
        encoder.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise DamagedModel(str(folder), f"its weights do not fit its config.json: {error}") from None
    return _still(encoder)


def _still(encoder: Foreign) -> Foreign:
    return encoder.eval().requires_grad_(False)
