"""A base that a team added on one machine, on others: applied, trained on, evaluated and served from S3."""

import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny_models
from harness import settings_for
from small_runs import request, rows_file, silent

from millrace.chassis import BlobNotFound, Blobs
from millrace.cli.main import run
from millrace.evaluation import engine as scoring_engine
from millrace.evaluation import scoring
from millrace.evaluation.blobs import Rows
from millrace.events import Deployment
from millrace.learn import BaseRefused, Parameters, Shelf, bases, digest, read_version
from millrace.learn.bases.bucket import Bucket
from millrace.learn.training import train
from millrace.registry.bases import kinds
from millrace.serving.blobs import ArtifactRefused, Artifacts
from millrace.serving.engine import TorchEngine
from millrace.stack import Endpoints

TEXTS = ["please refund me", "the box arrived torn"]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Goes to a machine of that name, each with a cache folder of its own."""

    def go(name: str) -> Path:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))
        bases.find.cache_clear()
        return tmp_path / name

    return go


@pytest.fixture
async def blobs(stack: Endpoints) -> AsyncIterator[Blobs]:
    opened = Blobs(settings_for(stack, "registry", "unused"))
    yield opened
    for key in [key async for key in opened.each("bases/")]:
        await opened.delete(key)


@pytest.fixture
def bucket(stack: Endpoints) -> Bucket:
    return Bucket(stack.s3.url, stack.s3.access_key, stack.s3.secret_key, "millrace")


async def test_what_one_machine_added_the_others_train_evaluate_and_serve(
    stack: Endpoints, machine: Callable[[str], Path], blobs: Blobs, bucket: Bucket, tmp_path: Path
) -> None:
    name = f"tiny-{uuid4().hex[:6]}"
    machine("one")
    added = bases.add(name, str(tiny_models.encoder(tmp_path / "model")))
    bases.publish(added, bucket)
    bases.publish(added, bucket)  # once more changes nothing
    assert await kinds(blobs) == {name: "encoder"}

    machine("trainer")
    await bases.bring(name, blobs)
    assert bases.named(name) == added.base
    train(request(tmp_path, "version", base=name, method="lora", settings={"epochs": 1, "batch": 6}), silent)
    said = Shelf().load(tmp_path / "version").predict(TEXTS)
    artifact = f"parcels/models/{name}"
    await blobs.upload(tmp_path / "version", artifact)

    deployment = Deployment(
        version="parcels-1",
        artifact=artifact,
        digest=digest(tmp_path / "version"),
        task="classify",
        labels=read_version(tmp_path / "version").labels,
    )

    machine("server")
    folder = await Artifacts(blobs, tmp_path / "artifacts", 5).fetch(deployment)
    limits: dict[str, Any] = {"wait": 0.0, "most": 8, "queue_most": 8, "within": 10.0, "canary_within": 10.0}
    engine = TorchEngine(Shelf(), **limits)
    model = await engine.load(folder, Parameters())
    assert [one.probabilities for one in model.predict(TEXTS)] == [pytest.approx(one.probabilities) for one in said]

    machine("judge")
    suite = Rows("golden", f"parcels/rows/{name}.jsonl", "sha256:rows")
    golden = await _suite(blobs, suite, tmp_path)
    judge = scoring_engine.Process(threads=1, within=120, nice=0, memory=tmp_path / "memory.sqlite", blobs=blobs)
    await scoring._run({"candidate": deployment}, [suite], blobs=blobs, engine=judge, folder=tmp_path / "scores")
    assert (tmp_path / "scores" / "scores" / "candidate" / "golden.parquet").stat().st_size > 0
    assert golden == 24


async def _suite(blobs: Blobs, suite: Rows, folder: Path) -> int:

    rows = [json.loads(line) for line in rows_file(folder).read_text().splitlines()]
    pq.write_table(pa.Table.from_pylist(rows), folder / "golden.parquet")
    await blobs.put_file(str(suite.blob), folder / "golden.parquet")
    return len(rows)


async def test_a_name_keeps_its_bytes_and_half_a_base_is_none(
    machine: Callable[[str], Path], blobs: Blobs, bucket: Bucket, tmp_path: Path
) -> None:
    name = f"tiny-{uuid4().hex[:6]}"
    machine("one")
    added = bases.add(name, str(tiny_models.encoder(tmp_path / "model")))
    await blobs.put(
        f"bases/{name}/{added.made.removeprefix('sha256:')}/config.json", b"{}"
    )  # an add that was broken off
    assert await kinds(blobs) == {}
    machine("two")
    with pytest.raises(BlobNotFound):
        await bases.bring(name, blobs)
    machine("one")
    bases.publish(added, bucket)
    machine("other")
    bases.add(name, str(tiny_models.classifier(tmp_path / "another")))
    with pytest.raises(
        BaseRefused, match=r"the team has a base of that name with digest .*: a new release is a new name"
    ):
        bases.publish(bases.add(name, str(tmp_path / "another")), bucket)
    machine("damaged")
    await blobs.put(f"bases/{name}/{added.made.removeprefix('sha256:')}/tokenizer.json", b"{}")
    with pytest.raises(BaseRefused, match="what came from S3 has digest"):
        await bases.bring(name, blobs)
    assert not any(path for path in bases.cache_folder().glob("*"))


async def test_a_version_on_a_base_that_nobody_has_is_refused(
    machine: Callable[[str], Path], blobs: Blobs, tmp_path: Path
) -> None:
    machine("one")
    bases.add("tiny", str(tiny_models.encoder(tmp_path / "model")))
    train(request(tmp_path, "version", base="tiny"), silent)
    await blobs.upload(tmp_path / "version", "parcels/models/lonely")

    labels = read_version(tmp_path / "version").labels
    told = {"artifact": "parcels/models/lonely", "digest": digest(tmp_path / "version"), "labels": labels}
    machine("server")
    with pytest.raises(ArtifactRefused, match=r"bases/tiny/base\.json"):
        await Artifacts(blobs, tmp_path / "artifacts", 5).fetch(Deployment(version="v", task="classify", **told))


def test_the_command_adds_lists_and_fetches(
    stack: Endpoints,
    machine: Callable[[str], Path],
    blobs: Blobs,
    bucket: Bucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def say(*words: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = run(["bases", *words, "--json", "--data", str(tmp_path / "nothing")])
        return code, json.loads(capsys.readouterr().out)

    name = f"tiny-{uuid4().hex[:6]}"
    folder = tiny_models.encoder(tmp_path / "model")
    machine("one")
    code, row = say("add", name, str(folder))
    assert (code, row["shared"], row["licence"]) == (0, False, "mit"), "no Millrace runs here"
    for key, value in (("URL", stack.s3.url), ("ACCESS_KEY", stack.s3.access_key), ("SECRET_KEY", stack.s3.secret_key)):
        monkeypatch.setenv(f"MILLRACE_S3_{key}", value)
    assert say("add", name, str(folder), "--digest", row["digest"])[1]["shared"] is True
    machine("two")
    listed = {one["name"]: one for one in say("list")[1]}
    assert listed[name]["folder"] is None and listed[name]["digest"] == row["digest"]
    assert {"minilm", "smollm2"} <= listed.keys()
    code, told = say("fetch", name)
    assert code == 0 and told["folder"] == str(bases.find(name))
    assert say("fetch", "maxilm")[1]["error"]["code"] == "UnknownBase"
    shutil.copyfile(folder / "model.safetensors", folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    code, refused = say("add", "other", str(folder))
    assert code == 1 and refused["error"]["code"] == "BaseRefused"
    assert "pickled weights run code" in refused["error"]["message"]
    monkeypatch.setenv("MILLRACE_S3_URL", "http://127.0.0.1:9")
    code, gone = say("list")
    assert code == 1 and gone["error"]["code"] == "unavailable"


def test_a_base_comes_from_s3(
    stack: Endpoints, machine: Callable[[str], Path], bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_models.encoder(tmp_path / "model")
    for path in folder.iterdir():
        bucket.put_file(f"somewhere/tiny/{path.name}", path)
    machine("one")
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.s3.url)
    with pytest.raises(Exception, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"):
        bases.add("tiny", "s3://millrace/somewhere/tiny")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", stack.s3.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", stack.s3.secret_key)
    assert bases.add("tiny", "s3://millrace/somewhere/tiny").digest == bases.measure(folder)
    with pytest.raises(Exception, match="nothing is at somewhere/else"):
        bases.add("tinier", "s3://millrace/somewhere/else")
