"""Every method on every kind of base, made tiny: what a version keeps, and that what is loaded is what was trained."""

from collections.abc import Callable
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
import tiny_models
import torch
from safetensors.torch import load_file
from small_runs import request, silent

import millrace.learn.methods
from millrace.learn import BaseMissing, DeviceMissing, Shelf, WrongRequest, bases, read_version
from millrace.learn.adapters import Adapted
from millrace.learn.folder import Adapter
from millrace.learn.model import base_embedder
from millrace.learn.tasks import task_named, tasks
from millrace.learn.training import train

MAKERS: dict[str, Callable[[Path], Path]] = {
    "encoder": tiny_models.encoder,
    "classifier": tiny_models.classifier,
    "speaker": tiny_models.language_model,
}
SHORT: dict[str, Any] = {"epochs": 2, "batch": 6}
ASKED = ["please refund me", "", "the box arrived torn and broken"]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Bases of random weights, one of each kind, beside the one of the wheel."""
    folder = tmp_path_factory.mktemp("bases")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        bases.find.cache_clear()
        for name, make in MAKERS.items():
            bases.add(name, str(make(folder / name)))
        yield
    bases.find.cache_clear()


def test_a_method_is_a_file() -> None:
    found = {one.name.replace("_", "-") for one in iter_modules(millrace.learn.methods.__path__)}
    assert found == {method for task in tasks() for method in task_named(task).METHODS}


@pytest.mark.parametrize("method", ["linear-probe", "full", "lora"])
@pytest.mark.parametrize("base", list(MAKERS))
def test_every_base_is_learned_by_every_method_and_loads_as_it_was_judged(
    tmp_path: Path, base: str, method: str
) -> None:
    settings = {} if method == "linear-probe" else SHORT
    trained = train(request(tmp_path, "model", base=base, method=method, settings=settings), silent)
    shelf = Shelf()
    answers = shelf.load(tmp_path / "model").predict(ASKED)
    again = train(request(tmp_path, "again", base=base, method=method, settings=settings), silent)
    assert (again.digest, again.weights_digest) == (trained.digest, trained.weights_digest)
    assert [answer.probabilities for answer in answers] == [
        pytest.approx(answer.probabilities) for answer in shelf.load(tmp_path / "again").predict(ASKED)
    ]
    names = {path.name for path in (tmp_path / "model").iterdir()}
    own = {"config.json", "tokenizer.json"} if method == "full" else set()
    assert names == {"version.json", "weights.safetensors"} | own
    version = read_version(tmp_path / "model")
    assert version.base.digest == bases.named(base).digest
    assert version.encoder == {"linear-probe": "base", "full": "own", "lora": "adapted"}[method]


def test_an_adapter_is_kept_apart_and_merged_when_it_is_loaded(tmp_path: Path) -> None:
    settings = SHORT | {"rank": 4, "rate": 1e-2}
    trained = train(request(tmp_path, "model", method="lora", settings=settings), silent)
    assert read_version(tmp_path / "model").adapter == Adapter(rank=4, alpha=32)
    tensors = load_file(tmp_path / "model" / "weights.safetensors")
    pairs = {name for name in tensors if name.startswith("adapter.")}
    assert len(pairs) == 2 * 6 * 6, "query, key, value, their output and two more, in six layers"
    assert trained.bytes < 2_000_000 < bases.named("minilm").parameters
    shelf = Shelf()
    probe = train(request(tmp_path, "probe"), silent)
    before = shelf.load(tmp_path / "probe").predict(ASKED)
    adapted = shelf.load(tmp_path / "model")
    assert [one.probabilities for one in shelf.load(tmp_path / "probe").predict(ASKED)] == [
        one.probabilities for one in before
    ], "the base that others stand on stays as it is"
    assert probe.weights_digest != trained.weights_digest
    weight = "encoder.layer.0.attention.self.query"
    moved = adapted.embedder.encoder.state_dict()[f"{weight}.weight"]
    base = shelf.base("minilm").encoder.state_dict()[f"{weight}.weight"]
    low, high = (tensors[f"adapter.{weight}.lora_{part}.weight"] for part in "AB")
    assert torch.allclose(moved, base + 32 / 4 * high @ low)
    assert not torch.equal(moved, base)


def test_what_is_merged_is_what_peft_computes(tmp_path: Path) -> None:
    from peft import get_peft_model_state_dict

    from millrace.learn.encoder import padded
    from millrace.learn.methods.lora import injected

    base, shape = base_embedder("encoder"), Adapter(rank=4, alpha=8)
    theirs: Any = injected(base.encoder, shape, seed=3)
    for name, parameter in theirs.named_parameters():
        if ".lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    ours = Adapted(shape, get_peft_model_state_dict(theirs)).merged(base.encoder)
    batch = padded(base.tokens.ids(ASKED, 32))
    with torch.inference_mode():
        said, plain = theirs.eval()(batch.ids, batch.mask), base.encoder(batch.ids, batch.mask)
        assert torch.allclose(ours(batch.ids, batch.mask), said, atol=1e-5)
        assert not torch.allclose(plain, said, atol=1e-2)


def test_an_adapter_is_not_put_on_another_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(request(tmp_path, "model", base="encoder", method="lora", settings=SHORT), silent)
    (told := tmp_path / "model" / "version.json").write_text(
        told.read_text().replace(bases.named("encoder").digest, "sha256:" + "0" * 64)
    )
    with pytest.raises(BaseMissing, match="the model stands on sha256:0000"):
        Shelf().load(tmp_path / "model")


def test_an_adapter_can_be_declared_anew(tmp_path: Path) -> None:
    first = train(request(tmp_path, "model", base="encoder", method="lora", settings=SHORT), silent)
    settings = {"from": str(tmp_path / "model")}
    declared = train(request(tmp_path, "next", base="encoder", method="declare", pad_to=64, settings=settings), silent)
    assert declared.weights_digest == first.weights_digest
    assert declared.digest != first.digest
    assert read_version(tmp_path / "next").adapter == read_version(tmp_path / "model").adapter


def test_lora_goes_on_from_no_other_version(tmp_path: Path) -> None:
    with pytest.raises(WrongRequest, match="start: lora goes on from the base alone"):
        train(request(tmp_path, "model", base="encoder", method="lora", start=tmp_path), silent)


def _losses(folder: Path, out: str, **fields: Any) -> list[float]:
    losses: list[float] = []

    def told(stage: str, step: int, of: int, loss: float | None, seconds: float) -> None:
        if loss is not None:
            losses.append(loss)

    settings = {"epochs": 6, "batch": 6, "rate": 1e-2}
    train(request(folder, out, **{"base": "speaker", "method": "full", "settings": settings, **fields}), told)
    return losses


def test_a_batch_in_parts_is_the_same_step(tmp_path: Path) -> None:
    """On a base without dropout, whose draws would differ."""
    whole, parts = (_losses(tmp_path, f"model-{n}", accumulate=n) for n in (1, 3))
    assert parts == pytest.approx(whole, rel=1e-3)
    assert whole[-1] < whole[0]


def test_in_bfloat16_losses_fall_as_in_float32(tmp_path: Path) -> None:
    full, mixed = (_losses(tmp_path, precision, precision=precision) for precision in ("float32", "bfloat16"))
    assert mixed != full
    assert mixed == pytest.approx(full, rel=0.1, abs=0.05)
    environment = read_version(tmp_path / "bfloat16").environment
    assert (environment["precision"], environment["device"]) == ("bfloat16", "cpu")
    assert load_file(tmp_path / "bfloat16" / "weights.safetensors")["head.weight"].dtype == torch.float32


def test_a_gpu_that_is_not_there_is_an_error_by_name_or_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for method in ("linear-probe", "full", "lora"):
        with pytest.raises(DeviceMissing, match=r"device gpu: torch .*; gpu-if-there would go on without one"):
            train(request(tmp_path, "model", base="encoder", method=method, device="gpu"), silent)
    train(request(tmp_path, "model", base="encoder", method="lora", device="gpu-if-there", settings=SHORT), silent)
    assert read_version(tmp_path / "model").environment["device"] == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_a_gpu_learns_what_the_processor_does(tmp_path: Path) -> None:
    there, here = (_losses(tmp_path, device, device=device) for device in ("gpu", "cpu"))
    assert there == pytest.approx(here, rel=1e-2)
