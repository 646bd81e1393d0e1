"""What real owners said, as the console's domain gets it."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from millrace.console.domain import NOTHING
from millrace.console.domain.words import moment
from millrace.console.owners import counted

RECORDED = Path(__file__).parent / "recorded"
HERE = "/v1/workspaces/parcel-support"


def told(recording: str) -> dict[str, Any]:
    said = json.loads(RECORDED.joinpath(f"{recording}.json").read_text())
    return {
        **NOTHING,
        "workspaces": [one["workspace"] for one in said["registry"]["/v1/workspaces"]],
        "workspace": said["registry"][HERE],
        "versions": said["registry"][f"{HERE}/versions"],
        "ledger": said["registry"][f"{HERE}/ledger"],
        "cycles": said["training"]["/v1/cycles"],
        "runs": said["training"]["/v1/runs"],
        "alerts": said["training"]["/v1/alerts"],
        "datasets": said["datasets"]["/v1/datasets"],
        "evaluations": said["evaluation"]["/v1/evaluations"],
        "rollouts": said["evaluation"]["/v1/rollouts"],
        "quality": said["feedback"]["/v1/quality"],
        "monitors": [answer for path, answer in said["drift"].items() if path.startswith("/v1/monitors")],
        "ingested": said["ingestion"]["/v1/counts"],
        "deduplicated": said["dedup"]["/v1/counts"],
        "counters": {name: counted(answers["/metrics"]) for name, answers in said.items()},
    }


def soon(said: dict[str, Any]) -> datetime:
    """When it was said, about: the time of the newest row of the ledger."""
    return moment(said["ledger"][0]["at"])
