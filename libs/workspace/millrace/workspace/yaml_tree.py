"""YAML as plain values, with the line of every key. Nothing is constructed but text, numbers and collections."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from millrace.workspace.problems import Problem, WorkspaceInvalid

Path = tuple[str | int, ...]
LARGEST = 64 * 1024
MOST_NODES = 20_000
DEEPEST = 20
MOST_UNCLOSED = 100


def dotted(path: Path) -> str:
    """`("labels", "names", 0)` as `labels.names[0]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


@dataclass
class Tree:
    """`value` is plain JSON-like data; `lines` has the 1-based line of each path."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0

    def line(self, path: Path) -> int | None:
        """The line of a path, or of the nearest thing around it that the file has."""
        return next((self.lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.lines), None)


def read_tree(text: str) -> Tree:
    """Parse one YAML document. Raises WorkspaceInvalid for text that is no YAML, too large, or repeats a key."""
    if len(text) > LARGEST:
        raise WorkspaceInvalid([Problem("", None, f"a file of at most {LARGEST // 1024} KiB")])
    # the parser takes quadratic time over brackets that nest without end, so they are counted before it sees them
    unclosed = accumulate((letter in "[{") - (letter in "]}") for letter in text)
    if max(unclosed, default=0) > MOST_UNCLOSED:
        raise WorkspaceInvalid([Problem("", None, "a smaller, flatter file")])
    tree = Tree()
    try:
        root = YAML(typ="rt").compose(text)
        tree.value = _plain(root, (), tree) if root is not None else None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise WorkspaceInvalid([Problem("", mark.line + 1 if mark else None, f"readable YAML: {said}")]) from error
    except RecursionError as error:
        raise WorkspaceInvalid([Problem("", None, "a smaller, flatter file")]) from error
    except (YAMLError, UnicodeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WorkspaceInvalid([Problem("", None, f"readable YAML: {first[:200]}")]) from error
    if tree.problems:
        raise WorkspaceInvalid(tree.problems)
    return tree


def _plain(node: Node, path: Path, tree: Tree) -> Any:
    tree.lines.setdefault(path, node.start_mark.line + 1)
    tree.nodes += 1
    if tree.nodes > MOST_NODES or len(path) > DEEPEST:
        raise WorkspaceInvalid([Problem(dotted(path)[:80], tree.lines[path], "a smaller, flatter file")])
    if isinstance(node, MappingNode):
        return _mapping(node, path, tree)
    if isinstance(node, SequenceNode):
        return [_plain(child, (*path, at), tree) for at, child in enumerate(node.value)]
    return _scalar(node)


def _mapping(node: MappingNode, path: Path, tree: Tree) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        name = str(key.value) if isinstance(key, ScalarNode) else ""
        here = (*path, name)
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            tree.problems.append(Problem(dotted(path), line, "a plain key"))
        elif name in found:
            tree.problems.append(Problem(dotted(here), line, f"each key once; also on line {tree.lines[here]}"))
        else:
            tree.lines[here] = line
            found[name] = _plain(value, here, tree)
    return found


def _scalar(node: Node) -> Any:
    text = str(node.value)
    kind = str(node.tag).rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    try:
        if kind == "int":
            return int(text.replace("_", ""))
        if kind == "float":
            return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text
    return text
