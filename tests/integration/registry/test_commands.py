"""The command line against a registry on real Kafka: what people type, and what they read."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from harness import Bus, database, eventually, make, settings_for
from processes import process

from millrace.chassis import Blobs
from millrace.cli.main import run
from millrace.events import (
    ConditionResult,
    EvaluationRequested,
    ModelEvaluated,
    ModelStaged,
    ModelTrained,
    RouteApplied,
    Score,
)

FILE = """
workspace: NAME
owner: support-ml
task: classify
labels: {names: [late, lost]}
"""
Say = Callable[..., Any]


@pytest.fixture
async def say(stack, bus: Bus, tmp_path: Path, monkeypatch, capsys) -> AsyncIterator[Say]:
    """Runs a command and gives its exit code and what it printed, as JSON where that was asked for."""
    settings = {"GROUP_SUFFIX": f"-{uuid4().hex[:8]}"}

    async def command(*words: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = await asyncio.to_thread(run, list(words))
        told = capsys.readouterr()
        return code, json.loads(told.out) if "--json" in words else told.out + told.err

    async with (
        database(stack, "registry") as dsn,
        process(stack, "registry", dsn, tmp_path / "registry.log", settings) as registry,
    ):
        monkeypatch.setenv("MILLRACE_REGISTRY_URL", registry.url)
        yield command


async def promoted(stack, bus: Bus, name: str) -> None:
    """A first version, from model.trained to production."""
    blobs = Blobs(settings_for(stack, "registry", "unused"))
    await blobs.put(f"{name}/models/1/weights.safetensors", b"weights")
    manifest = {"documents": 120, "sources": {"history": 120}, "offsets": {"document.submitted.v1": {"0": [0, 119]}}}
    await blobs.put(f"{name}/datasets/1.json", json.dumps(manifest).encode())
    fields: dict[str, Any] = {"run_id": "run-1", "dataset": "sha256:rows", "manifest": f"{name}/datasets/1.json"}
    fields |= {"method": "linear-probe", "base": "minilm", "task": "classify", "artifact": f"{name}/models/1"}
    fields |= {"digest": "sha256:model", "labels": ["late", "lost"], "workspace_revision": 1, "attempt": 1, "seed": 7}
    await bus.publish(make(ModelTrained, workspace=name, seconds=3.0, scores={"macro_f1": 0.91}, **fields))
    (asked,) = await bus.read(EvaluationRequested, until=lambda found: len(found) == 1)
    score = Score(value=0.9, low=0.88, high=0.92, n=400)
    held = ConditionResult(condition="golden.macro_f1 >= best - 0.03", verdict="pass")
    verdict: dict[str, Any] = {"verdict": "pass", "conditions": [held], "scores": {"golden": {"macro_f1": score}}}
    version, revision = asked.candidate.version, asked.revision
    judged = make(
        ModelEvaluated, workspace=name, version=version, revision=revision, dataset="d", report="r", **verdict
    )
    await bus.publish(judged)
    await bus.read(ModelStaged, until=lambda found: [event.stage for event in found] == ["production"])
    await bus.publish(make(RouteApplied, workspace=name, revision=1, ok=True, replicas=1))


async def test_from_a_file_to_a_version_and_its_lineage(stack, bus: Bus, say: Say, tmp_path: Path) -> None:
    name = f"parcels-{uuid4().hex[:8]}"
    file = tmp_path / "workspace.yaml"
    file.write_text(FILE.replace("NAME", name) + "trian: {seed: 3}\n")
    code, told = await say("apply", str(file))
    assert code == 1 and "line 6" in told and "'train'" in told
    file.write_text(FILE.replace("NAME", name))
    code, applied = await say("apply", str(file), "--json")
    assert (code, applied["revision"], applied["changed"]) == (0, 1, True)
    assert (await say("apply", str(file)))[1].split() == [name, "unchanged:", "revision", "1"]

    await promoted(stack, bus, name)
    code, (version,) = await say("versions", name, "--json")
    assert (version["version"], version["stage"]) == (f"{name}-1", "production")
    code, told = await say("versions", name)
    assert code == 0 and f"{name}-1" in told and "golden" in told and "0.900" in told
    code, told = await say("lineage", name, f"{name}-1")
    assert code == 0 and "120 documents from 120 history" in told and "document.submitted.v1  0: 0-119" in told
    page = tmp_path / "lineage.html"
    code, told = await say("lineage", name, "--base", "minilm", "--out", str(page))
    assert code == 0 and f"{name}-1 production: made from it" in told and "What came of it" in page.read_text()
    code, told = await say("lineage", name, f"{name}-1", "--out", str(page))
    assert code == 0 and "120 documents" in page.read_text()
    code, told = await say("lineage", name, f"{name}-1", "--openlineage", "--json")
    assert (code, [event["eventType"] for event in told]) == (0, ["START", "COMPLETE"] * 2)
    code, told = await say("history", name)
    assert code == 0 and "passed the gate" in told

    holding = ("hold", name, f"{name}-1", "--by", "ada", "--reason", "it is what we rely on")

    async def held() -> str | None:
        """Once serving has confirmed it."""
        code, told = await say(*holding)
        assert code == 0 or "serving has not confirmed yet" in told
        return told if code == 0 else None

    told = await eventually(held)
    assert told and f"millrace release {name} {name}-1" in told
    code, told = await say("versions", name)
    assert code == 0 and "held by ada: it is what we rely on" in " ".join(told.split())
    code, told = await say("note", name, f"{name}-1", "tried on last week's tickets", "--by", "ben")
    assert code == 0 and told.startswith("noted")
    code, told = await say("approve", name, f"{name}-1", "--json")
    assert (code, told["error"]["code"]) == (1, "nothing_to_approve")
    code, told = await say("release", name, f"{name}-1", "--by", "ada")
    assert code == 0 and "is released" in told
    code, told = await say("history", name, "--version", f"{name}-1", "--json")
    assert [one["kind"] for one in told[:3]] == ["release", "note", "hold"] and told[1]["by"] == "ben"
    code, told = await say("keys", "sign", name, f"{name}-1", "--by", "ada")
    assert code == 0 and "revision 2" in told
    code, (told,) = await say("ledger", "verify", name, "--json")
    assert (code, told["broken"], told["strays"]) == (0, None, []) and told["entries"] > 5
    code, told = await say("ledger", "verify")
    assert code == 0 and f"{name}: " in told and "entries whole" in told

    code, told = await say("promote", name, f"{name}-1", "--revision", "0", "--json")
    assert (code, told["error"]["code"]) == (1, "stale_revision")
    code, told = await say("rollback", name, "--reason", "complaints")
    assert code == 1 and "no earlier production" in told
    code, told = await say("versions", "nobody")
    assert code == 1 and "no workspace 'nobody'" in told
