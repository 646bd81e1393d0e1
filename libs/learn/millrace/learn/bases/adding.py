"""A base of a team's own: examined, tried, and put into this machine's cache folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from millrace.learn.bases import files, here, sources
from millrace.learn.bases.row import NAME, Base, Kept, Kind
from millrace.learn.errors import BaseRefused
from millrace.workspace.expected import PATTERNS

HEADS: dict[str, Kind] = {"ForCausalLM": "causal-lm", "ForSequenceClassification": "sequence-classifier"}


def add(
    name: str, source: str, *, licence: str | None = None, kind: Kind | None = None, digest: str | None = None
) -> Kept:
    """Raises BaseRefused with the reason, BaseUnreachable.

    Without a licence the source's README.md has to name one; without a kind its configuration tells.
    """
    if not re.match(NAME, name):
        raise BaseRefused(name, f"a name has {PATTERNS[NAME]}")
    if name in here.listed():
        raise BaseRefused(name, "a base of this release has that name")
    with sources.brought(name, [source]) as folder:
        config = files.refuse_unsafe(name, folder)
        licence = licence or licence_of(folder)
        if not licence:
            raise BaseRefused(name, "no licence: its README.md names none, and none was given (--licence)")
        kind = kind or _kind(config)
        found = files.measure(folder, kind)
        if digest is not None and digest != found:
            raise BaseRefused(name, f"its digest is {found}, where {digest} is expected")
        return _tried(
            Base(name=name, kind=kind, sources=(source,), licence=licence, dimensions=0, parameters=0, digest=found),
            folder,
        )


def _tried(base: Base, folder: Path) -> Kept:
    part = here.cache_folder() / f".{base.name}.{uuid4().hex}.part"
    try:
        sources.copy(folder, part, base.kind)
        from millrace.learn.bases.trying import sizes, write_tokenizer

        if not (part / files.TOKENIZER).is_file():
            write_tokenizer(base.name, folder, part)
        dimensions, parameters = sizes(base.name, part, base.kind)
        return here.settle(base.model_copy(update={"dimensions": dimensions, "parameters": parameters}), part)
    finally:
        sources.remove(part)


def _kind(config: dict[str, Any]) -> Kind:
    """A packed file has no configuration: those are language models."""
    if not config:
        return "causal-lm"
    named = [str(one) for one in config.get("architectures") or ()]
    return next((kind for end, kind in HEADS.items() if any(one.endswith(end) for one in named)), "encoder")


def licence_of(folder: Path) -> str | None:
    """As the card at the head of a README.md names it."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    card = re.match(r"\A---\n(.*?)\n---", text, re.DOTALL)
    try:
        told = yaml.safe_load(card.group(1)) if card else None
    except yaml.YAMLError:
        return None
    licence = told.get("license") if isinstance(told, dict) else None
    return licence if isinstance(licence, str) and licence.strip() else None
