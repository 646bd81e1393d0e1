"""`python -m millrace.learn.embed BASE [THREADS]`: lines of texts in, a line of vectors out for each, until they end.

In:  {"texts": ["...", ...]}
Out: {"kind": "ready", "dimensions": 384}, then {"kind": "vectors", "vectors": "..."}: little-endian float32 in
     base64, each row of length one.
"""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from collections.abc import Iterable

from millrace.learn.errors import Unlearnable, WrongRequest
from millrace.learn.lines import say
from millrace.learn.shelf import Shelf

MAX_LENGTH = 256
"""Tokens of a text that are read: some 180 words of English."""


def embed(name: str, threads: int, lines: Iterable[str]) -> None:
    import torch

    torch.set_num_threads(threads)
    base = Shelf(threads).base(name)
    say("ready", dimensions=base.encoder.dimensions)
    for line in lines:
        vectors = base.embed(_texts(line), max_length=MAX_LENGTH).vectors
        say("vectors", vectors=b64encode(vectors.numpy().astype("<f4").tobytes()).decode())


def _texts(line: str) -> list[str]:
    try:
        texts = json.loads(line)["texts"]
    except (ValueError, KeyError, TypeError) as error:
        raise WrongRequest(f"a line is not an object with texts: {error}") from None
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise WrongRequest("texts: a list of at least one text")
    return texts


def main(arguments: list[str]) -> int:
    try:
        embed(arguments[0], int(arguments[1]) if len(arguments) > 1 else 1, sys.stdin)
    except Unlearnable as error:
        say("error", error=type(error).__name__, detail=str(error), retry=False)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
