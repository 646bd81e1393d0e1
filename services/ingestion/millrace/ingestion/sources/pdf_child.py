"""Reads a PDF from standard input and writes the text of each page as JSON. It imports little: each file starts it."""

from __future__ import annotations

import io
import json
import logging
import resource
import sys

SECONDS = 60
MEMORY = 1024 * 1024 * 1024
MOST_PAGES = 2000
MOST_TEXT = 10_000_000


def read(body: bytes) -> list[str]:
    """Raises what pypdf raises, which of a malformed file may be anything."""
    from pypdf import PdfReader  # after the limits are set

    reader = PdfReader(io.BytesIO(body), strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        raise ValueError("it is encrypted")
    if len(reader.pages) > MOST_PAGES:
        raise ValueError(f"more than {MOST_PAGES} pages")
    found: list[str] = []
    for page in reader.pages:
        found.append(page.extract_text() or "")
        if sum(map(len, found)) > MOST_TEXT:
            raise ValueError(f"more than {MOST_TEXT} characters")
    return found


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    logging.disable()
    try:
        told: dict[str, object] = {"pages": read(sys.stdin.buffer.read())}
    except Exception as error:  # a malformed file may raise anything
        told = {"error": f"{type(error).__name__}: {error}"[:300]}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
