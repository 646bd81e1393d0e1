"""What a team may declare is read by somebody: a key that nobody honours may not be accepted (decision 26)."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from millrace.workspace import Workspace
from millrace.workspace.sources import KINDS

ROOT = Path(__file__).parents[2]
FOLDERS = ("services/*", "libs/chassis", "libs/features", "libs/learn", "libs/workspace")
READERS = sorted(path for folder in FOLDERS for path in ROOT.glob(f"{folder}/millrace/**/*.py"))
WHOLE = {"spec", "workspace"}
"""What a whole declaration is called where it is read."""


def keys(model: type[BaseModel] = Workspace, section: str = "") -> Iterator[tuple[str, str]]:
    """(section, key) of everything that has more than one value, so that somebody has to look at it."""
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        kinds = (*kinds, *(inner for kind in kinds for inner in get_args(kind)))
        within = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if within:  # sections of a mapping or a list are read by what one of them is called
            yield from keys(
                within[0], within[0].__name__.lower() if get_origin(field.annotation) in (dict, tuple) else name
            )
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
        section = called.get(name, name).lstrip("_")
        yield ("" if section in WHOLE else section), key
        if section in KINDS:
            yield "source", key


READ = {read for path in READERS for read in reads(path)}


def every_key() -> Iterator[tuple[str, str]]:
    """Those of a source are read off a variable that is named as its kind is, or `source` where all have them."""
    yield from keys()
    for kind, model in KINDS.items():
        shared = {name for parent in model.__mro__[1:] for name in getattr(parent, "model_fields", ())}
        for section, key in keys(model, kind):
            yield ("source" if section == kind and key in shared else section), key


@pytest.mark.parametrize(("section", "key"), list(every_key()), ids=lambda part: part or "top")
def test_every_key_that_may_be_declared_has_a_reader(section: str, key: str) -> None:
    assert {(section, key), (section, "model_dump")} & READ
