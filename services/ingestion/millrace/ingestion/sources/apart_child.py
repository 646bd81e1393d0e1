"""Reads a PDF or a page of HTML from standard input and writes what it says as JSON. It imports what it needs alone."""

from __future__ import annotations

import io
import json
import logging
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

MOST_PAGES = 2000
MOST_TEXT = 10_000_000


def pdf(body: bytes) -> dict[str, Any]:
    """The text of each page. pypdf may raise anything of a malformed file."""
    from pypdf import PdfReader  # after the limits are set

    try:
        reader = PdfReader(io.BytesIO(body), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise ValueError("it is encrypted")
        if len(reader.pages) > MOST_PAGES:
            raise ValueError(f"more than {MOST_PAGES} pages")
        found: list[str] = []
        size = 0
        for page in reader.pages:
            found.append(page.extract_text() or "")
            size += len(found[-1])
            if size > MOST_TEXT:
                raise ValueError(f"more than {MOST_TEXT} characters")
    except Exception as error:
        return {"error": f"a PDF: {type(error).__name__}: {error}"[:300]}
    return {"read": found}


def html(body: bytes, url: str, headers: dict[str, str]) -> dict[str, Any]:
    from millrace.ingestion.sources.batch import Unreadable
    from millrace.ingestion.sources.pages import page

    try:
        return {"read": asdict(page(body, url, headers))}
    except Unreadable as unreadable:
        return {"error": unreadable.expected, "code": unreadable.code}


READERS: dict[str, Callable[..., dict[str, Any]]] = {"pdf": pdf, "html": html}


def main(kind: str, seconds: str, memory: str) -> None:
    """What there is to know beside the body stands on the first line."""
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    logging.disable()
    about = json.loads(sys.stdin.buffer.readline())
    sys.stdout.write(json.dumps(READERS[kind](sys.stdin.buffer.read(), **about)))


if __name__ == "__main__":
    main(*sys.argv[1:])
