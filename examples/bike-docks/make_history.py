"""Writes history.csv: twelve docks of an invented city over eight days, the same bytes each time."""

import csv
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

DOCKS, DAYS, STEP = 12, 8, timedelta(minutes=30)
QUARTERS = {"hill": 0.0, "centre": math.pi, "park": math.pi / 2}
"""When in the day a quarter's docks are full: people ride down from the hill in the morning."""
SPACES, FEW = 20, 4


def main() -> None:
    chance = random.Random(11)
    start = datetime(2025, 9, 8, tzinfo=UTC)
    with Path(__file__).with_name("history.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["dock", "measured", "entered", "bikes", "taken", "rain", "quarter", "state"])
        for dock in range(DOCKS):
            quarter = list(QUARTERS)[dock % 3]
            bikes, rain = 10.0, 0.0
            for step in range(DAYS * 48):
                at = start + step * STEP
                rain = max(0.0, 0.8 * rain + chance.gauss(0, 0.3))
                wanted = 10 + 9 * math.cos(2 * math.pi * step / 48 + QUARTERS[quarter]) * (0.5 if rain > 0.8 else 1)
                before, bikes = bikes, bikes + 0.5 * (wanted - bikes) + chance.gauss(0, 0.7)
                bikes = min(float(SPACES), max(0.0, bikes))
                free, taken = round(bikes), max(0, round(before) - round(bikes))
                state = "few" if free < FEW else "enough"
                late = timedelta(seconds=chance.randint(5, 90))
                row = [
                    f"dock-{dock + 1}",
                    at.isoformat(),
                    (at + late).isoformat(),
                    free,
                    taken,
                    f"{rain:.2f}",
                    quarter,
                    state,
                ]
                out.writerow("" if name == 5 and chance.random() < 0.05 else cell for name, cell in enumerate(row))


if __name__ == "__main__":
    main()
