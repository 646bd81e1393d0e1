"""A classifier of texts that was made elsewhere, as an encoder and a head of ours. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from millrace.learn.bases.files import TOKENIZER
from millrace.learn.encoder import Tokens, padded
from millrace.learn.errors import BaseRefused, DamagedModel, ImportRefused
from millrace.learn.folder import Encoded
from millrace.learn.importing.found import SENTENCES, Found
from millrace.learn.importing.texts import DENSE
from millrace.learn.model import Embedder, Head, embedder_in

NEAR = 1e-3
"""How far sums of float32 may lie apart that should be the same."""


def brought(found: Found, folder: Path, source: str, texts: Sequence[str]) -> tuple[Embedder, Head, Encoded]:
    """`texts` are asked of the model as it was and of what became of it: both have to answer the same.

    `folder` has the files under the names that they are taken under. Raises ImportRefused.
    """
    try:
        if not (folder / TOKENIZER).is_file():
            from millrace.learn.bases.trying import write_tokenizer

            write_tokenizer(source, folder, folder)
        if found.form == SENTENCES:
            return (*_sentences(folder), "own")
        return (*_classifier(folder, source, texts), "classifier")
    except BaseRefused as error:
        raise ImportRefused(source, error.reason) from None
    except (DamagedModel, SafetensorError, ValueError, OSError, KeyError, RuntimeError) as error:
        raise ImportRefused(source, f"it can't be loaded: {_first(error)}") from None


def _sentences(folder: Path) -> tuple[Embedder, Head]:
    """Its head was divided by its temperature when it was written: as it is, its logits are its own."""
    dense = load_file(folder / DENSE / "model.safetensors")
    embedder, head = embedder_in(folder), Head(dense["linear.weight"].float(), dense["linear.bias"].float())
    if head.weight.shape[1:] != (embedder.encoder.dimensions,) or head.bias.shape != head.weight.shape[:1]:
        raise DamagedModel(str(folder), "its Dense does not fit its encoder")
    return embedder, head


def _classifier(folder: Path, source: str, texts: Sequence[str]) -> tuple[Embedder, Head]:
    from millrace.learn import foreign

    model = foreign.loaded(folder, "sequence-classifier", pooled=True).eval()
    name, last = foreign.last_layer(model, source)
    if name == "score" and model.config.pad_token_id is None:
        raise ImportRefused(source, "config.json names no pad_token_id, so it can't be asked several texts at once")
    tokens = Tokens(folder / TOKENIZER)
    asked = [_asked(model, ids) for ids in tokens.ids(texts, 64)]
    bias = last.bias.detach() if last.bias is not None else torch.zeros(last.out_features)
    head = Head(last.weight.detach().clone(), bias.clone())
    embedder = Embedder(foreign.of_classifier(model, source), tokens, folder)
    _refuse_others(asked, _answered(embedder, head, texts), source)
    return embedder, head


@torch.inference_mode()
def _asked(model: Any, ids: list[int]) -> Tensor:
    told: Tensor = model(input_ids=torch.tensor([ids])).logits[0]
    return told


@torch.inference_mode()
def _answered(embedder: Embedder, head: Head, texts: Sequence[str]) -> Tensor:
    """All at once, in float32: padding must change nothing."""
    inputs = padded(embedder.ids(texts, 64))
    return torch.nn.functional.linear(embedder.encoder(inputs.ids, inputs.mask), head.weight, head.bias)


def _refuse_others(asked: Sequence[Tensor], answered: Tensor, source: str) -> None:
    apart = max((float((one - other).abs().max()) for one, other in zip(asked, answered, strict=True)), default=0.0)
    if apart > NEAR * max(1.0, float(answered.abs().max())):
        raise ImportRefused(source, f"its answers are not those of its last layer: logits lie {apart:.3g} apart")


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
