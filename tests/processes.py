"""Services as processes of their own, for tests that kill them or talk to them by a port."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from harness import SECRET, SIGNING, eventually

from millrace.stack import Endpoints


@dataclass(frozen=True)
class Process:
    url: str
    process: asyncio.subprocess.Process


@asynccontextmanager
async def process(
    stack: Endpoints, name: str, dsn: str, log: Path, settings: Mapping[str, Any]
) -> AsyncIterator[Process]:
    """`python -m millrace.<name>` on a free port, given when it is ready; stopped afterwards unless it ended before."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {
        "KAFKA": stack.kafka,
        "POSTGRES": dsn,
        "S3_URL": stack.s3.url,
        "S3_ACCESS_KEY": stack.s3.access_key,
        "S3_SECRET_KEY": stack.s3.secret_key,
        "SECRET": SECRET,
        "HTTP_PORT": port,
        **SIGNING,
        **settings,
    }
    env = {**os.environ, **{f"{name.upper()}_{key.upper()}": str(value) for key, value in given.items()}}
    with log.open("ab") as errors:
        started = await asyncio.create_subprocess_exec(sys.executable, "-m", f"millrace.{name}", env=env, stderr=errors)
    url = f"http://127.0.0.1:{port}"
    try:
        await eventually(lambda: _ready(f"{url}/readyz"), within=60)
        yield Process(url, started)
    finally:
        if started.returncode is None:
            started.terminate()
            await asyncio.wait_for(started.wait(), 30)


async def _ready(url: str) -> bool:
    try:
        async with httpx.AsyncClient() as client:
            return (await client.get(url)).status_code == 200
    except httpx.HTTPError:
        return False
