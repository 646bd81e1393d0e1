"""Searching 30,000 runs beside MLflow's, each over HTTP from its server, on the same Postgres with the same runs.

Training and MLflow's server (one worker) run as processes of their own; the runs are made up once and copied into the
tables of both, which are analysed. Each question is asked in turn of one and the other, several rounds; medians and the
slowest are printed. `p50_s` is the median over all questions and rounds; `ratio` the median of MLflow's time to ours.

    python bench/runs.py [--runs 30000] [--rounds 15]
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from mlflow_peer import PEERS, mlflow
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

import harness  # noqa: E402
from processes import process  # noqa: E402

from millrace.stack import Endpoints, Stack  # noqa: E402

LIMIT = 100
QUESTIONS = {
    "the newest": ([], "", "", ["attributes.start_time DESC"]),
    "a score, sorted by it": (
        ["scores.macro_f1 > 0.9"],
        "-scores.macro_f1",
        "metrics.macro_f1 > 0.9",
        ["metrics.macro_f1 DESC"],
    ),
    "a method and a score": (
        ["parameters.method = lora", "scores.ece < 0.03"],
        "scores.ece",
        "params.method = 'lora' and metrics.ece < 0.03",
        ["metrics.ece ASC"],
    ),
    "three parameters": (
        ["parameters.method = full", "parameters.batch = 32", "parameters.seed = 7"],
        "-scores.accuracy",
        "params.method = 'full' and params.batch = '32' and params.seed = '7'",
        ["metrics.accuracy DESC"],
    ),
    "a rare one": (["scores.macro_f1 > 0.9999"], "", "metrics.macro_f1 > 0.9999", ["attributes.start_time DESC"]),
}
"""By name: our conditions and order, MLflow's filter and order. A method is a parameter here, as it has to be there."""


def made_up(count: int) -> list[dict[str, Any]]:
    """Runs with five scores and ten parameters each."""
    chance, start = random.Random(7), datetime(2026, 1, 1, tzinfo=UTC)
    found = []
    for number in range(count):
        at = start + timedelta(minutes=number)
        found.append(
            {
                "id": str(UUID(int=chance.getrandbits(128))),
                "at": int(at.timestamp() * 1000),
                "scores": {name: round(chance.random(), 6) for name in ("macro_f1", "accuracy", "nll", "ece", "auroc")},
                "parameters": {
                    "method": chance.choice(["full", "lora", "linear-probe"]),
                    "base": chance.choice(["minilm", "bge-small", "e5-small"]),
                    "batch": chance.choice([16, 32, 64]),
                    "seed": chance.randrange(20),
                    "rate": chance.choice([1e-5, 5e-5, 1e-4]),
                    "epochs": chance.randrange(1, 6),
                    "rank": chance.choice([4, 8, 16]),
                    "max_length": 128,
                    "threads": 1,
                    "precision": "float32",
                },
            }
        )
    return found


async def fill_ours(dsn: str, runs: list[dict[str, Any]]) -> None:
    """Into training's own tables: four runs a cycle."""
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "training"})
    first = datetime(2026, 1, 1, tzinfo=UTC)
    await connection.execute("INSERT INTO tracks (workspace, created_at) VALUES ('bench', $1)", first)
    cycles, rows = [], []
    for number, run in enumerate(runs):
        at = datetime.fromtimestamp(run["at"] / 1000, UTC)
        if number % 4 == 0:
            cycle = UUID(run["id"])
            told = (cycle, "bench", "hand", 1, at, at, 1, 0, [], "", "closed", "sha256:d")
            cycles.append(told)
        scores, parameters = json.dumps(run["scores"]), json.dumps(run["parameters"])
        method, base = run["parameters"]["method"], run["parameters"]["base"]
        rows.append(
            (UUID(run["id"]), cycle, "bench", number % 4, method, base, True, "trained", at, scores, parameters)
        )
    columns = "id, workspace, because, attempt, opened_at, deadline, workspace_revision, min_labels, methods, note,"
    await connection.copy_records_to_table(
        "cycles", records=cycles, columns=f"{columns} state, dataset".replace(" ", "").split(",")
    )
    columns = "id, cycle_id, workspace, number, method, base, untrusted, state, started_at, scores, parameters"
    await connection.copy_records_to_table("runs", records=rows, columns=columns.replace(" ", "").split(","))
    await connection.execute("ANALYZE")
    await connection.close()


async def fill_theirs(dsn: str, url: str, path: Path) -> str:
    """Into MLflow's tables; gives the experiment."""
    async with httpx.AsyncClient(timeout=60) as client:
        made = await client.post(f"{url}/api/2.0/mlflow/experiments/create", json={"name": "bench"})
    experiment: str = made.json()["experiment_id"]
    command = [PEERS / "python", ROOT / "bench" / "runs_peer.py", dsn, path, experiment]
    await asyncio.to_thread(subprocess.run, command, check=True)
    connection = await asyncpg.connect(dsn)
    await connection.execute("ANALYZE")
    await connection.close()
    return experiment


async def timed(work: Any) -> tuple[float, httpx.Response]:
    started = time.perf_counter()
    answer: httpx.Response = await work
    answer.raise_for_status()
    return time.perf_counter() - started, answer


async def ask(ours: str, peers: str, experiment: str, rounds: int) -> dict[str, tuple[list[float], list[float], int]]:
    """Seconds of each question's rounds, ours and MLflow's, and how many runs were found."""
    found: dict[str, tuple[list[float], list[float], int]] = {}
    async with httpx.AsyncClient(timeout=120) as client:
        for name, (where, sort, filter, order) in QUESTIONS.items():
            asked: dict[str, Any] = {"where": where, "limit": LIMIT}
            asked |= {"sort": sort} if sort else {}
            body = {"experiment_ids": [experiment], "filter": filter, "order_by": order, "max_results": LIMIT}
            mine, theirs, count = [], [], 0
            for number in range(rounds + 1):
                spent, answer = await timed(client.get(f"{ours}/v1/runs", params=asked))
                count = len(answer.json())
                other, told = await timed(client.post(f"{peers}/api/2.0/mlflow/runs/search", json=body))
                if count != len(told.json().get("runs", [])):
                    sys.exit(f"{name}: {count} runs here, {len(told.json().get('runs', []))} there")
                if number:
                    mine.append(spent)
                    theirs.append(other)
            found[name] = (mine, theirs, count)
    return found


async def bench(stack: Endpoints, folder: Path, runs: int, rounds: int) -> dict[str, Any]:
    await harness.prepare(stack)
    told = made_up(runs)
    path = folder / "runs.jsonl"
    path.write_text("".join(json.dumps(run) + "\n" for run in told), encoding="utf-8")
    async with (
        harness.database(stack, "training") as dsn,
        harness.database(stack) as other,
        process(stack, "training", dsn, folder / "training.log", {"WORK_DIR": folder / "work"}) as training,
        mlflow(other, folder) as url,
    ):
        await fill_ours(dsn, told)
        experiment = await fill_theirs(other, url, path)
        return figures(await ask(training.url, url, experiment, rounds))


def figures(found: dict[str, tuple[list[float], list[float], int]]) -> dict[str, Any]:
    table = Table("question", "runs", "ours", "slowest", "MLflow", "slowest", "ratio", box=None)
    ratios = []
    for name, (mine, theirs, count) in found.items():
        ratio = statistics.median(theirs) / statistics.median(mine)
        ratios.append(ratio)
        cells = [f"{1000 * value:.0f} ms" for value in (statistics.median(mine), max(mine))]
        others = [f"{1000 * value:.0f} ms" for value in (statistics.median(theirs), max(theirs))]
        table.add_row(name, str(count), *cells, *others, f"{ratio:.1f}")
    Console().print(table)
    every, peers = [s for mine, _, _ in found.values() for s in mine], [s for _, o, _ in found.values() for s in o]
    return {
        "p50_s": round(statistics.median(every), 4),
        "slowest_s": round(max(every), 4),
        "p50_mlflow_s": round(statistics.median(peers), 4),
        "ratio": round(statistics.median(ratios), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-runs-") as folder:
        Path(folder).chmod(0o755)
        with Stack(Path(folder) / "stack") as stack:
            print(json.dumps(asyncio.run(bench(stack, Path(folder), asked.runs, asked.rounds))))


if __name__ == "__main__":
    main()
