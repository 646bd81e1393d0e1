"""Fine-tuning on a GPU beside the same steps on the processor: do losses fall and agree, how fast, with what memory.

    python bench/gpu.py --prepare FOLDER --data BANKING77       # here: what a bare machine lacks, some 50 MB
    PYTHONPATH=$(ls -d libs/* | paste -sd:) python bench/gpu.py FOLDER        # there, from the root of the repository

FOLDER carries MiniLM in float16, rows, and wheels of pydantic for the Python there. What has to be there: torch,
transformers, peft, safetensors, tokenizers, scikit-learn, numpy, PyYAML. Dropout is off, so that both draw the same.
Without a GPU everything runs on the processor, and the comparison says so.
"""

import argparse
import csv
import importlib.metadata
import importlib.util
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WHEELS = (
    "google-re2",
    "ruamel.yaml",
    "pydantic",
    "pydantic-core",
    "annotated-types",
    "typing-inspection",
    "typing-extensions",
)
LINUX = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
AGREES = {"float32": 0.03, "bfloat16": 0.10}
"""How far the losses of the same steps may lie apart, on average, relative to the processor's in float32."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--prepare", type=Path, metavar="FOLDER")
    parser.add_argument("--data", type=Path, help="a folder with train.csv, columns text,category")
    parser.add_argument("--python", default="3.12", help="of the other machine, for the wheels")
    parser.add_argument("--steps", type=int, default=120, help="of the comparison, 32 rows each")
    parser.add_argument("--batch", type=int, default=256, help="rows of a step where throughput is measured")
    parser.add_argument("--epochs", type=int, default=3, help="over the rows where throughput is measured")
    given = parser.parse_args()
    if given.prepare:
        if not given.data:
            parser.error("--prepare needs --data FOLDER")
        prepare(given.prepare, given.data, given.python)
    elif given.folder:
        found = bench(given)
        print(json.dumps(found))
        sys.exit(0 if found["agrees"] and found["falls"] and found["resumes"] else "a check failed: see above")
    else:
        parser.error("a FOLDER that was prepared, or --prepare FOLDER")


def prepare(folder: Path, data: Path, python: str) -> None:
    from safetensors.torch import load_file, save_file

    from millrace.learn import bases

    base, target = bases.find("minilm"), folder / "minilm"
    target.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json"):
        shutil.copyfile(base / name, target / name)
    halved = {
        name: value.half() if value.is_floating_point() else value
        for name, value in load_file(base / "model.safetensors").items()
    }
    save_file(halved, target / "model.safetensors", metadata={"format": "pt"})
    with (data / "train.csv").open(encoding="utf-8") as file:
        texts = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    random.Random(7).shuffle(texts)
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as out:
        for number, (text, label) in enumerate(texts):
            split = "validation" if number < 500 else "train"
            out.write(json.dumps({"id": str(number), "text": text, "label": label, "split": split}) + "\n")
    pinned = [f"{name}=={importlib.metadata.version(name)}" for name in WHEELS]
    platforms = [part for name in LINUX for part in ("--platform", name)]
    asked = ["download", "-q", "--no-deps", "--only-binary=:all:", "--python-version", python, *platforms]
    subprocess.run([sys.executable, "-m", "pip", *asked, "-d", str(folder / "wheels"), *pinned], check=True)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder} has {size / 1e6:.0f} MB; carry it along", file=sys.stderr)


def bench(given: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as work:
        install(given.folder / "wheels", Path(work) / "site")
        os.environ["XDG_CACHE_HOME"] = str(Path(work) / "cache")
        return measure(given, Path(work))


def install(wheels: Path, site: Path) -> None:
    """pydantic, where it is not here."""
    if importlib.util.find_spec("pydantic") is not None:
        return
    asked = ["install", "-q", "--no-index", "--no-deps", "--target", str(site), *map(str, sorted(wheels.glob("*.whl")))]
    subprocess.run([sys.executable, "-m", "pip", *asked], check=True)
    sys.path.insert(0, str(site))
    importlib.invalidate_caches()


def base_of(folder: Path, work: Path) -> str:
    """MiniLM in float32 again, without dropout, as a base that a team added."""
    from safetensors.torch import load_file, save_file

    from millrace.learn import bases

    widened = Path(shutil.copytree(folder, work / "minilm"))
    weights = load_file(widened / "model.safetensors")
    whole = {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    save_file(whole, widened / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((widened / "config.json").read_text())
    dry = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (widened / "config.json").write_text(json.dumps(config | dry))
    return bases.add("minilm-dry", str(widened), licence="Apache-2.0").name


class Broken(Exception):
    """Instead of a kill."""


def run(work: Path, out: str, *, break_at: int | None = None, **fields: Any) -> dict[str, Any]:
    """One run: its losses, its rows a second of fitting after the warm-up, its peak memory on the GPU."""
    import torch

    from millrace.learn.requests import TrainRequest, parsed
    from millrace.learn.training import train
    from millrace.learn.tuning import WARM_UP

    losses: list[float] = []
    moments: list[float] = []

    def told(stage: str, step: int, of: int, loss: float | None, seconds: float) -> None:
        if stage == "fit" and loss is not None:
            losses.append(loss)
            moments.append(time.perf_counter())
            if step == break_at:
                raise Broken

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    raw = {"task": "classify", "out": work / out, "seed": 7, "max_length": 128, **fields}
    trained = train(parsed(TrainRequest, raw), told)
    shutil.rmtree(work / out)
    settled = moments[WARM_UP:]
    rate = fields["settings"]["batch"] * (len(settled) - 1) / (settled[-1] - settled[0])
    return {
        "losses": losses,
        "first": round(sum(losses[:10]) / 10, 4),
        "last": round(sum(losses[-10:]) / 10, 4),
        "rows_s": round(rate, 1),
        "seconds": trained.fit_seconds,
        "accuracy": trained.scores["accuracy"],
        "peak_mb": round(torch.cuda.max_memory_allocated() / 2**20) if torch.cuda.is_available() else None,
        "resumed_from": trained.resumed_from,
    }


def apart(one: list[float], other: list[float]) -> float:
    """The mean difference of losses of the same steps, relative to the mean of the second."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / sum(other)


def measure(given: argparse.Namespace, work: Path) -> dict[str, Any]:
    import torch

    there = torch.cuda.is_available()
    device, threads = ("gpu", os.cpu_count() or 1) if there else ("cpu", os.cpu_count() or 1)
    shared = {"rows": given.folder.resolve() / "rows.jsonl", "base": base_of(given.folder / "minilm", work)}
    shared["threads"] = threads
    told: dict[str, dict[str, Any]] = {}

    def tell(name: str, found: dict[str, Any]) -> dict[str, Any]:
        told[name] = found
        shown = {key: value for key, value in found.items() if key != "losses"}
        print(f"{name}: {json.dumps(shown)}", file=sys.stderr, flush=True)
        return found

    falls = agrees = resumes = True
    for method, rate in (("full", 5e-4), ("lora", 5e-3)):
        same = {**shared, "method": method, "steps": given.steps, "planned_steps": given.steps}
        same["settings"] = {"epochs": 50, "batch": 32, "rate": rate, "C": 1.0}
        reference = tell(f"{method} cpu float32", run(work, "reference", **same))
        ways = {"float32": {}, "bfloat16": {"precision": "bfloat16"}, "float32 in 4 parts": {"accumulate": 4}}
        for way, fields in ways.items():
            found = tell(f"{method} {device} {way}", run(work, "model", device=device, **same, **fields))
            found["apart"] = round(apart(found["losses"], reference["losses"]), 4)
            falls &= found["last"] < 0.9 * found["first"]
            agrees &= found["apart"] < AGREES[way.split()[0]]
        kept = {**same, "device": device, "checkpoint": work / f"{method}-checkpoint", "checkpoint_seconds": 1e-3}
        try:
            run(work, "model", break_at=given.steps // 2, **kept)
        except Broken:
            again = tell(f"{method} {device} resumed", run(work, "model", **kept))
        whole = told[f"{method} {device} float32"]["losses"][again["resumed_from"] :]
        again["apart"] = round(apart(again["losses"], whole), 4)
        resumes &= again["resumed_from"] > 0 and again["apart"] < AGREES["float32"]
        fast = {**shared, "method": method, "device": device}
        fast["settings"] = {"epochs": given.epochs, "batch": given.batch, "rate": rate}
        for precision in ("float32", "bfloat16"):
            name = f"{method} {device} {precision}, batches of {given.batch}"
            tell(name, run(work, "model", precision=precision, **fast))
    return {
        "gpu": torch.cuda.get_device_name() if there else None,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": threads,
        "falls": falls,
        "agrees": agrees,
        "resumes": resumes,
        "runs": {name: {k: v for k, v in found.items() if k != "losses"} for name, found in told.items()},
    }


if __name__ == "__main__":
    main()
