"""``python -m millrace.learn.run REQUEST.json``: train one candidate here. Formats: README.md."""

from __future__ import annotations

from typing import Any

from millrace.learn.lines import leave, progress
from millrace.learn.requests import TrainRequest, parsed


def run(raw: dict[str, Any]) -> dict[str, Any]:
    request = parsed(TrainRequest, raw)
    from millrace.learn.training import train

    return train(request, progress).record()


if __name__ == "__main__":
    leave(run)
