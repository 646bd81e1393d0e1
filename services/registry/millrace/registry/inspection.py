"""Whether the files of a version may be loaded at all: data only, whoever wrote them."""

import json
from pathlib import PurePosixPath

from millrace.chassis import Blobs
from millrace.events import Deployment

SAFE = frozenset({".safetensors", ".json", ".txt"})
"""What is data only: weights as safetensors, trees and vocabularies as text."""

PICKLED = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"})
CODE = frozenset({".py", ".so", ".dll", ".dylib"})

TEMPLATE = "chat_template.jinja"
"""How a language model is spoken to: rendered in Jinja's sandbox, which runs nothing."""

VOCABULARIES = frozenset({"tokenizer.json", "vocab.json"})
"""Long, and read as tables alone."""


async def problem_of(deployment: Deployment, blobs: Blobs) -> str | None:
    """Why a version must not be loaded; None where nothing speaks against it."""
    prefix = f"{deployment.artifact.rstrip('/')}/"
    keys = [key async for key in blobs.each(prefix)]
    if problem := unsafe([PurePosixPath(key).name for key in keys]):
        return problem
    for key in keys:
        path = PurePosixPath(key)
        if path.suffix == ".json" and path.name not in VOCABULARIES and (why := foreign(await blobs.get(key))):
            return f"{path.name}: {why}"
    return None


def unsafe(names: list[str]) -> str | None:
    """Why files of these names must not be loaded."""
    if not names:
        return "the artifact is not there"
    by_suffix = {name: PurePosixPath(name).suffix.lower() for name in sorted(names)}
    for kinds, why in (
        (PICKLED, "pickled weights run code when they are loaded; save them as safetensors"),
        (CODE, "code of its own would have to be trusted (trust_remote_code), and none is"),
    ):
        if found := [name for name, suffix in by_suffix.items() if suffix in kinds]:
            return f"{', '.join(found)}: {why}"
    others = [name for name, suffix in by_suffix.items() if suffix not in SAFE and name != TEMPLATE]
    if others:
        return f"{', '.join(others)}: only safetensors, JSON and text are loaded, since other formats can run code"
    return None


def foreign(content: bytes) -> str | None:
    """Why a configuration asks for code that is not ours."""
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return "is no JSON"
    if isinstance(told, dict) and (told.get("auto_map") or told.get("trust_remote_code")):
        named = "auto_map" if told.get("auto_map") else "trust_remote_code"
        return f"{named} names code of the model's own, which trust_remote_code would run, and none is"
    return None
