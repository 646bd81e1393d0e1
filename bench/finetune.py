"""Throughput of full fine-tuning beside the bare transformers Trainer, on the same base, rows, batch and steps.

    make bench-finetune DATA=FOLDER         # train.csv and test.csv, columns text,category
    python bench/finetune.py --data FOLDER [--train N] [--rounds 3] [--steps 60]

Rows a second of the steps after the first few, on the same cores, each in a process of its own, in turns. Batches are
padded to their longest row. Ours are of like length, as services train, or of rows as they come; so are the Trainer's.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import banking
from rich.console import Console
from rich.table import Table

WARM = 8
"""Steps that are not counted."""
WAYS = ("ours", "ours_as_they_come", "trainer", "trainer_grouped")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("DATA"))
    parser.add_argument("--base", default="minilm")
    parser.add_argument("--train", type=int, help="rows, instead of all")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--way", choices=WAYS, help="one of them, in this process")
    parser.add_argument("--work", type=Path, help="of --way")
    given = parser.parse_args()
    if given.way:
        print(json.dumps(_ours(given) if given.way.startswith("ours") else _trainers(given)))
        return
    if not given.data:
        parser.error("no data: DATA=FOLDER or --data FOLDER, with train.csv and test.csv")
    with tempfile.TemporaryDirectory(prefix="bench-finetune-") as folder:
        count = banking.rows_file(Path(given.data), Path(folder) / "rows.jsonl", train=given.train, test=100)
        found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
        for number in range(given.rounds):
            for way in WAYS[number % len(WAYS) :] + WAYS[: number % len(WAYS)]:
                Console(stderr=True).print(f"[dim]round {number + 1} of {given.rounds}: {way}")
                found[way].append(alone(way, Path(folder), given))
    rates = {way: statistics.median(one["rows_s"] for one in rounds) for way, rounds in found.items()}
    table = Table("way", "rows a second", "last losses", title=f"{count:,} rows, {given.steps} steps of {given.batch}")
    for way, rate in rates.items():
        table.add_row(way.replace("_", " "), f"{rate:.1f}", f"{found[way][0]['loss']:.3f}")
    Console().print(table)
    ratios = {
        "ratio": rates["ours"] / rates["trainer"],
        "ratio_as_they_come": rates["ours_as_they_come"] / rates["trainer"],
        "ratio_grouped": rates["ours"] / rates["trainer_grouped"],
        "bucketing": rates["ours"] / rates["ours_as_they_come"],
    }
    told = {**{f"{way}_rows_s": rate for way, rate in rates.items()}, **ratios}
    print(json.dumps({name: round(value, 3) for name, value in told.items()}))


def alone(way: str, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    told = ["--way", way, "--work", str(folder)]
    for name in ("base", "batch", "steps", "threads"):
        told += [f"--{name}", str(getattr(given, name))]
    environment = {**os.environ, "OMP_NUM_THREADS": str(given.threads), "TOKENIZERS_PARALLELISM": "false"}
    ended = subprocess.run(
        [sys.executable, __file__, *told], capture_output=True, text=True, env=environment, check=False
    )
    if ended.returncode:
        sys.exit(f"{way}: {ended.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def told(moments: list[float], losses: list[float], batch: int) -> dict[str, Any]:
    rate = batch * (len(moments) - 1 - WARM) / (moments[-1] - moments[WARM])
    return {"rows_s": rate, "loss": statistics.mean(losses[-10:])}


def _ours(given: argparse.Namespace) -> dict[str, Any]:
    from millrace.learn import tuning
    from millrace.learn.requests import TrainRequest, parsed
    from millrace.learn.training import train

    if given.way == "ours_as_they_come":
        tuning.BUCKET = 1
    moments: list[float] = []
    losses: list[float] = []

    def hear(stage: str, step: int, of: int, loss: float | None, seconds: float) -> None:
        if stage == "fit" and loss is not None:
            moments.append(time.perf_counter())
            losses.append(loss)

    raw = {
        "task": "classify",
        "method": "full",
        "base": given.base,
        "rows": given.work / "rows.jsonl",
        "out": given.work / "model",
    }
    raw |= {"threads": given.threads, "steps": given.steps, "planned_steps": given.steps, "seed": 7}
    raw["settings"] = {"epochs": 100, "batch": given.batch}
    train(parsed(TrainRequest, raw), hear)
    for path in (given.work / "model").iterdir():
        path.unlink()
    (given.work / "model").rmdir()
    return told(moments, losses, given.batch)


def _trainers(given: argparse.Namespace) -> dict[str, Any]:
    import torch
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    from millrace.learn import bases

    torch.set_num_threads(given.threads)
    rows = [json.loads(line) for line in (given.work / "rows.jsonl").read_text().splitlines()]
    train = [row for row in rows if row["split"] == "train"]
    labels = {label: code for code, label in enumerate(sorted({row["label"] for row in train}))}
    base = bases.find(given.base)
    tokens = AutoTokenizer.from_pretrained(base)
    ids = tokens([row["text"] for row in train], truncation=True, max_length=128)["input_ids"]
    examples = [{"input_ids": one, "labels": labels[row["label"]]} for one, row in zip(ids, train, strict=True)]
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=len(labels), dtype=torch.float32)
    moments: list[float] = []
    losses: list[float] = []

    class Ears(TrainerCallback):
        def on_step_end(self, *given: Any, **more: Any) -> None:
            moments.append(time.perf_counter())

        def on_log(self, *given: Any, logs: dict[str, float] | None = None, **more: Any) -> None:
            if logs and "loss" in logs:
                losses.append(float(logs["loss"]))

    grouped = {"train_sampling_strategy": "group_by_length"} if given.way == "trainer_grouped" else {}
    arguments = TrainingArguments(
        output_dir=str(given.work / "trainer"),
        per_device_train_batch_size=given.batch,
        max_steps=given.steps,
        learning_rate=1e-4,
        weight_decay=0.01,
        warmup_steps=WARM,
        optim="adamw_torch_fused",
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        seed=7,
        **grouped,
    )
    collator = DataCollatorWithPadding(tokens)
    Trainer(model, arguments, train_dataset=examples, data_collator=collator, callbacks=[Ears()]).train()
    return told(moments, losses, given.batch)


if __name__ == "__main__":
    main()
