"""S3 by a client that blocks, beside an event loop that must not."""

import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from harness import settings_for

from millrace.chassis import Blobs
from millrace.stack import Endpoints


async def test_no_call_to_s3_is_made_on_the_event_loops_thread(
    stack: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = Blobs(settings_for(stack, "probe", ""))
    calling: list[int] = []
    real = blobs._http.urlopen

    def urlopen(*args: Any, **how: Any) -> Any:
        calling.append(threading.get_ident())
        return real(*args, **how)

    monkeypatch.setattr(blobs._http, "urlopen", urlopen)
    name = uuid4().hex
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "a").write_bytes(b"a")

    async def each() -> list[str]:
        return [key async for key in blobs.each(name)]

    for call in (
        lambda: blobs.put(f"{name}/put", b"x"),
        lambda: blobs.create(f"{name}/created", b"x"),
        lambda: blobs.get(f"{name}/put"),
        lambda: blobs.exists(f"{name}/put"),
        each,
        lambda: blobs.put_file(f"{name}/file", tmp_path / "up" / "a"),
        lambda: blobs.get_file(f"{name}/file", tmp_path / "down"),
        lambda: blobs.upload(tmp_path / "up", f"{name}/folder"),
        lambda: blobs.download(f"{name}/folder", tmp_path / "folder"),
    ):
        before = len(calling)
        await call()
        assert len(calling) > before
    assert threading.get_ident() not in calling
