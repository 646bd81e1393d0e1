"""Which files of a folder make a base, and what is refused: pickles, and code of its own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from millrace.learn.bases.row import Kind
from millrace.learn.errors import BaseRefused
from millrace.learn.folder import PICKLES, SPEAKING, joint_digest

CONFIG, TOKENIZER = "config.json", "tokenizer.json"
WEIGHTS = re.compile(r"^model(-\d{5}-of-\d{5})?\.safetensors$")
INDEX = "model.safetensors.index.json"
SOURCES_OF_TOKENS = ("tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "vocab.json", "merges.txt")
WANTED = (CONFIG, TOKENIZER, "model*.safetensors", INDEX, *SPEAKING, *SOURCES_OF_TOKENS, "README.md")
"""What is fetched of a repository; the rest, pickles above all, stays where it is."""


def parts(folder: Path, kind: Kind) -> list[Path]:
    """The files that make a base of that kind, sorted by name."""
    beside = SPEAKING if kind == "causal-lm" else ()
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and (path.name in (CONFIG, TOKENIZER, INDEX, *beside) or WEIGHTS.match(path.name))
    ]


def is_whole(folder: Path) -> bool:
    return folder.is_dir() and {CONFIG, TOKENIZER} <= {path.name for path in folder.iterdir()} and has_weights(folder)


def has_weights(folder: Path) -> bool:
    return any(WEIGHTS.match(path.name) for path in folder.iterdir())


def gguf_in(folder: Path) -> Path | None:
    """The one packed file of a folder that has no safetensors."""
    found = sorted(folder.glob("*.gguf"))
    return found[0] if len(found) == 1 and not has_weights(folder) else None


def measure(folder: Path, kind: Kind = "encoder") -> str:
    """The digest of a base: of its packed file, or of its configuration, weights and tokenizer."""
    packed = gguf_in(folder)
    return joint_digest([packed] if packed else parts(folder, kind))


def refuse_unsafe(name: str, folder: Path) -> dict[str, Any]:
    """The configuration of a base whose files run nothing when they are loaded. Raises BaseRefused with the reason."""
    if gguf_in(folder) is not None:
        return {}
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in PICKLES)
    if not has_weights(folder):
        reason = "pickled weights run code when they are loaded; only safetensors are accepted"
        raise BaseRefused(name, f"{pickled[0]}: {reason}" if pickled else "there is no model.safetensors")
    if not (folder / CONFIG).is_file():
        raise BaseRefused(name, f"there is no {CONFIG}")
    for path in (folder / CONFIG, folder / "tokenizer_config.json"):
        if path.is_file() and "auto_map" in _json(name, path):
            reason = "it asks for code of its own to be run (auto_map); trust_remote_code is never given"
            raise BaseRefused(name, f"{path.name}: {reason}")
    return _json(name, folder / CONFIG)


def _json(name: str, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise BaseRefused(name, f"{path.name} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise BaseRefused(name, f"{path.name} is no JSON object")
    return found
