"""Scoring in a child process: no model is ever loaded in the service's own."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog

from millrace import learn
from millrace.chassis import BlobNotFound, Blobs, Unprocessable
from millrace.evaluation.metrics import SCORING_SECONDS

log = structlog.get_logger()

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Model:
    """An artifact's folder, and what its deployment declares over it (pad_to, max_length)."""

    path: Path
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Suite:
    """Rows to be scored: a Parquet file of id, text, label, cluster; misspelt first where `perturb` says so.

    Those of a suite that is scored `alone` are asked one by one, and may fail one by one.
    """

    name: str
    rows: Path
    perturb: str | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Size:
    """A version's files, and what it holds in memory while it answers, in bytes."""

    digest: str
    bytes: int
    memory: int


class NotScorable(Unprocessable):
    """The model or the rows are wrong: another try would end the same."""


class ScoringDied(Exception):
    """The scoring process ended without a result."""

    def __init__(self, why: str) -> None:
        super().__init__(why)


class Engine(Protocol):
    async def score(self, models: Mapping[str, Model], suites: Sequence[Suite], out: Path) -> dict[str, str]:
        """Writes `out`/<model>/<suite>.parquet; gives each model's digest. Raises NotScorable, ScoringDied."""

    async def weigh(self, models: Mapping[str, Model], out: Path) -> dict[str, Size]:
        """How much each model is. Raises NotScorable, ScoringDied."""


class Process:
    """`python -m millrace.learn.score`, one at a time for each call; bases that a team added come from `blobs`."""

    def __init__(self, *, threads: int, within: float, nice: int, memory: Path, blobs: Blobs) -> None:
        self._threads = threads
        self._within = within
        self._nice = nice
        self._memory = memory
        self._blobs = blobs

    async def score(self, models: Mapping[str, Model], suites: Sequence[Suite], out: Path) -> dict[str, str]:
        return dict((await self._run(models, suites, out))["digests"])

    async def weigh(self, models: Mapping[str, Model], out: Path) -> dict[str, Size]:
        told = await self._run(models, (), out)
        return {name: Size(told["digests"][name], **told["sizes"][name]) for name in models}

    async def _run(self, models: Mapping[str, Model], suites: Sequence[Suite], out: Path) -> dict[str, Any]:
        for name, model in models.items():
            await self._bring_base(name, model.path)
        request = out.with_suffix(".request.json")
        request.write_text(json.dumps(self._request(models, suites, out)))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "millrace.learn.score",
            str(request),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=self._behave,
        )
        try:
            with SCORING_SECONDS.time():
                async with asyncio.timeout(self._within):
                    stdout, stderr = await process.communicate()
        except TimeoutError as error:
            raise ScoringDied(f"no result within {self._within:g} s") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return _result(stdout, stderr, process.returncode)

    async def _bring_base(self, name: str, folder: Path) -> None:
        try:
            base = (await asyncio.to_thread(learn.version_within, folder)).base_needed
            if base:
                await learn.bases.bring(base, self._blobs)
        except learn.Unlearnable as error:
            raise NotScorable(f"{name}: {error}") from None
        except BlobNotFound:
            raise NotScorable(f"{name}: nobody added a base {base}") from None

    def _behave(self) -> None:
        """In the child: gives way to serving on the same cores, and dies with the service, also when that is killed."""
        os.nice(self._nice)
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def _request(self, models: Mapping[str, Model], suites: Sequence[Suite], out: Path) -> dict[str, Any]:
        return {
            "models": [
                {"name": name, "path": str(model.path), "parameters": dict(model.parameters)}
                for name, model in models.items()
            ],
            "suites": [
                {"name": suite.name, "rows": str(suite.rows), "perturb": suite.perturb, "alone": suite.alone}
                for suite in suites
            ],
            "out": str(out),
            "format": "parquet",
            "seed": SEED,
            "threads": self._threads,
            "memory": str(self._memory),
        }


SEED = 7
"""Of the misspellings: one for all, so that a suite of typos is the same rows for ever."""


def _result(stdout: bytes, stderr: bytes, code: int | None) -> dict[str, Any]:
    lines = [line for line in stdout.decode(errors="replace").splitlines() if line.startswith("{")]
    last = json.loads(lines[-1]) if lines else {}
    if last.get("kind") == "result":
        return dict(last)
    tail = stderr.decode(errors="replace")[-2000:]
    log.warning("scoring failed", code=code, last=last, stderr=tail)
    if last.get("kind") == "error" and not last.get("retry", False):
        raise NotScorable(f"{last.get('error')}: {last.get('detail')}")
    raise ScoringDied(f"the scoring process ended with {code}")
