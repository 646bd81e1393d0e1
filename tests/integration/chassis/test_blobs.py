"""S3 by a client that blocks, beside an event loop that must not."""

import asyncio
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
        lambda: blobs.listed(name, 10),
        lambda: blobs.put_file(f"{name}/file", tmp_path / "up" / "a"),
        lambda: blobs.get_file(f"{name}/file", tmp_path / "down"),
        lambda: blobs.upload(tmp_path / "up", f"{name}/folder"),
        lambda: blobs.download(f"{name}/folder", tmp_path / "folder"),
    ):
        before = len(calling)
        await call()
        assert len(calling) > before
    assert threading.get_ident() not in calling


async def test_a_prefix_is_listed_and_a_blob_read_piece_by_piece(stack: Endpoints) -> None:
    blobs = Blobs(settings_for(stack, "dedup", "postgresql://nobody"))
    prefix = f"listed-{uuid4().hex}/"
    body = bytes(range(256)) * 20_000
    for name, data in (("b", body), ("a", b"small"), ("c/d", b"")):
        await blobs.put(prefix + name, data)
    found = await blobs.listed(prefix, 10)
    assert [(one.key.removeprefix(prefix), one.size) for one in found] == [("a", 5), ("b", len(body)), ("c/d", 0)]
    assert len({one.etag for one in found}) == 3
    assert len(await blobs.listed(prefix, 1)) == 2, "one more says that there is more"
    with blobs.opened(prefix + "b", len(body)) as opened:
        opened.seek(-300, 2)
        assert await asyncio.to_thread(opened.read) == body[-300:]
        opened.seek(1_000_000)
        assert await asyncio.to_thread(opened.read, 3_000_000) == body[1_000_000:4_000_000]
    with pytest.raises(OSError), blobs.opened(prefix + "gone", 10) as opened:
        await asyncio.to_thread(opened.read)
