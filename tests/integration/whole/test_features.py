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
    page = out.with_suffix(".html")
    assert whole.millrace("features", "profile", "stations", "--out", str(page)).code == 0
    assert "<svg" in page.read_text()


@pytest.mark.timeout(300)
def test_a_history_in_a_file_makes_rows_to_train_on(whole: Whole) -> None:
    folder = Path(whole.running.data)
    named = STATIONS.replace("workspace: stations", "workspace: depots")
    (folder / "depots.yaml").write_text(named)
    assert whole.millrace("apply", str(folder / "depots.yaml")).code == 0
    then = datetime.now(UTC) - timedelta(days=200)
    lines = ["depot,measured,entered,load,region"]
    for number in range(50):
        at = then + timedelta(minutes=number)
        lines.append(f"d-{number % 2},{at.isoformat()},{(at + timedelta(seconds=5)).isoformat()},{number}.5,n")
    (folder / "history.csv").write_text("\n".join(lines))
    columns = ("--entity", "depot", "--time", "measured", "--known-since", "entered")
    publish = ("publish", str(folder / "history.csv"), "-w", "depots", "-s", "archive", *columns, "--json")
    refused = whole.millrace(*publish)
    assert refused.code == 1 and "history" in str(refused)
    (folder / "depots.yaml").write_text(named + "sources: {archive: {kind: events, history: true}}\n")
    assert whole.millrace("apply", str(folder / "depots.yaml")).code == 0
    held = whole.millrace("quarantine", "replay", "depots", "--reason", "history", "--json")
    assert held.code == 0, held

    def tabled() -> dict[str, Any] | None:
        out = folder / "depots.parquet"
        out.unlink(missing_ok=True)
        made: dict[str, Any] = whole.millrace("features", "table", "depots", "--out", str(out), "--json").json
        return made if made["rows"] == 50 else None

    made = until(tabled)
    assert (made["history"], made["left_out"]) == (50, {})
    assert max(row["n_1h"] for row in pq.read_table(folder / "depots.parquet").to_pylist()) == 24
