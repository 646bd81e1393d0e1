"""Embeddings from a child process: no model is ever loaded in the service's own."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeAlias

import numpy as np
import structlog
from numpy.typing import NDArray

from millrace.chassis import Unavailable

log = structlog.get_logger()

BASE = "minilm"
DIMENSIONS = 384

_LINE = 2**26
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None

Embed: TypeAlias = Callable[[Sequence[str]], Awaitable[NDArray[np.float32]]]


class EmbeddingDied(Unavailable):
    """The child ended, or did not answer in time."""


class Engine(Protocol):
    def embedding(self) -> AbstractAsyncContextManager[Embed]:
        """Something that gives each text a row of DIMENSIONS, of length one. Raises EmbeddingDied."""


class Process:
    """`python -m millrace.learn.embed`, as long as the block lasts."""

    def __init__(self, *, threads: int, nice: int, within: float) -> None:
        self._threads = threads
        self._nice = nice
        self._within = within

    @asynccontextmanager
    async def embedding(self) -> AsyncIterator[Embed]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "millrace.learn.embed",
            BASE,
            str(self._threads),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE,
            preexec_fn=self._behave,
        )
        try:
            await self._answer(process, "ready")
            yield lambda texts: self._embed(process, texts)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    def _behave(self) -> None:
        """In the child: gives way to serving on the same cores, and dies with the service, also when that is killed."""
        os.nice(self._nice)
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    async def _embed(self, process: asyncio.subprocess.Process, texts: Sequence[str]) -> NDArray[np.float32]:
        assert process.stdin is not None
        line = json.dumps({"texts": list(texts)}) + "\n"
        try:
            process.stdin.write(line.encode())
            await process.stdin.drain()
        except ConnectionError as error:
            raise EmbeddingDied(f"the embedding process is gone: {error}") from error
        said = await self._answer(process, "vectors")
        return np.frombuffer(b64decode(said["vectors"]), dtype="<f4").reshape(len(texts), DIMENSIONS)

    async def _answer(self, process: asyncio.subprocess.Process, kind: str) -> dict[str, Any]:
        assert process.stdout is not None
        try:
            async with asyncio.timeout(self._within):
                line = await process.stdout.readline()
        except TimeoutError as error:
            raise EmbeddingDied(f"no embedding within {self._within:g} s") from error
        said: dict[str, Any] = json.loads(line) if line.startswith(b"{") else {}
        if said.get("kind") != kind:
            raise EmbeddingDied(f"the embedding process said {said or 'nothing'}")
        return said
