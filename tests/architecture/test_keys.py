"""What a team may declare is read by somebody: a key that nobody honours may not be accepted (decision 26)."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from millrace.workspace import Workspace

ROOT = Path(__file__).parents[2]
FOLDERS = ("services/*", "libs/features", "libs/learn", "libs/workspace")
READERS = sorted(path for folder in FOLDERS for path in ROOT.glob(f"{folder}/millrace/**/*.py"))
WHOLE = {"spec", "workspace"}
"""What a whole declaration is called where it is read."""


def keys(model: type[BaseModel] = Workspace, section: str = "") -> Iterator[tuple[str, str]]:
    """(section, key) of everything that has more than one value, so that somebody has to look at it."""
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        within = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if within:
            each = get_origin(field.annotation) is dict  # of a mapping each is called as its class is
            yield from keys(within[0], within[0].__name__.lower() if each else name)
        elif get_origin(field.annotation) is not Literal or len(get_args(field.annotation)) > 1:
            yield section, name


def reads(path: Path) -> Iterator[tuple[str, str]]:
    """(section, key) of `section.key` and `section["key"]`, also where the section got another name before."""
    tree = ast.parse(path.read_text())
    called = {
        target.id: node.value.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            key = node.attr
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            key = str(node.slice.value)
        else:
            continue
        name = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        section = called.get(name, name)
        yield ("" if section in WHOLE else section), key


READ = {read for path in READERS for read in reads(path)}


@pytest.mark.parametrize(("section", "key"), list(keys()), ids=lambda part: part or "top")
def test_every_key_that_may_be_declared_has_a_reader(section: str, key: str) -> None:
    assert {(section, key), (section, "model_dump")} & READ
