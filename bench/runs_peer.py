"""MLflow's tables filled with runs; run by bench/runs.py in the peers' environment: DSN FILE EXPERIMENT.

Its server makes the tables; runs are copied into them, as 30,000 of them through its API would take most of an hour.
"""

import io
import json
import sys
from pathlib import Path

import psycopg2

TABLES = {
    "runs": "run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time,"
    " deleted_time, source_version, lifecycle_stage, artifact_uri, experiment_id",
    "latest_metrics": "key, value, timestamp, step, is_nan, run_uuid",
    "metrics": "key, value, timestamp, step, is_nan, run_uuid",
    "params": "key, value, run_uuid",
    "tags": "key, value, run_uuid",
}


def main(dsn: str, path: str, experiment: str) -> None:
    lines = {name: io.StringIO() for name in TABLES}
    for line in Path(path).read_text("utf-8").splitlines():
        run = json.loads(line)
        id, at = run["id"].replace("-", ""), run["at"]
        told = (
            id,
            id[:8],
            "LOCAL",
            "",
            "",
            "bench",
            "FINISHED",
            at,
            at + 1000,
            "\\N",
            "",
            "active",
            f"/tmp/{id}",
            experiment,
        )
        lines["runs"].write("\t".join(map(str, told)) + "\n")
        for name, value in run["scores"].items():
            for table in ("latest_metrics", "metrics"):
                lines[table].write(f"{name}\t{value}\t{at}\t0\tf\t{id}\n")
        for name, value in run["parameters"].items():
            lines["params"].write(f"{name}\t{value}\t{id}\n")
        lines["tags"].write(f"mlflow.runName\t{id[:8]}\t{id}\n")
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        for name, columns in TABLES.items():
            lines[name].seek(0)
            cursor.copy_expert(f"COPY {name} ({columns}) FROM STDIN", lines[name])
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
