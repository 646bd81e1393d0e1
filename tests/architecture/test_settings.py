"""Every setting that is named anywhere exists, and what the documentation says of its default is so."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from millrace import chassis
from millrace.chassis import provision

ROOT = Path(__file__).parents[2]
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))
ROW = re.compile(r"^\| `([A-Z0-9_]+)` \| ([^|]*) \|", re.MULTILINE)
TOLD_IN = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("libs/*/README.md"),
    *ROOT.glob("services/*/README.md"),
    *ROOT.glob("k8s/**/*.*"),
    ROOT / "docker-compose.yml",
]


def settings(name: str) -> type[BaseSettings]:
    if name == "provision":
        return provision.Settings
    found: type[BaseSettings] = importlib.import_module(f"millrace.{name}.settings").Settings
    return found


def default(field: FieldInfo) -> str:
    """As the environment would say it."""
    if field.is_required():
        return "needed"
    value = TypeAdapter(Any).dump_python(field.get_default(call_default_factory=True), mode="json")
    if isinstance(value, bool):
        return str(value).lower()
    said = f"{value:.15g}" if isinstance(value, int | float) else str(value)
    return said.replace(gettempdir(), "$TMPDIR") or "empty"


def defaults(kind: type[BaseSettings], *, without: type[BaseSettings] | None = None) -> dict[str, str]:
    prefix, known = kind.model_config.get("env_prefix") or "", without.model_fields if without else {}
    return {f"{prefix}{name.upper()}": default(field) for name, field in kind.model_fields.items() if name not in known}


@pytest.mark.parametrize("name", SERVICES)
def test_a_readme_has_each_setting_of_its_service_with_its_default(name: str) -> None:
    rows = dict(ROW.findall((ROOT / "services" / name / "README.md").read_text()))
    assert rows == defaults(settings(name), without=chassis.Settings)


def test_the_guide_has_each_setting_of_every_service_with_its_default() -> None:
    assert dict(ROW.findall((ROOT / "docs/guides/operate.md").read_text())) == defaults(chassis.Settings)


def named() -> Iterator[tuple[Path, str, str]]:
    """Where a setting is named, whose it is, and its name in full."""
    prefixes = "|".join(name.upper() for name in [*SERVICES, "provision"])
    for path in TOLD_IN:
        for found in re.finditer(rf"\b({prefixes})_[A-Z0-9]+(_[A-Z0-9]+)*(?!_)\b", path.read_text()):
            yield path, found[1].lower(), found[0]


def test_every_setting_that_is_named_exists() -> None:
    known = {name: defaults(settings(name)) for name in [*SERVICES, "provision"]}
    assert not [(path.relative_to(ROOT), setting) for path, name, setting in named() if setting not in known[name]]
