"""Two replicas on three partitions, and a scoring process with a real model."""

import asyncio
import json
import sys
from pathlib import Path
from uuid import uuid4

import psutil
import pyarrow
import pyarrow.parquet
import pytest
from harness import Bus, Running, database, eventually, live, running, settings_for
from worlds import LABELS, SPEC, applied, configured, deployment, moment, paired, put_dataset, request, routed

from millrace.chassis import Blobs
from millrace.evaluation.app import build_app
from millrace.evaluation.engine import Model, NotScorable, Process, ScoringDied, Suite
from millrace.events import FeedbackRecorded, ModelEvaluated, RolloutJudged
from millrace.stack import Endpoints

WORDS = {
    "damaged": "broken crushed dented torn",
    "late": "delayed waiting slow overdue",
    "lost": "missing gone vanished",
}


def pairs(workspace: str, numbers: range) -> list[FeedbackRecorded]:
    made = []
    for number in numbers:
        made += paired([number], revision=5, workspace=workspace, lane=number % 4)
    return made


async def test_two_replicas_judge_each_rollout_once(stack: Endpoints, bus: Bus) -> None:
    names = [f"w{uuid4().hex[:8]}" for _ in range(2)]
    group = f"-{uuid4().hex[:8]}"
    async with (
        database(stack, "evaluation") as dsn,
        live(stack, "evaluation", build_app, dsn=dsn, group_suffix=group) as one,
        live(stack, "evaluation", build_app, dsn=dsn, group_suffix=group) as _,
    ):
        for name in names:
            spec = configured(name, rollout={**SPEC["rollout"], "at_most": "3650d"})
            await bus.publish(spec, routed(name, revision=5, step="shadow"), applied(name, revision=5))
        await eventually(lambda: _started(one, names))
        await bus.publish(*(event for name in names for event in pairs(name, range(200))))
        judged = await bus.read(RolloutJudged, until=lambda found: {event.workspace for event in found} >= set(names))
        await asyncio.sleep(1)
        again = await bus.read(RolloutJudged, until=lambda found: len(found) >= len(judged))
    mine = [event for event in again if event.workspace in names]
    assert sorted(event.workspace for event in mine) == sorted(names)
    assert {event.verdict for event in mine} == {"promote"}


async def _started(one: Running, names: list[str]) -> bool:
    async with one.db.reading() as tx:
        rows = await tx.fetch("SELECT workspace FROM steps WHERE applied_at IS NOT NULL AND workspace = ANY($1)", names)
    return len(rows) == len(names)


async def test_a_real_model_is_scored_in_a_process_of_its_own(stack: Endpoints, tmp_path: Path) -> None:
    rows = [
        (f"my parcel {number} is {word}", label)
        for label in LABELS
        for word in WORDS[label].split()
        for number in range(12)
    ]
    async with running(stack, "evaluation", build_app) as evaluation:
        digest = await _train(evaluation.service.blobs, rows, tmp_path)
        manifest = await put_dataset(evaluation.service.blobs, uuid4().hex, {"fresh": rows, "golden": rows})
        await evaluation.deliver([configured(gate=["golden.macro_f1 >= 0.8", "typos.macro_f1 >= 0.1"])])
        candidate = deployment("real", digest=digest, parameters={"pad_to": 32, "max_length": 64})
        await evaluation.deliver([request(manifest, production=False, candidate=candidate)])
        await evaluation.work("evaluate")
        [event] = await evaluation.emitted(ModelEvaluated)
    assert event.verdict == "pass"
    assert event.scores["golden"]["accuracy"].value > 0.95
    assert event.scores["typos"]["accuracy"].value < 1.0
    assert event.occurred_at == moment(0)


async def test_a_real_model_answers_every_kind_of_suite(stack: Endpoints, tmp_path: Path) -> None:
    rows = [
        (f"my parcel {number} is {word}", label)
        for label in LABELS
        for word in WORDS[label].split()
        for number in range(12)
    ]
    gate = ["paraphrase.macro_f1 >= 0.5", "extremes.pass >= 0.5", "size.bytes <= 1000000"]
    suites = {"paraphrase": None, "injection": None, "extremes": {"within": "1m"}, "size": None}
    async with running(stack, "evaluation", build_app) as evaluation:
        digest = await _train(evaluation.service.blobs, rows, tmp_path)
        manifest = await put_dataset(evaluation.service.blobs, uuid4().hex, {"golden": rows})
        await evaluation.deliver([configured(gate=gate, suites=suites)])
        candidate = deployment("real", digest=digest, parameters={"max_length": 64})
        asked = request(manifest, production=False, candidate=candidate)
        await evaluation.deliver([asked])
        await evaluation.work("evaluate")
        [event] = await evaluation.emitted(ModelEvaluated)
        async with evaluation.http() as client:
            page = (await client.get(f"/v1/evaluations/{asked.id}.html")).text
    assert {one.condition: one.verdict for one in event.conditions} == dict.fromkeys(gate, "pass")
    size = event.scores["size"]
    assert size["bytes"].value < 1e6 < 4e7 < size["memory"].value, "the base is shared, and in memory"
    assert event.scores["extremes"]["pass"].value == 1.0 and event.scores["injection"]["pass"].n == 2 * len(rows)
    assert "Injection" in page and "It asks for the same answer where a text gives orders" in page


async def _train(blobs: Blobs, rows: list[tuple[str, str]], folder: Path) -> str:
    columns = {
        "id": [str(number) for number in range(len(rows))],
        "text": [text for text, _ in rows],
        "label": [label for _, label in rows],
        "split": ["validation" if number % 4 == 0 else "train" for number in range(len(rows))],
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "rows.parquet")
    asked = {
        "task": "classify",
        "method": "linear-probe",
        "rows": str(folder / "rows.parquet"),
        "out": str(folder / "model"),
    }
    (folder / "request.json").write_text(json.dumps(asked))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "millrace.learn.run", str(folder / "request.json"), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    await blobs.upload(folder / "model", "models/real")
    return str(json.loads(out.decode().splitlines()[-1])["digest"])


def blobs_of(stack: Endpoints) -> Blobs:
    return Blobs(settings_for(stack, "evaluation", "unused"))


async def test_a_model_that_cannot_be_read_is_not_tried_again(stack: Endpoints, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    rows = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"id": ["1"], "text": ["late"], "label": ["late"]}), rows)
    process = Process(threads=1, within=60, nice=5, memory=tmp_path / "memory.sqlite", blobs=blobs_of(stack))
    with pytest.raises(NotScorable):
        await process.score({"candidate": Model(tmp_path / "model", {})}, [Suite("fresh", rows)], tmp_path / "scores")


async def test_a_scoring_process_that_takes_too_long_is_ended(stack: Endpoints, tmp_path: Path) -> None:
    process = Process(threads=1, within=0.05, nice=5, memory=tmp_path / "memory.sqlite", blobs=blobs_of(stack))
    with pytest.raises(ScoringDied, match="no result within"):
        await process.score({}, [], tmp_path / "scores")
    assert not [child for child in psutil.Process().children() if "millrace.learn.score" in child.cmdline()]
