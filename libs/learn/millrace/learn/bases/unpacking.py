"""A GGUF file as safetensors, by transformers. Imports torch."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig


def unpack(packed: Path, target: Path) -> None:
    """Weights in float32, the tokenizer and its chat template: the same bytes for the same release of transformers."""
    asked = {"gguf_file": packed.name, "local_files_only": True, "trust_remote_code": False}
    whole = GgufConfig(gguf_file=packed.name, dequantize=True)  # without it, transformers keeps the weights packed
    model = AutoModelForCausalLM.from_pretrained(packed.parent, quantization_config=whole, dtype=torch.float32, **asked)
    model.save_pretrained(target, max_shard_size="100GB")
    AutoTokenizer.from_pretrained(packed.parent, **asked).save_pretrained(target)
