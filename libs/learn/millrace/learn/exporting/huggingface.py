"""The folder of a sentence-transformers model, which is one of transformers too. Imports torch.

A version that was imported as a sequence classifier becomes one again: `AutoModelForSequenceClassification` loads it.

Its modules are the encoder, the mean over tokens, length one, and a dense layer: the head, divided by the temperature.
So `SentenceTransformer(folder).encode(texts)` gives logits whose softmax are the version's probabilities, and
`AutoModel.from_pretrained(folder)` its encoder.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from millrace.learn.encoder import Encoder
from millrace.learn.model import Model

SENTENCE = "sentence_transformers.models"
TOKENS = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")
ABOUT = "millrace.json"
"""Labels, lengths and where it comes from: what our own loader needs beside the weights."""


def write(model: Model, out: Path, *, name: str, readme: str) -> None:
    if model.version.encoder == "classifier":
        _classifier(model, out)
    else:
        _encoder(model, out)
        _modules(model, out)
    version = model.version
    about = {"name": name, "labels": version.labels, "max_length": _longest(model), "base": version.base.model_dump()}
    _json(out / ABOUT, about)
    if readme:
        (out / "README.md").write_text(readme, encoding="utf-8")


def _longest(model: Model) -> int:
    return min(model.max_length, model.embedder.encoder.longest)


def _encoder(model: Model, out: Path) -> None:
    encoder, source = model.embedder.encoder, model.embedder.source
    config = json.loads((source / "config.json").read_bytes())
    if isinstance(encoder, Encoder):
        weights = {key: value.contiguous() for key, value in encoder.state_dict().items()}
        save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
        config["architectures"] = ["BertModel"]
    else:
        encoder.model.save_pretrained(out, safe_serialization=True)
        config = json.loads((out / "config.json").read_bytes())
    _json(out / "config.json", {**config, **_named(model)})
    _tokens(source, out)


def _classifier(model: Model, out: Path) -> None:
    from millrace.learn import foreign

    encoder, temperature = model.embedder.encoder, model.version.temperature
    assert isinstance(encoder, foreign.Unfinished)
    whole = foreign.finished(encoder, model.head.weight / temperature, model.head.bias / temperature)
    whole.save_pretrained(out, safe_serialization=True)
    config = json.loads((out / "config.json").read_bytes())
    _json(out / "config.json", {**config, **_named(model)})
    _tokens(model.embedder.source, out)


def _named(model: Model) -> dict[str, Any]:
    labels = model.version.labels
    return {"id2label": dict(enumerate(labels)), "label2id": {label: at for at, label in enumerate(labels)}}


def _tokens(source: Path, out: Path) -> None:
    for file in TOKENS:
        if (source / file).is_file():
            shutil.copyfile(source / file, out / file)


def _modules(model: Model, out: Path) -> None:
    width = model.embedder.encoder.dimensions
    kinds = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"), ("3_Dense", "Dense"))
    modules = [
        {"idx": at, "name": str(at), "path": path, "type": f"{SENTENCE}.{kind}"}
        for at, (path, kind) in enumerate(kinds)
    ]
    _json(out / "modules.json", modules)
    _json(out / "sentence_bert_config.json", {"max_seq_length": _longest(model), "do_lower_case": False})
    pooling = {
        name: name == "mean_tokens" for name in ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")
    }
    told: dict[str, Any] = {f"pooling_mode_{name}": on for name, on in pooling.items()}
    _json(out / "1_Pooling" / "config.json", {"word_embedding_dimension": width, **told})
    (out / "2_Normalize").mkdir()
    dense = {"in_features": width, "out_features": len(model.version.labels), "bias": True}
    _json(out / "3_Dense" / "config.json", {**dense, "activation_function": "torch.nn.modules.linear.Identity"})
    temperature = model.version.temperature
    head = {"linear.weight": model.head.weight / temperature, "linear.bias": model.head.bias / temperature}
    save_file({key: value.contiguous() for key, value in head.items()}, out / "3_Dense" / "model.safetensors")


def _json(path: Path, value: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
