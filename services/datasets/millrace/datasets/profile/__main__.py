"""Makes a profile in a process of its own, whose memory goes with it: python -m millrace.datasets.profile REQUEST

REQUEST is a JSON file: `paths` and `parent` (or null) of Parquet files, `about`, `declared` (or nothing: a version of
texts), and `out`, to which .json and .html are added.
"""

import json
import sys
from pathlib import Path
from typing import Any

from millrace.datasets.profile import VERSION, Declared, encoded, profile, render


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in (asked.get("declared") or {}).items()
    }
    paths = {name: [Path(path) for path in asked.get(name) or ()] for name in ("paths", "parent")}
    figures = profile(
        paths["paths"],
        about=asked["about"],
        declared=Declared(**given) if given else VERSION,
        parent=paths["parent"] or None,
    )
    Path(f"{asked['out']}.json").write_bytes(encoded(figures))
    Path(f"{asked['out']}.html").write_text(render(figures), "utf-8")


if __name__ == "__main__":
    main()
