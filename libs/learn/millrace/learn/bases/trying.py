"""Loads a base the way that runs will, so that what can't be used is refused when it is added. Imports torch."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoConfig, AutoTokenizer

from millrace.learn.bases.row import Kind
from millrace.learn.errors import BaseRefused, DamagedModel


def sizes(name: str, folder: Path, kind: Kind) -> tuple[int, int]:
    """Width of an embedding, and number of parameters. Raises BaseRefused."""
    from millrace.learn.foreign import loaded

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        if getattr(config, "is_encoder_decoder", False):
            raise BaseRefused(name, f"{config.model_type} is an encoder with a decoder; one of both alone is known")
        model = loaded(folder, kind)
    except (DamagedModel, ValueError, OSError, KeyError, RuntimeError) as error:
        raise BaseRefused(name, f"transformers can't load it as {kind}: {str(error).strip().splitlines()[0]}") from None
    return int(model.config.hidden_size), int(sum(one.numel() for one in model.parameters()))


def write_tokenizer(name: str, folder: Path, target: Path) -> None:
    """tokenizer.json from an older form of the same tokenizer."""
    try:
        tokens = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        tokens.backend_tokenizer.save(str(target / "tokenizer.json"))
    except Exception as error:  # as many kinds as there are tokenizers
        raise BaseRefused(name, f"no tokenizer.json, and none can be made of what is there: {error}") from None
