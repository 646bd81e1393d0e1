"""Answers of a model that Millrace exported, by torch and transformers alone: this file travels with it.

`_load_pyfunc` is what MLflow calls. Texts are cut, pooled and scaled as Millrace does; sums are of float32.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch.nn import functional
from transformers import AutoModel, AutoModelForSequenceClassification

BATCH = 32


class Answers:
    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / "millrace.json").read_text("utf-8"))
        self.labels: list[str] = about["labels"]
        self._longest: int = about["max_length"]
        self._tokens = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokens.no_padding()
        self._tokens.no_truncation()
        dense = folder / "3_Dense" / "model.safetensors"
        self._head = load_file(dense) if dense.is_file() else None
        family = AutoModel if self._head is not None else AutoModelForSequenceClassification
        self._model = family.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()

    def probabilities(self, texts: list[str]) -> torch.Tensor:
        """(texts, labels), each row summing to one."""
        parts = [self._scored(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH)]
        return torch.cat(parts) if parts else torch.empty((0, len(self.labels)))

    def _scored(self, texts: list[str]) -> torch.Tensor:
        rows = [self._cut(encoding.ids or [0]) for encoding in self._tokens.encode_batch(texts)]
        longest = max(map(len, rows))
        pad = 0 if self._head is not None else self._model.config.pad_token_id or 0
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        with torch.inference_mode():
            told = self._model(input_ids=ids, attention_mask=mask)
            if self._head is None:
                return torch.softmax(told.logits.double(), dim=-1)
            hidden = told.last_hidden_state
            real = mask.unsqueeze(-1).to(hidden.dtype)
            pooled = functional.normalize((hidden * real).sum(1) / real.sum(1), dim=-1)
            logits = functional.linear(pooled, self._head["linear.weight"], self._head["linear.bias"])
        return torch.softmax(logits.double(), dim=-1)

    def _cut(self, ids: list[int]) -> list[int]:
        return ids if len(ids) <= self._longest else [*ids[: self._longest - 1], ids[-1]]

    def predict(self, model_input: Any, params: Any = None) -> Any:
        """A DataFrame with a column `text`, or texts -> one with `label`, its `probability`, and `p_LABEL` for each."""
        import pandas

        texts = model_input["text"] if hasattr(model_input, "columns") else model_input
        found = self.probabilities([str(text) for text in texts])
        top = found.max(dim=1) if len(found) else None
        told = pandas.DataFrame(found.numpy(), columns=[f"p_{label}" for label in self.labels])
        told.insert(0, "probability", top.values.numpy() if top else [])
        told.insert(0, "label", [self.labels[at] for at in top.indices.tolist()] if top else [])
        return told


def _load_pyfunc(path: str) -> Answers:
    return Answers(Path(path))
