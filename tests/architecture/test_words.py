"""What a validation says in pydantic's words reaches nobody: `workspace.expected` has ours."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OF_PYDANTIC = {"ValidationError", "RequestValidationError"}
FILES = [
    path
    for folder in ("libs", "services")
    for path in sorted((ROOT / folder).glob("*/millrace/**/*.py"))
    if OF_PYDANTIC & set(path.read_text().replace("(", " ").replace(",", " ").replace(":", " ").split())
]


def caught(tree: ast.AST) -> Iterator[ast.ExceptHandler]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is not None and node.name:
            names = {getattr(one, "id", getattr(one, "attr", "")) for one in ast.walk(node.type)}
            if names & OF_PYDANTIC:
                yield node


def spoken(handler: ast.ExceptHandler) -> Iterator[int]:
    """Lines where the error itself is put into words."""
    for node in ast.walk(handler):
        if isinstance(node, ast.FormattedValue) and _is(node.value, handler):
            yield node.lineno
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("str", "repr"):
            yield from (node.lineno for part in node.args if _is(part, handler))
        elif isinstance(node, ast.Subscript) and getattr(node.slice, "value", "") == "msg":
            yield node.lineno


def _is(part: ast.expr, handler: ast.ExceptHandler) -> bool:
    return isinstance(part, ast.Name) and part.id == handler.name


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_error_of_pydantics_is_not_told_as_it_is(path: Path) -> None:
    found = [line for handler in caught(ast.parse(path.read_text())) for line in spoken(handler)]
    assert not found, f"{path.name}: lines {found}"


def test_it_is_seen_where_one_is() -> None:
    code = "try: f()\nexcept (A, ValidationError) as e: g(f'{e}', str(e), one['msg'])"
    (handler,) = caught(ast.parse(code))
    assert len(list(spoken(handler))) == 3 and len(FILES) > 8
