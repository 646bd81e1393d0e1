"""What the processes of a stack answer when they are asked now: a stopped one is alive, and says nothing."""

import asyncio
import http.client
import json
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial

from . import s3
from .state import ProcessState, Running

PATIENCE = 4.0
"""Seconds that an answer may take."""
API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""The request that every Kafka client begins with, its length before it."""


def asked(running: Running) -> Running:
    """Return the stack with every process that is told to be ready asked once; one that is not is `silent`."""
    if not running.processes:
        return running
    with ThreadPoolExecutor(len(running.processes)) as pool:
        return replace(running, processes=tuple(pool.map(partial(_asked, running), running.processes)))


def _asked(running: Running, process: ProcessState) -> ProcessState:
    because = _complaint(running, process) if process.state == "ready" else None
    return replace(process, state="silent", because=because) if because else process


def _complaint(running: Running, process: ProcessState) -> str | None:
    if process.service:
        return _service(process.port or 0)
    asking = {"kafka": _kafka, "postgres": _postgres, "s3": _s3}.get(process.name)
    answers = False
    with suppress(OSError, TimeoutError):
        answers = asking is None or asking(running)
    return None if answers else f"does not answer within {PATIENCE:g} s"


def _service(port: int) -> str | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        told = answer.read()
    except (OSError, http.client.HTTPException):
        return f"does not answer within {PATIENCE:g} s"
    finally:
        connection.close()
    if answer.status == 200:
        return None
    try:
        return f"waits for {', '.join(json.loads(told)['waiting_for'])}"
    except (ValueError, KeyError, TypeError):
        return f"/readyz answered {answer.status}"


def _kafka(running: Running) -> bool:
    host, _, port = running.endpoints.kafka.partition(",")[0].rpartition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(API_VERSIONS)
        return len(connection.recv(4)) > 0


def _postgres(running: Running) -> bool:
    import asyncpg

    async def selects() -> bool:
        async with asyncio.timeout(PATIENCE):
            connection = await asyncpg.connect(running.endpoints.postgres, timeout=PATIENCE)
            try:
                return bool(await connection.fetchval("SELECT true"))
            finally:
                connection.terminate()

    try:
        return asyncio.run(selects())
    except asyncpg.PostgresError:
        return False


def _s3(running: Running) -> bool:
    return s3.puts(running.endpoints.s3, PATIENCE)
