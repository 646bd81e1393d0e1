"""A tabular workspace as a team sees it: declared, observed over HTTP, its features shown, its table written."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from whole import Whole, until

STATIONS = """
workspace: stations
owner: tests
task: tabular
entity: station
features: {n_1h: {count: load, over: 1h}, sum_1h: {sum: load, over: 1h}, region: {category: [n, s], unknown: other}}
target: {name: load, kind: regression, horizon: 1m, arrives_within: 1h}
"""


def observed(entity: str, number: int, at: datetime) -> dict[str, Any]:
    data = {
        "workspace": "stations",
        "source": "meters",
        "entity": entity,
        "values": {"load": number / 7, "region": "n"},
    }
    about = {"specversion": "1.0", "type": "observation.submitted.v1", "source": "meters", "id": f"{entity}-{number}"}
    return {**about, "time": at.isoformat(), "data": data}


@pytest.mark.timeout(300)
def test_a_team_sees_its_features_and_what_would_be_trained_on(whole: Whole) -> None:
    file = Path(whole.running.data) / "stations.yaml"
    file.write_text(STATIONS)
    assert whole.millrace("apply", str(file), "--json").json["revision"] == 1
    now = datetime.now(UTC)
    events = [
        observed(entity, number, now - timedelta(minutes=number))
        for number in range(1, 11)
        for entity in ("station-1", "jo.doe@example.com")
    ]
    answer = whole.post("ingestion", "/v1/events", events, **{"content-type": "application/cloudevents-batch+json"})
    assert answer.status_code == 202, answer.text

    def shown(entity: str) -> dict[str, Any] | None:
        told: dict[str, Any] = whole.millrace("features", "show", "stations", entity, "--json").json
        return told if told["features"]["n_1h"] == 10 else None

    told = until(lambda: shown("station-1"))
    assert told["features"]["region"] == "n"
    named = until(lambda: shown("jo.doe@example.com"))
    assert named["entity"].startswith("p-"), "an entity that names a person is found under its pseudonym"
    assert named["features"] == told["features"]

    out = Path(whole.running.data) / "stations.parquet"
    made = whole.millrace("features", "table", "stations", "--out", str(out), "--json")
    assert made.code == 0, made
    assert pq.read_table(out).num_rows == made.json["rows"] == 20
    refused = whole.millrace("train", "stations", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (1, "not_trained")
