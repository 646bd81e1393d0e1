"""Writes history.csv: 300 mails to an invented parcel service and how its agents answered. The same bytes each time."""

import csv
import random
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "bench"))

import replies  # noqa: E402

ROWS, SEED, GOOD = 300, 20, 3
"""Of what agents wrote only what does three things of four is kept as an answer to learn."""


def main() -> None:
    chance = random.Random(SEED)
    with (HERE / "history.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["document_id", "text", "label"])
        for number, mail in enumerate(replies.mails(ROWS, SEED)):
            said = replies.reply(mail, chance)
            while replies.score(mail, said) < GOOD:
                said = replies.reply(mail, chance)
            out.writerow([f"mail-{number}", mail.text, said])


if __name__ == "__main__":
    main()
