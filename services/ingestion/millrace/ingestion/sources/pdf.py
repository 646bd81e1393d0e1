"""Text of a PDF, read in a process of its own: a malformed one may take all memory and time that it is given."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys

from millrace.ingestion.sources import pdf_child
from millrace.ingestion.sources.batch import Unreadable
from millrace.ingestion.sources.pdf_child import MEMORY, SECONDS


async def texts(body: bytes) -> list[str]:
    """The text of each page. Raises Unreadable."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        pdf_child.__name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(SECONDS + 5):
            out, _ = await child.communicate(body)
    except TimeoutError as error:
        raise Unreadable("pdf", f"a PDF that can be read within {SECONDS} s") from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
    if child.returncode != 0:
        raise Unreadable("pdf", f"a PDF that can be read within {SECONDS} s and {MEMORY >> 20} MB")
    told = json.loads(out)
    if "error" in told:
        raise Unreadable("pdf", f"a PDF: {told['error']}"[:300])
    pages: list[str] = told["pages"]
    return pages
