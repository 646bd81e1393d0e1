"""Runs the making of a profile in a process of its own, whose memory goes with it."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from millrace.chassis import Unavailable

FORMS = (".json", ".html")


class ProfileFailed(Unavailable):
    """The process that makes it ended badly, for want of memory say."""

    def __init__(self, what: str, code: int | None, told: str) -> None:
        super().__init__(f"the profile of {what} ended with {code}: {told[-500:]}")
        self.what = what


async def make(what: str, asked: Mapping[str, Any], folder: Path) -> Path:
    """The profile's files, but for their endings, of a request as `millrace.datasets.profile` takes it.

    Raises ProfileFailed.
    """
    out, request = folder / "profile", folder / "request.json"
    await asyncio.to_thread(request.write_text, json.dumps({**asked, "out": str(out)}), "utf-8")
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "millrace.datasets.profile", str(request), stderr=asyncio.subprocess.PIPE
    )
    try:
        _, told = await child.communicate()
    except asyncio.CancelledError:
        child.kill()
        await child.wait()
        raise
    if child.returncode:
        raise ProfileFailed(what, child.returncode, told.decode("utf-8", "replace"))
    return out
