"""A model that was made elsewhere becomes a version: uploaded, scored, taken by registry and serving as any other."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import torch
from harness import Bus, Running, database, make, running, settings_for
from processes import process
from training_data import put_dataset
from transformers import BertConfig, BertForSequenceClassification

import millrace.learn.model
from millrace.chassis import Blobs
from millrace.cli.main import run
from millrace.events import (
    DatasetReleased,
    Deployment,
    ModelStaged,
    ModelTrained,
    RetrainingRequested,
    Route,
    TrainingFailed,
    WorkspaceConfigured,
)
from millrace.learn import Parameters, Shelf, bases
from millrace.learn.importing import examine
from millrace.registry import inspection
from millrace.serving.blobs import Artifacts
from millrace.serving.engine import TorchEngine
from millrace.stack import Endpoints
from millrace.training.app import build_app
from millrace.workspace import load

FILE = """
workspace: parcels
owner: support-ml
task: classify
labels: {names: [late, lost]}
train: {methods: [full], min_labels: 50, finetune_budget: 5s, start: production}
"""
TEXTS = ["my parcel is late", "you lost it", "?"]


def configured(name: str = "parcels") -> WorkspaceConfigured:
    spec = load(FILE.replace("parcels", name))
    fields: Any = {"revision": 1, "spec": spec.plain(), "digest": spec.digest(), "by": "ada"}
    return make(WorkspaceConfigured, workspace=name, **fields)


def classifier(folder: Path, labels: Mapping[int, str], seed: int = 3) -> Path:
    """As a repository of the hub, of weights by chance, with MiniLM's tokenizer. Other tests' uploads stay in S3."""
    torch.manual_seed(seed)
    names: Any = {"id2label": dict(labels), "label2id": {name: at for at, name in labels.items()}}
    small: Any = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    model = BertForSequenceClassification(BertConfig(vocab_size=30522, **small, **names))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    shutil.copyfile(bases.find("minilm") / "tokenizer.json", folder / "tokenizer.json")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    return folder


@pytest.fixture
async def training(stack: Endpoints, tmp_path: Path) -> AsyncIterator[Running]:
    async with running(stack, "training", build_app, work_dir=tmp_path / "runs", import_mb=5) as service:
        await service.tables.put(configured())
        yield service


def asked(folder: Path, **fields: Any) -> dict[str, Any]:
    found = examine(folder)
    told = {"digest": found.digest, "form": found.form, "files": found.sizes, "labels": found.labels}
    return {**told, "source": "acme/parcels", "licence": "apache-2.0", "by": "ada", **fields}


async def post(training: Running, body: dict[str, Any], of: int = 202) -> Any:
    async with training.http() as client:
        answer = await client.post("/v1/workspaces/parcels/import", json=body)
    assert answer.status_code == of, answer.text
    return answer.json()


async def upload(training: Running, prefix: str, folder: Path) -> None:
    blobs = Blobs(training.service.settings)
    for name, path in examine(folder).files.items():
        await blobs.put_file(f"{prefix}/{name}", path)


async def release(training: Running) -> RetrainingRequested:
    """Rows for the newest cycle; then all that follows."""
    cycle = (await training.emitted(RetrainingRequested))[-1]
    manifest = await put_dataset(Blobs(training.service.settings), "parcels")
    fields: Any = {"dataset": "sha256:rows", "manifest": manifest, "rows": {"train": 80}, "labels": {}, "attempt": 1}
    await training.deliver([make(DatasetReleased, cycle_id=cycle.cycle_id, **fields)])
    await training.work("plan", "run", "pick")
    return cycle


async def test_it_is_uploaded_scored_and_trained_of_nothing(
    training: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = classifier(tmp_path / "hub", {0: "lost", 1: "late"})
    body = asked(folder, note="their best")
    refused = await post(training, body, 409)
    assert refused["error"]["code"] == "not_uploaded"
    assert await training.emitted(RetrainingRequested) == [], "no cycle is opened of what is not there"
    await upload(training, refused["error"]["prefix"], folder)
    opened = await post(training, body)
    cycle = await release(training)
    assert (str(cycle.cycle_id), cycle.min_labels, cycle.asked_by) == (opened["cycle"], 0, "ada")
    assert cycle.note == "by ada, who imports acme/parcels: their best"
    (trained,) = await training.emitted(ModelTrained)
    assert (trained.method, trained.base, trained.labels) == ("imported", "", ["lost", "late"])
    told = {
        "source": "acme/parcels",
        "licence": "apache-2.0",
        "folder": body["digest"],
        "form": "transformers",
        "rows": 0,
    }
    assert trained.parameters | told == trained.parameters and trained.scores["rows"] == 40
    assert trained.asked_by == "ada"

    deployment = Deployment(
        version="parcels-1", artifact=trained.artifact, digest=trained.digest, task="classify", labels=trained.labels
    )
    blobs = Blobs(training.service.settings)
    assert await inspection.problem_of(deployment, blobs) is None
    monkeypatch.setattr(millrace.learn.model, "bfloat16_is_fast", lambda: False)
    limits: dict[str, Any] = {"wait": 0.0, "most": 8, "queue_most": 8, "within": 10.0, "canary_within": 10.0}
    engine = TorchEngine(Shelf(), **limits)
    model = await engine.load(await Artifacts(blobs, tmp_path / "artifacts", 5).fetch(deployment), Parameters())
    assert [one.probabilities for one in model.predict(TEXTS)] == [pytest.approx(one) for one in theirs(folder)]

    await goes_on_from_the_base(training, trained, deployment)
    async with training.http() as client:
        again = await client.post(f"/v1/runs/{trained.run_id}/reproductions", json={"by": "ada"})
        await training.work("reproduce")
        (found,) = (await client.get(f"/v1/runs/{trained.run_id}/reproductions")).json()
    assert again.status_code == 202 and found["state"] == "same", found


def theirs(folder: Path) -> list[list[float]]:
    from tokenizers import Tokenizer

    model = BertForSequenceClassification.from_pretrained(folder).eval()
    tokens = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokens.no_padding()
    with torch.inference_mode():
        logits = [model(input_ids=torch.tensor([tokens.encode(text).ids])).logits[0] for text in TEXTS]
    return [torch.softmax(one.double(), dim=-1).tolist() for one in logits]


async def goes_on_from_the_base(training: Running, trained: ModelTrained, deployment: Deployment) -> None:
    """A fine-tuning that would go on from production has no base in common with what was imported."""
    route = Route(revision=1, workspace_revision=1, production=deployment)
    staged = make(
        ModelStaged, cycle_id=trained.cycle_id, stage="production", reason="won", version="parcels-1", route=route
    )
    await training.deliver([staged])
    async with training.http() as client:
        assert (await client.post("/v1/workspaces/parcels/train", json={"by": "ada"})).status_code == 202
    await release(training)
    full = (await training.emitted(ModelTrained))[-1]
    assert (full.method, full.parameters["start"]) == ("full", "base")


async def test_what_speaks_against_it_is_said_before_anything_is_uploaded(training: Running, tmp_path: Path) -> None:
    folder = classifier(tmp_path / "hub", {0: "lost", 1: "broken"})
    error = (await post(training, asked(folder), 422))["error"]
    assert error["code"] == "labels_differ"
    assert error["message"] == "labels: the workspace has no 'broken' and the model has no 'late'"
    named = asked(folder, labels=["lost", "late"])
    error = (await post(training, {**named, "form": "lightgbm"}, 422))["error"]
    assert error["code"] == "form_not_taken"
    assert error["message"] == "form: parcels takes models of transformers, sentence-transformers, not of 'lightgbm'"
    error = (await post(training, {**named, "files": {"model.safetensors": 5_000_001}}, 422))["error"]
    assert (error["code"], error["most_mb"]) == ("import_too_large", 5)
    for name in ("../config.json", "/etc/passwd", "a/b/c", ".hidden"):
        assert (await post(training, {**named, "files": {name: 1}}, 422))["error"]["code"] == "invalid"
    async with training.http() as client:
        opened = (await client.post("/v1/workspaces/parcels/train", json={"by": "ben"})).json()
    error = (await post(training, named, 409))["error"]
    assert (error["code"], error["cycle"]) == ("cycle_open", opened["cycle"]), "nothing is asked for in vain"


async def test_other_files_than_were_told_fail_the_cycle_with_the_reason(training: Running, tmp_path: Path) -> None:
    folder = classifier(tmp_path / "hub", {0: "lost", 1: "late"}, seed=4)
    body = asked(folder)
    prefix = (await post(training, body, 409))["error"]["prefix"]
    await upload(training, prefix, folder)
    await post(training, body)
    config = json.loads((folder / "config.json").read_text())
    changed = json.dumps({**config, "auto_map": {"AutoModel": "evil.Model"}}).encode()
    await Blobs(training.service.settings).put(f"{prefix}/config.json", changed)
    await release(training)
    (failed,) = await training.emitted(TrainingFailed)
    assert "trust_remote_code is never given" in failed.reason and await training.emitted(ModelTrained) == []


async def test_the_command_examines_uploads_and_opens_the_cycle(
    stack: Endpoints, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"parcels-{uuid4().hex[:8]}"
    settings = {"WORK_DIR": tmp_path / "runs", "GROUP_SUFFIX": f"-{uuid4().hex[:8]}"}
    await bus.publish(configured(name))
    folder = classifier(tmp_path / "hub", {0: "lost", 1: "late"}, seed=4)
    pickled = tmp_path / "pickled"
    shutil.copytree(folder, pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    async with (
        database(stack, "training") as dsn,
        process(stack, "training", dsn, tmp_path / "log", settings) as service,
    ):
        monkeypatch.setenv("MILLRACE_TRAINING_URL", service.url)
        monkeypatch.setenv("MILLRACE_S3_URL", stack.s3.url)
        monkeypatch.setenv("MILLRACE_S3_ACCESS_KEY", stack.s3.access_key)
        monkeypatch.setenv("MILLRACE_S3_SECRET_KEY", stack.s3.secret_key)

        async def command(*arguments: str) -> tuple[int, dict[str, Any]]:
            code = await asyncio.to_thread(run, ["import", name, *arguments, "--by", "ada", "--json"])
            return code, json.loads(capsys.readouterr().out)

        code, told = await command(str(pickled))
        assert code == 1 and "pickled weights run code when they are loaded" in told["error"]["message"]
        code, told = await command(str(folder), "--label", "lost", "--label", "broken")
        assert code == 1 and "the workspace has no 'broken'" in told["error"]["message"]
        code, told = await command(str(folder), "--source", "hub:acme/parcels@1f3c")
        assert code == 0 and told["licence"] == "apache-2.0" and told["digest"] == examine(folder).digest
        async with httpx.AsyncClient() as client:
            (cycle,) = (await client.get(f"{service.url}/v1/cycles", params={"workspace": name})).json()
        assert (UUID(cycle["id"]), cycle["state"], cycle["methods"]) == (UUID(told["cycle"]), "waiting", ["imported"])
        assert cycle["imported"]["source"] == "hub:acme/parcels@1f3c"
        there = Blobs(settings_for(stack, "training", dsn))
        sizes = {one.key.rpartition("/")[2]: one.size for one in await there.listed(f"{name}/imports/", 10)}
        assert sizes == examine(folder).sizes
