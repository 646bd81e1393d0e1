"""Folders of classifiers of texts: transformers' own, or sentence-transformers' that end in a linear layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from millrace.learn.bases import files
from millrace.learn.errors import BaseRefused, ImportRefused
from millrace.learn.importing.found import SENTENCES, TRANSFORMERS, Found

MODULES = "modules.json"
CHAIN = ("Transformer", "Pooling", "Normalize", "Dense")
POOLING, DENSE = "1_Pooling", "3_Dense"
ABOUT = "millrace.json"
HEAD = "ForSequenceClassification"


def found(folder: Path, tokens: Path) -> Found:
    """`tokens` is where the tokenizer lies. Raises ImportRefused."""
    try:
        config = files.refuse_unsafe(folder.name, folder)
    except BaseRefused as error:
        raise ImportRefused(str(folder), error.reason) from None
    taken = {path.name: path for path in files.parts(folder, "encoder")} | _tokenizer(folder, tokens)
    if (folder / MODULES).is_file():
        return _sentences(folder, config, taken)
    return Found(TRANSFORMERS, taken, _labels(folder, config, _architecture(folder, config)))


def _tokenizer(folder: Path, tokens: Path) -> dict[str, Path]:
    """tokenizer.json, or what it can be made of."""
    if (whole := tokens / files.TOKENIZER).is_file():
        return {whole.name: whole}
    parts = {name: tokens / name for name in files.SOURCES_OF_TOKENS if (tokens / name).is_file()}
    if not {"vocab.txt", "vocab.json"} & set(parts):
        raise ImportRefused(str(folder), "there is no tokenizer.json: save the tokenizer beside it by save_pretrained")
    if "auto_map" in _json(tokens / "tokenizer_config.json", missing={}):
        raise ImportRefused(
            str(folder), "its tokenizer asks for code of its own (auto_map); trust_remote_code is never given"
        )
    return parts


def _architecture(folder: Path, config: dict[str, Any]) -> str:
    named = [str(one) for one in config.get("architectures") or ()]
    found = next((one for one in named if one.endswith(HEAD)), None)
    if found is None:
        what = ", ".join(named) or "no architecture is named"
        raise ImportRefused(
            str(folder), f"{what}: a model with a head is imported, of an architecture that ends in {HEAD}"
        )
    if config.get("is_encoder_decoder"):
        raise ImportRefused(str(folder), f"{found} is an encoder with a decoder; one of both alone is known")
    return found


def _labels(folder: Path, config: dict[str, Any], architecture: str) -> list[str]:
    """Names in the order of the outputs. Raises ImportRefused where it answers anything but one of several labels."""
    kind = config.get("problem_type")
    if kind in ("multi_label_classification", "regression"):
        raise ImportRefused(str(folder), f"problem_type is {kind}; a version answers with one label out of several")
    told = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}  # transformers leaves these out
    try:
        names = {int(at): str(name) for at, name in told.items()}
    except (ValueError, AttributeError):
        raise ImportRefused(str(folder), "config.json: id2label does not number its labels") from None
    if len(names) < 2:
        raise ImportRefused(str(folder), f"{architecture} has {len(names)} output: it tells a number, not a label")
    if sorted(names) != list(range(len(names))):
        raise ImportRefused(str(folder), "config.json: id2label does not count from 0 without gaps")
    return [names[at] for at in range(len(names))]


def _sentences(folder: Path, config: dict[str, Any], taken: dict[str, Path]) -> Found:
    """As `millrace export` writes them."""
    modules = _json(folder / MODULES)
    kinds = tuple(str(one.get("type", "")).rpartition(".")[2] for one in modules if isinstance(one, dict))
    places = [str(one.get("path", "")) for one in modules if isinstance(one, dict)]
    if kinds != CHAIN or places[0] or places[1] != POOLING or places[3] != DENSE:
        raise ImportRefused(
            str(folder),
            f"{MODULES} has {', '.join(kinds) or 'nothing'}; "
            f"{', '.join(CHAIN)} in folders of their number end in labels",
        )
    pooling, dense = _json(folder / POOLING / "config.json"), _json(folder / DENSE / "config.json")
    if not _by_mean(pooling):
        raise ImportRefused(str(folder), "its Pooling is not the mean over tokens")
    if not str(dense.get("activation_function", "")).endswith("Identity"):
        raise ImportRefused(str(folder), "its Dense has an activation function: what comes of it are no logits")
    if not (folder / DENSE / "model.safetensors").is_file():
        raise ImportRefused(
            str(folder), f"{DENSE} has no model.safetensors: pickled weights run code and are not loaded"
        )
    about = _json(folder / ABOUT, missing={})
    labels = about.get("labels") if isinstance(about.get("labels"), list) else None
    inner = (f"{POOLING}/config.json", f"{DENSE}/config.json", f"{DENSE}/model.safetensors")
    extra = {name: folder / name for name in (MODULES, *inner)}
    if (folder / ABOUT).is_file():
        extra[ABOUT] = folder / ABOUT
    return Found(SENTENCES, taken | extra, [str(one) for one in labels] if labels else None)


def _by_mean(pooling: dict[str, Any]) -> bool:
    """As older and newer releases write it."""
    if "pooling_mode" in pooling:
        return bool(pooling["pooling_mode"] in ("mean", ["mean"]))
    on = [name for name, value in pooling.items() if name.startswith("pooling_mode_") and value is True]
    return on == ["pooling_mode_mean_tokens"]


def _json(path: Path, missing: Any = None) -> Any:
    if missing is not None and not path.is_file():
        return missing
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ImportRefused(str(path), f"it can't be read as JSON: {type(error).__name__}") from None
