"""Reading in a process of its own: what is malformed may take all memory and time that it is given."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping
from typing import Any

from millrace.ingestion.sources import apart_child, pages
from millrace.ingestion.sources.batch import Unreadable
from millrace.ingestion.sources.pages import Page

SECONDS = 60
MEMORY = 1024 * 1024 * 1024
LARGEST_PAGE = 256 * 1024
"""Bytes of HTML that are read in a thread: a few seconds at worst, and starting a process takes one for each page."""


async def texts(body: bytes) -> list[str]:
    """The text of each page of a PDF. Raises Unreadable."""
    found: list[str] = await _told("pdf", "a PDF", body)
    return found


async def page(body: bytes, url: str, headers: Mapping[str, str]) -> Page:
    """A page of HTML. Raises Unreadable."""
    if len(body) <= LARGEST_PAGE:
        return await asyncio.to_thread(pages.page, body, url, headers)
    read = await _told("html", "a page", body, url=url, headers=dict(headers))
    return Page(read["text"], read["title"], tuple(read["links"]), read["noindex"])


async def _told(kind: str, what: str, body: bytes, **about: Any) -> Any:
    command = (sys.executable, "-m", apart_child.__name__, kind, str(SECONDS), str(MEMORY))
    given = json.dumps(about).encode() + b"\n" + body
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=nowhere)
    try:
        async with asyncio.timeout(SECONDS + 5):
            out, _ = await child.communicate(given)
    except TimeoutError as error:
        raise Unreadable(kind, f"{what} that can be read within {SECONDS} s") from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
    if child.returncode != 0:
        raise Unreadable(kind, f"{what} that can be read within {SECONDS} s and {MEMORY >> 20} MB")
    told = json.loads(out)
    if "error" in told:
        raise Unreadable(told.get("code", kind), told["error"])
    return told["read"]
