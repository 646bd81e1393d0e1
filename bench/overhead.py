"""What a run costs besides its training: from the asking to the registered version, on a whole Millrace of its own.

A trivial model (a linear probe on the example's texts) is asked for on a version of the data that is there, several
times. `overhead_s` is the median of the seconds from the request to the version in the registry, without those that the
run says its training took; its process has to start and import torch, which counts here.

    python bench/overhead.py [--rounds 5] [--rows 400]
"""

import argparse
import asyncio
import csv
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from millrace.client import Client, Services, document
from millrace.stack import Supervisor

ROOT = Path(__file__).parents[1]
NAME = "overhead"
FILE = f"""
workspace: {NAME}
owner: bench
task: classify
labels:
  names: [late, lost, damaged, wrong-item, refund, cancel, address-change, redeliver, payment, account]
  min_examples: 3
data: {{trusted: [helpdesk]}}
train: {{methods: [linear-probe], on: {{drift: false, new_documents: null, schedule: null}}}}
gate: [fresh.accuracy >= 0]
rollout: {{shadow: null, canary: null}}
"""
MANY = 600
"""Times that a look is taken before it is given up."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=400)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-overhead-") as folder:
        supervisor = Supervisor(Path(folder) / "stack")
        supervisor.start()
        try:
            up = supervisor.wait_ready()
            urls = {process.service: up.url(process.service) for process in up.processes if process.service}
            found = asyncio.run(measure(urls, given))
        finally:
            supervisor.stop()
    table = Table("", "seconds (median)", title=f"{given.rounds} runs on {given.rows} rows")
    medians = {part: statistics.median(one[part] for one in found) for part in found[0]}
    for part, seconds in medians.items():
        table.add_row(part.replace("_", " "), f"{seconds:.2f}")
    Console().print(table)
    print(json.dumps({f"{part}_s": round(seconds, 3) for part, seconds in medians.items()}))


async def measure(urls: dict[str, str], given: argparse.Namespace) -> list[dict[str, float]]:
    publish(urls, given.rows)
    async with httpx.AsyncClient(timeout=60) as http:
        client = Asking(http, urls)
        await client.train(min_labels=given.rows // 2)
        first = await client.version(1)
        Console(stderr=True).print(f"[dim]{first['version']} is there; its data is trained on again")
        found = []
        for number in range(given.rounds):
            await client.closed()
            began = time.perf_counter()
            await client.train(dataset=f"{NAME}@1", methods=["linear-probe"])
            version = await client.version(number + 2)
            whole = time.perf_counter() - began
            found.append({"overhead": whole - version["seconds"], "training": version["seconds"], "whole": whole})
            Console(stderr=True).print(f"[dim]round {number + 1}: {whole:.2f} s, {version['seconds']:.2f} of training")
        return found


def publish(urls: dict[str, str], most: int) -> None:
    """Declares the workspace and sends texts of the example."""
    httpx.post(f"{urls['registry']}/v1/workspaces?by=bench", content=FILE, timeout=60).raise_for_status()
    services = Services(ingestion=urls["ingestion"], serving=urls["serving"], feedback=urls["feedback"])
    with (ROOT / "examples/parcel-support/history.csv").open(encoding="utf-8") as file, Client(services) as client:
        for number, row in enumerate(csv.DictReader(file)):
            if number == most:
                return
            client.publish(document(NAME, row["text"], source="helpdesk", label=row["category"]))


class Asking:
    def __init__(self, http: httpx.AsyncClient, urls: dict[str, str]) -> None:
        self._http, self._urls = http, urls

    async def train(self, **asked: Any) -> None:
        answer = await self._http.post(
            f"{self._urls['training']}/v1/workspaces/{NAME}/train", json={"by": "bench", **asked}
        )
        answer.raise_for_status()

    async def version(self, number: int) -> dict[str, Any]:
        """The version of a number, as soon as it is registered."""
        path = f"{self._urls['registry']}/v1/workspaces/{NAME}/versions"
        for _ in range(MANY * 5):
            found = (await self._http.get(path, params={"limit": 1000})).json()
            for one in found:
                if one["version"] == f"{NAME}-{number}":
                    return dict(one)
            await asyncio.sleep(0.02)
        cycles = (await self._http.get(f"{self._urls['training']}/v1/cycles", params={"workspace": NAME})).json()
        sys.exit(f"{NAME}-{number} was not registered: {cycles[:1]}")

    async def closed(self) -> None:
        """Waits for the end of the cycle before."""
        for _ in range(MANY):
            (cycle, *_) = (
                await self._http.get(f"{self._urls['training']}/v1/cycles", params={"workspace": NAME})
            ).json()
            if cycle["state"] == "closed":
                return
            await asyncio.sleep(0.2)
        sys.exit(f"a cycle does not end: {cycle}")


if __name__ == "__main__":
    main()
