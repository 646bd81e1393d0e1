"""Which folders of a checkout a service needs: itself and the libs it depends on, libs first.

`python closure.py drift` prints them; the Dockerfile installs exactly these, by path, so that no package index is ever
asked for a name of ours.
"""

import re
import sys
import tomllib
from pathlib import Path


def closure(root: Path, service: str) -> list[str]:
    """Return folders relative to `root`. Raises KeyError(name) for a dependency that is no lib."""
    libs = {f"millrace-{folder.name}": folder for folder in root.glob("libs/*")}
    found: dict[str, None] = {}

    def visit(folder: Path) -> None:
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        for requirement in project.get("dependencies", []):
            name = re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0]
            if name.startswith("millrace-"):
                visit(libs[name])
        found[str(folder.relative_to(root))] = None

    visit(root / "services" / service)
    return list(found)


if __name__ == "__main__":
    print(*(f"./{folder}" for folder in closure(Path.cwd(), sys.argv[1])))
