"""Two real versions of a small classifier."""

import json
import sys
from pathlib import Path

import pytest
from harness import settings_for

from millrace.chassis import Blobs
from millrace.events import Deployment
from millrace.learn.requests import TrainRequest, parsed
from millrace.learn.training import train
from millrace.stack import Endpoints

sys.path.insert(0, str(Path(__file__).parent))

from routings import SAID, artifact_of


@pytest.fixture(scope="session")
async def versions(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Deployment]:
    """``v1`` and ``v2`` in S3: probes on the same rows that differ in how strongly they are held back."""
    folder = tmp_path_factory.mktemp("versions")
    rows = [
        {"id": f"{label}{n}", "text": text, "label": label, "split": "validation" if n == 3 else "train"}
        for label, said in SAID.items()
        for n, text in enumerate(said.split("|"))
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    blobs = Blobs(settings_for(stack, "serving", "postgres://nowhere"))
    made = {}
    for version, strength in (("v1", 20.0), ("v2", 5.0)):
        raw = {"task": "classify", "method": "linear-probe", "rows": folder / "rows.jsonl", "out": folder / version}
        train(parsed(TrainRequest, raw | {"settings": {"C": strength}}), lambda *_: None)
        await blobs.upload(folder / version, f"artifacts/{version}")
        made[version] = artifact_of(version, folder / version, f"artifacts/{version}")
    return made
