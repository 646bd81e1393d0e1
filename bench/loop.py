"""How long the loop takes: from the first shifted request to the better version in production, split by stage.

Plays `millrace demo` on a stack of its own, at its traffic, and reads the times from the ledger's topics.

    python bench/loop.py [--rounds 1] [--data FILE.csv]
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.console import Console
from rich.table import Table

from millrace.chassis import wire
from millrace.demo import Place, play
from millrace.events import (
    DatasetReleased,
    DriftDetected,
    Event,
    ModelEvaluated,
    ModelStaged,
    ModelTrained,
    RolloutJudged,
    RouteApplied,
)
from millrace.stack import Supervisor

STAGES = ["detection", "rows", "training", "gate", "shadow", "canary", "served"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--data", type=Path, help="a CSV of your own, columns text,category")
    given = parser.parse_args()
    rounds, broken = [], 0
    for number in range(given.rounds):
        Console(stderr=True).print(f"[dim]round {number + 1} of {given.rounds}")
        with tempfile.TemporaryDirectory(prefix="bench-loop-") as folder:
            seconds, kept = asyncio.run(measure(Path(folder), given.data))
        rounds.append(seconds)
        broken += not kept
    medians = {stage: statistics.median(one[stage] for one in rounds) for stage in STAGES}
    total = sum(medians.values())
    table = Table(
        "stage", "seconds (median)", title="from the first shifted request to the better version in production"
    )
    for stage, seconds in medians.items():
        table.add_row(stage, f"{seconds:.1f}")
    Console().print(table)
    figures = {f"{stage}_s": round(seconds, 1) for stage, seconds in medians.items()}
    besides = total - medians["training"]
    told = {"besides_training_s": round(besides, 1), "total_s": round(total, 1), **figures, "broken_stories": broken}
    print(json.dumps(told))
    if broken:
        sys.exit(f"{broken} of {given.rounds} stories broke a promise: see above; the figures are of such a run too")


async def measure(folder: Path, data: Path | None) -> tuple[dict[str, float], bool]:
    """Seconds of each stage, and whether the story kept its promises.

    Ends the process where the story had no promotion to measure.
    """
    supervisor = Supervisor(folder / "stack")
    await asyncio.to_thread(supervisor.start)
    try:
        up = await asyncio.to_thread(supervisor.wait_ready)
        urls = {process.service: up.url(process.service) for process in up.processes if process.service}
        began, summary = datetime.now(UTC), folder / "summary.json"
        place = Place(kafka=up.endpoints.kafka, services=urls, up_s=0.0, rss_mb=lambda: 0.0)
        kept = await play(place, data=data, summary_file=summary, console=Console(stderr=True)) == 0
        steps = {step["name"]: step for step in json.loads(summary.read_text())["steps"]}
        return await stages(up.endpoints.kafka, began.timestamp() + steps["shift"]["at_s"]), kept
    finally:
        await asyncio.to_thread(supervisor.stop)


async def stages(kafka: str, shifted: float) -> dict[str, float]:
    reader = Reader(kafka)
    _, at_drift = await reader.first(DriftDetected, lambda event: True, shifted)
    trained, at_trained = await reader.first(ModelTrained, lambda event: True, at_drift)
    cycle = trained.cycle_id

    def mine(event: Any) -> bool:
        return bool(event.cycle_id == cycle)

    _, at_rows = await reader.first(DatasetReleased, mine, at_drift)
    _, at_judged = await reader.first(ModelEvaluated, mine, at_trained)
    _, at_shadowed = await reader.first(RolloutJudged, lambda event: mine(event) and event.step == "shadow", at_judged)
    staged, at_staged = await reader.first(
        ModelStaged, lambda event: mine(event) and event.stage == "production", at_shadowed
    )
    revision = staged.route.revision
    _, at_served = await reader.first(RouteApplied, lambda event: event.revision == revision, at_shadowed)
    moments = [shifted, at_drift, at_rows, at_trained, at_judged, at_shadowed, at_staged, max(at_staged, at_served)]
    return {stage: end - start for stage, start, end in zip(STAGES, moments, moments[1:], strict=False)}


class Reader:
    """Finds the first event of a kind on its topic, with the time it was published."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka

    async def first(self, event: type[Event], wanted: Callable[[Any], bool], since: float) -> tuple[Any, float]:
        """The first wanted one published after `since` (seconds since 1970), and when. Exits where there is none."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._kafka, isolation_level="read_committed")
        await consumer.start()
        found: list[tuple[float, Any]] = []
        try:
            cluster = await consumer._client.fetch_all_metadata()
            places = [TopicPartition(event.topic, number) for number in cluster.partitions_for_topic(event.topic)]
            consumer.assign(places)
            await consumer.seek_to_beginning()
            ends = await consumer.end_offsets(places)
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [(record.timestamp / 1000, wire.decode(event, record)) for record in records]
        finally:
            await consumer.stop()
        for at, one in sorted(found, key=lambda pair: pair[0]):
            if at >= since - 1 and wanted(one):
                return one, at
        sys.exit(f"the story had no {event.__name__} to measure")


if __name__ == "__main__":
    main()
