"""What SFT, DPO and KTO make of a small language model on support mail, judged by the rule that made the pairs.

    make bench-text                         # SmolLM2-135M-Instruct; each run within 15 minutes on two cores
    python bench/text.py [--answers N] [--pairs N] [--ratings N] [--mails N] [--sft sft-lora] [--device gpu]

Replies come from replies.py: agents do now and then what the rule asks for. SFT learns them as they are; DPO goes on
from it with pairs of two agents' replies to one mail, of which the rule likes one better, KTO with single replies that
it likes or not. Then each answers mails that no run has seen, greedily. The judge gets a mail and two answers in an
order of chance, without names, and says which it likes better; a tie is half. A share is won beyond its interval where
the lower end of 95 % is above a half. Each run is a process of its own, as services do it.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import replies
from rich.console import Console
from rich.table import Table

MINUTES = 15
SYSTEM = "You answer the mail of Mill Parcel's customers."
WAYS = ("dpo", "kto")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=240, help="replies that SFT learns")
    parser.add_argument("--pairs", type=int, default=200, help="that DPO learns")
    parser.add_argument("--ratings", type=int, default=240, help="that KTO learns")
    parser.add_argument("--mails", type=int, default=120, help="held out")
    parser.add_argument("--base", default="smollm2")
    parser.add_argument("--sft", default="sft", choices=["sft", "sft-lora"])
    parser.add_argument("--settings", type=json.loads, default={}, help='{"dpo": {"rate": 1e-5}, ...}')
    parser.add_argument("--precision", default="bfloat16", choices=["float32", "bfloat16"])
    parser.add_argument("--device", default="cpu", choices=["cpu", "gpu", "gpu-if-there"])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--show", type=int, default=0, help="mails whose answers are printed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-text-") as folder:
        found = measure(Path(folder), given)
    print(json.dumps(found))


def measure(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    held_out = write(folder, given)
    runs = {"base": run(folder, given, "base", "prompt")}
    runs["sft"] = run(folder, given, "sft", given.sft)
    for way in WAYS:
        runs[way] = run(folder, given, way, way, start="sft")
    said = answers(folder, given, list(runs))
    shown(held_out, said, given.show)
    table = Table("run", "minutes", "held-out loss", "pairs preferred", "points of 4", "won against SFT", "95 %")
    told: dict[str, Any] = {}
    for name, one in runs.items():
        scores = one["scores"]
        found = {
            "seconds": round(one["wall"], 1),
            "nll": round(scores["nll"], 4),
            "nll_se": round(scores["nll_se"], 4),
            "preference_accuracy": scores["preference_accuracy"],
            "points": round(
                float(np.mean([replies.score(*pair) for pair in zip(held_out, said[name], strict=True)])), 3
            ),
        }
        if name in WAYS:
            found |= won(held_out, said[name], said["sft"], given.seed)
            found["held"] = (
                found["low"] > 0.5
                and found["preference_accuracy"] > runs["sft"]["scores"]["preference_accuracy"]
                and one["wall"] < MINUTES * 60
            )
        told |= {f"{name}_{key}": value for key, value in found.items()}
        share = [f"{found['won']:.3f}", f"{found['low']:.3f} to {found['high']:.3f}"] if name in WAYS else ["", ""]
        figures = [f"{one['wall'] / 60:.1f}", f"{scores['nll']:.3f} ± {1.96 * scores['nll_se']:.3f}"]
        table.add_row(name, *figures, f"{scores['preference_accuracy']:.3f}", f"{found['points']:.2f}", *share)
    told["sft_held"] = (
        told["sft_nll"] + 1.96 * told["sft_nll_se"] < told["base_nll"] and told["sft_seconds"] < MINUTES * 60
    )
    Console().print(table)
    return {"mails": len(held_out), **told}


def write(folder: Path, given: argparse.Namespace) -> list[replies.Mail]:
    """Rows of each run, no mail in two of them; the held-out mails have a pair each. Returns those."""
    counts = {"sft": given.answers, "dpo": given.pairs, "kto": given.ratings, "held-out": given.mails}
    every = iter(replies.mails(sum(counts.values()), given.seed))
    chance = random.Random(given.seed + 1)
    mails = {name: [next(every) for _ in range(count)] for name, count in counts.items()}
    held_out = [pair(mail, chance, f"held-out-{n}", "validation") for n, mail in enumerate(mails["held-out"])]
    rows = {
        "sft": [row(mail, f"sft-{n}", label=replies.reply(mail, chance)) for n, mail in enumerate(mails["sft"])],
        "dpo": [pair(mail, chance, f"dpo-{n}", "train") for n, mail in enumerate(mails["dpo"])],
        "kto": [rated(mail, chance, f"kto-{n}") for n, mail in enumerate(mails["kto"])],
    }
    for name, taught in {"base": [], **rows, "suite": []}.items():
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in [*taught, *held_out]), encoding="utf-8")
    return mails["held-out"]


def row(mail: replies.Mail, id: str, split: str = "train", **fields: Any) -> dict[str, Any]:
    return {"id": id, "text": mail.text, "split": split, **fields}


def pair(mail: replies.Mail, chance: random.Random, id: str, split: str) -> dict[str, Any]:
    """Two agents' replies of which the rule likes one better."""
    while True:
        one, other = sorted(
            (replies.reply(mail, chance) for _ in range(2)), key=lambda said: -replies.score(mail, said)
        )
        if replies.score(mail, one) > replies.score(mail, other):
            return row(mail, id, split, label=one, rejected=other)


def rated(mail: replies.Mail, chance: random.Random, id: str) -> dict[str, Any]:
    """One agent's reply; who wrote the mail likes it or not, as the rule does at half of its points."""
    while True:
        answer = replies.reply(mail, chance)
        points = replies.score(mail, answer)
        if points != 2:
            return row(mail, id, label=answer, rating=1 if points > 2 else -1)


def run(folder: Path, given: argparse.Namespace, name: str, method: str, start: str | None = None) -> dict[str, Any]:
    """In a process of its own, to its result; `wall` is all of it."""
    settings = DEFAULTS.get(method, {}) | given.settings.get(name, {})
    request = {
        "task": "generate",
        "method": method,
        "base": given.base,
        "rows": str(folder / f"{name}.jsonl"),
        "out": str(folder / "models" / name),
        "start": str(folder / "models" / start) if start else None,
        "prompt": {"system": SYSTEM},
        "decoding": {"max_tokens": 96},
        "max_length": 256,
        "seed": given.seed,
        "threads": given.threads,
        "precision": given.precision,
        "device": given.device,
        "settings": settings,
    }
    (folder / "models").mkdir(exist_ok=True)
    (folder / "request.json").write_text(json.dumps(request))
    started = time.perf_counter()
    result = listen([sys.executable, "-m", "millrace.learn.run", str(folder / "request.json")], name)
    return result | {"wall": time.perf_counter() - started}


DEFAULTS: dict[str, dict[str, Any]] = {
    "sft": {"epochs": 3, "batch": 16, "rate": 1e-4},
    "sft-lora": {"epochs": 3, "batch": 16, "rate": 1e-3},
    "dpo": {"epochs": 2, "batch": 16, "rate": 1e-5},
    "kto": {"epochs": 2, "batch": 16, "rate": 1e-5},
}


def answers(folder: Path, given: argparse.Namespace, names: list[str]) -> dict[str, list[str]]:
    """Of each version, to the held-out mails in their order."""
    request = {
        "models": [{"name": name, "path": str(folder / "models" / name)} for name in names],
        "suites": [{"name": "held-out", "rows": str(folder / "suite.jsonl")}],
        "out": str(folder / "scores"),
        "format": "jsonl",
        "threads": given.threads,
    }
    (folder / "request.json").write_text(json.dumps(request))
    listen([sys.executable, "-m", "millrace.learn.score", str(folder / "request.json")], "answers")
    found = {}
    for name in names:
        lines = (folder / "scores" / name / "held-out.jsonl").read_text(encoding="utf-8").splitlines()
        found[name] = [json.loads(line)["prediction"] for line in lines]
    return found


def listen(command: list[str], name: str) -> dict[str, Any]:
    last: dict[str, Any] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        for line in child.stdout or ():
            last = json.loads(line)
            if last["kind"] == "progress":
                loss = "" if last["loss"] is None else f", loss {last['loss']:.3f}"
                told = f"{name}: {last['stage']} {last['step']} of {last['of']}{loss}, {last['seconds']:.0f} s   "
                Console(stderr=True).print(f"[dim]{told}", end="\r")
    if last.get("kind") != "result":
        sys.exit(f"{name}: {last}")
    return last


def won(mails: list[replies.Mail], ours: list[str], theirs: list[str], seed: int) -> dict[str, float]:
    """The share of mails whose answer of ours the judge likes better, a tie being half; 95 % by bootstrap."""
    chance = random.Random(seed)
    gains = []
    for mail, our, their in zip(mails, ours, theirs, strict=True):
        swapped = chance.random() < 0.5
        first = judge(mail, *((their, our) if swapped else (our, their)))
        gains.append(1 - first if swapped else first)
    drawn = np.random.default_rng(seed).choice(gains, (2000, len(gains))).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return {"won": round(float(np.mean(gains)), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def judge(mail: replies.Mail, first: str, second: str) -> float:
    """1 where the first answer is the better by the rule, 0 where the second is, a half for a tie."""
    difference = replies.score(mail, first) - replies.score(mail, second)
    return 0.5 if difference == 0 else float(difference > 0)


def shown(mails: list[replies.Mail], said: dict[str, list[str]], most: int) -> None:
    for at, mail in enumerate(mails[:most]):
        Console(stderr=True).print(f"\n[bold]{mail.text}")
        for name, texts in said.items():
            Console(stderr=True).print(f"  {name}: {texts[at]} [dim]({replies.score(mail, texts[at])})")


if __name__ == "__main__":
    main()
