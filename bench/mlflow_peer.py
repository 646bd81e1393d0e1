"""MLflow's tracking server and registry, as a process of its own on a Postgres."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".venv" / "peers" / "bin"
sys.path[:0] = [str(ROOT / "tests")]

import harness  # noqa: E402


@asynccontextmanager
async def mlflow(dsn: str, folder: Path) -> AsyncIterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [PEERS / "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        dsn.replace("postgresql", "postgresql+psycopg2", 1),
        "--default-artifact-root",
        folder / "artifacts",
    ]
    environment = {**os.environ, "PATH": f"{PEERS}:{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    log = folder / "mlflow.log"
    with log.open("wb") as out:
        server = await asyncio.create_subprocess_exec(
            *map(str, command), stdout=out, stderr=out, env=environment, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        try:
            await harness.eventually(lambda: _healthy(url), within=120)
        except AssertionError:
            sys.exit(f"MLflow's server did not start:\n{log.read_text('utf-8', 'replace')[-3000:]}")
        yield url
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        await server.wait()


async def _healthy(url: str) -> bool:
    try:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{url}/health")).status_code == 200
    except httpx.HTTPError:
        return False
