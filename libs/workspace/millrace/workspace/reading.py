"""text -> Workspace, or every problem of the file at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sized
from datetime import timedelta
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from millrace.workspace.conditions import Condition
from millrace.workspace.expected import expected
from millrace.workspace.languages import LANGUAGES
from millrace.workspace.methods import Parameter, parameters_of
from millrace.workspace.patterns import PatternRefused, compiled
from millrace.workspace.problems import Problem, WorkspaceInvalid, nearest
from millrace.workspace.quality import MEASURES
from millrace.workspace.scopes import Scope
from millrace.workspace.sources import KINDS, Events
from millrace.workspace.spec import Quality, Workspace
from millrace.workspace.suites import KINDS as SUITES
from millrace.workspace.suites import RESERVED, allowed
from millrace.workspace.tasks import Task, tasks
from millrace.workspace.yaml_tree import Path, Tree, dotted, read_tree

_QUOTED = re.compile(r"'([^']*)'")
COLUMNS = ("entity", "at", "target", "target_at", "target_known_at")
"""What every table of features has beside the features."""

_OF_THE_TASK = ("train", "gate", "rollout", "monitor")


def load(text: str, *, bases: Mapping[str, str] | None = None) -> Workspace:
    """Read a workspace file. Raises WorkspaceInvalid with every problem: key path, line, expectation, nearest name.

    `bases` are the kinds of those that the team added, by name.
    """
    tree = read_tree(text)
    if not isinstance(tree.value, dict):
        raise WorkspaceInvalid([Problem("", 1, "a mapping with at least workspace, owner and task")])
    foreign = list(_foreign(tree))
    workspace, problems = _validated(tree)
    problems += foreign
    if workspace is not None:
        problems += _dishonoured(workspace, tree, bases or {})
    if problems:
        raise WorkspaceInvalid(sorted(problems, key=lambda problem: problem.line or 0))
    assert workspace is not None
    return workspace


def changes_refused(before: Workspace, after: Workspace) -> list[Problem]:
    """What may never change between two declarations of one workspace: its name, task and lanes, whether it predicts a
    number or a label."""
    return [
        Problem(key, None, f"{was!r}, which is fixed for the workspace's life")
        for (key, was), now in zip(_fixed(before).items(), _fixed(after).values(), strict=True)
        if was != now
    ]


def _fixed(workspace: Workspace) -> dict[str, Any]:
    told = {key: getattr(workspace, key) for key in ("workspace", "task", "lanes")}
    return told | {"target.kind": workspace.target.kind if workspace.target else None}


def doubts(workspace: Workspace) -> list[Problem]:
    """What may be meant so, and may be a slip: sources of corpora that only events can name."""
    return [
        Problem(
            dotted(("corpora", name, "sources", at)),
            None,
            f"{source} is not declared under sources: documents come only where events are published under that name",
        )
        for name, corpus in workspace.corpora.items()
        for at, source in enumerate(corpus.sources)
        if source not in workspace.sources
    ]


def _foreign(tree: Tree) -> Iterator[Problem]:
    """Sections that the file's task lacks; they are taken out, so that nothing else is said of them."""
    task = tasks().get(str(tree.value.get("task")))
    for name, why in task.lacks.items() if task else ():
        if task and name in tree.value:
            expected = f"no {name}, {why}; {task.name} has {', '.join(_sections(task))}"
            yield Problem(name, tree.line((name,)), expected)
            del tree.value[name]
    for key, why in task.idle.items() if task else ():
        path = tuple(key.split("."))
        within = tree.value
        for part in path[:-1]:
            within = within.get(part) if isinstance(within, dict) else None
        if task and isinstance(within, dict) and path[-1] in within:
            yield Problem(key, tree.line(path), f"no {path[-1]} in a workspace of task {task.name}: {why}")
            del within[path[-1]]


def _sections(task: Task | None) -> list[str]:
    return [name for name in Workspace.model_fields if not task or name not in task.lacks]


def _validated(tree: Tree) -> tuple[Workspace | None, list[Problem]]:
    try:
        return Workspace.model_validate(tree.value), []
    except ValidationError as refused:
        errors = refused.errors(include_url=False)
    problems = [_problem(error, tree) for error in errors if not _follows(error, errors, tree.value.get("task"))]
    # what can't be read is left out once, so that one look shows the unreadable and the dishonourable together
    for error in errors:
        _leave_out(tree.value, _file_path(error["loc"]))
    try:
        return Workspace.model_validate(tree.value), problems
    except ValidationError:
        return None, problems


def _follows(error: ErrorDetails, errors: list[ErrorDetails], task: Any) -> bool:
    """Whether it only follows from another: an unknown task has no defaults, a refused item leaves its list short."""
    if error["type"] == "missing":
        return error["loc"][0] in _OF_THE_TASK and task not in tuple(tasks())
    own = error["loc"]
    return error["type"] == "too_short" and any(other["loc"][: len(own)] == own != other["loc"] for other in errors)


def _problem(error: ErrorDetails, tree: Tree) -> Problem:
    path = _file_path(error["loc"])
    kind, given = error["type"], str(error["input"])
    if kind == "extra_forbidden":
        task = tasks().get(str(tree.value.get("task")))
        return _misnamed(path, str(path[-1]), _keys_at(path[:-1], tree) if path[1:] else _sections(task), tree)
    if kind == "task":
        return _misnamed(path, given, tasks(), tree)
    if kind == "union_tag_invalid":
        return _misnamed((*path, "kind"), error["ctx"]["tag"], _QUOTED.findall(error["ctx"]["expected_tags"]), tree)
    if kind == "union_tag_not_found":
        return Problem(dotted(path), tree.line(path), f"a kind, one of {', '.join(KINDS)}")
    if kind == "string_pattern_mismatch" and error["loc"][-1] == "[key]":
        return Problem(dotted(path), tree.line(path), f"a name: {expected(error)}")
    if kind == "literal_error":
        return _misnamed(path, given, _QUOTED.findall(error["ctx"]["expected"]), tree)
    return Problem(dotted(path), tree.line(path), expected(error))


def _misnamed(path: Path, given: str, valid: Iterable[str], tree: Tree) -> Problem:
    valid = list(valid)
    return Problem(dotted(path), tree.line(path), f"one of {', '.join(valid)}", nearest(given, valid))


def _dishonoured(workspace: Workspace, tree: Tree, added: Mapping[str, str]) -> Iterator[Problem]:
    task, rollout = workspace.meaning, workspace.rollout
    placed: list[tuple[Path, Condition, Scope]] = [
        *((("gate", at), condition, _gate(workspace)) for at, condition in enumerate(workspace.gate)),
        *((("rollout", "harm", at), condition, task.harm) for at, condition in enumerate(rollout.harm)),
    ]
    if rollout.shadow and not task.shadow.metrics:
        kind = "an answer in words" if task.answers else "a number"
        expected = f"null: {kind} is neither right nor wrong, so nothing of it is judged in shadow; the gate judges it"
        yield Problem("rollout.shadow", tree.line(("rollout", "shadow")), expected)
    elif rollout.shadow:
        placed.append((("rollout", "shadow", "require"), rollout.shadow.require, task.shadow))
    for path, condition, scope in placed:
        refusal = scope.refusal(condition)
        if refusal:
            yield Problem(dotted(path), tree.line(path), refusal.expected, refusal.nearest)
    named: list[tuple[Path, tuple[str, ...], tuple[str, ...]]] = [
        (("train", "methods"), workspace.train.methods, task.methods),
        (("train", "bases"), workspace.train.bases, _bases(task, added)),
    ]
    for path, given, valid in named:
        yield from (_misnamed((*path, at), name, valid, tree) for at, name in enumerate(given) if name not in valid)
    yield from _told_apart(("data", "languages"), workspace.data.languages, tree)
    yield from _set(workspace, tree)
    yield from _suites(workspace, tree)
    yield from _searched(workspace, tree)
    yield from _emptied(workspace, tree)
    yield from _computed(workspace, tree)
    yield from _remembered(workspace, tree)
    yield from _monitored(workspace, tree)
    yield from _measured(workspace.data.quality, tree)


def _gate(workspace: Workspace) -> Scope:
    """What the gate may ask: what the task measures, and what is measured on suites that the file declares."""
    metrics = dict(workspace.meaning.gate.metrics)
    for name, suite in workspace.suites.items():
        metrics = {**allowed(name, suite.kind, tuple(metrics)), **metrics}
    return Scope(metrics)


def _suites(workspace: Workspace, tree: Tree) -> Iterator[Problem]:
    task = workspace.meaning
    for name, suite in workspace.suites.items():
        path = ("suites", name)
        if suite.kind not in task.suite_kinds:
            expected = f"no suite of kind {suite.kind}: versions of task {task.name} are not judged by any"
            yield Problem(dotted(path), tree.line(path), expected)
        elif name in RESERVED:
            yield Problem(
                dotted(path), tree.line(path), f"another name: {name} stands for something else in conditions"
            )
        elif name in SUITES and suite.kind != name:
            yield Problem(dotted(path), tree.line(path), f"another name: a suite that is called {name} is of that kind")


def _set(workspace: Workspace, tree: Tree) -> Iterator[Problem]:
    """Parameters that no method has, and parts of what is counted."""
    train = workspace.train
    for method, settings in train.settings.items():
        path: Path = ("train", "settings", method)
        if method not in workspace.meaning.methods:
            yield _misnamed(path, method, workspace.meaning.methods, tree)
            continue
        for name, value in settings.items():
            yield from _valued((*path, name), parameters_of((method,)), [value], tree)
    for name, varied in (train.search.space if train.search else {}).items():
        values = varied.among or (varied.low or 0, varied.high or 0)
        yield from _valued(("train", "search", "space", name), parameters_of(train.methods), values, tree)


def _valued(path: Path, known: Mapping[str, list[Parameter]], values: Iterable[float], tree: Tree) -> Iterator[Problem]:
    name = str(path[-1])
    if name not in known:
        yield _misnamed(path, name, known, tree)
    elif any(one.whole for one in known[name]) and any(value != int(value) for value in values):
        yield Problem(dotted(path), tree.line(path), "whole numbers")


def _bases(task: Task, added: Mapping[str, str]) -> tuple[str, ...]:
    return (*task.bases, *sorted(name for name, kind in added.items() if kind in task.base_kinds))


def _measured(quality: Quality, tree: Tree) -> Iterator[Problem]:
    """Measures that there are none of, and patterns that RE2 does not take."""
    place: Path = ("data", "quality")
    for name in quality.limits:
        if name not in MEASURES:
            yield _misnamed((*place, "limits", name), name, MEASURES, tree)
    written: list[tuple[Path, str]] = [
        *(((*place, "deny", at), pattern) for at, pattern in enumerate(quality.deny)),
        *(((*place, "require", at), pattern) for at, pattern in enumerate(quality.require)),
    ]
    for section in ("metadata", "values"):
        for key, typed in getattr(quality, section).items():
            if typed.pattern is not None:
                written.append(((*place, section, key, "pattern"), typed.pattern))
    for path, pattern in written:
        try:
            compiled(pattern)
        except PatternRefused as refused:
            yield Problem(dotted(path), tree.line(path), str(refused))


def _told_apart(path: Path, languages: tuple[str, ...], tree: Tree) -> Iterator[Problem]:
    for at, code in enumerate(languages):
        if code not in LANGUAGES:
            own = (*path, at)
            yield Problem(dotted(own), tree.line(own), f"a language that ingestion can tell, such as en, not {code}")


def _searched(workspace: Workspace, tree: Tree) -> Iterator[Problem]:
    for name, corpus in workspace.corpora.items():
        path = ("corpora", name)
        yield from _told_apart((*path, "languages"), corpus.languages, tree)
        if corpus.base not in workspace.meaning.bases:
            yield _misnamed((*path, "base"), corpus.base, workspace.meaning.bases, tree)
        for at, source in enumerate(corpus.sources):
            own = (*path, "sources", at)
            if source in workspace.data.retired:
                yield Problem(dotted(own), tree.line(own), f"a source that is used; data.retired names {source}")
            declared = workspace.sources.get(source)
            if declared is not None and declared.purposes and "retrieve" not in declared.purposes:
                expected = f"a source that may serve to retrieve; sources.{source}.purposes lacks it"
                yield Problem(dotted(own), tree.line(own), expected)
            if declared is None and (meant := nearest(source, workspace.sources)):
                expected = f"a declared source, or one that events name: sources.{source}: {{kind: events}}"
                yield Problem(dotted(own), tree.line(own), expected, meant)


def _emptied(workspace: Workspace, tree: Tree) -> Iterator[Problem]:
    """Lists that may be empty only where the task has nothing to put there."""
    task = workspace.meaning
    lists: list[tuple[Path, Sized, Sized]] = [
        (("gate",), workspace.gate, task.gate.metrics),
        (("rollout", "harm"), workspace.rollout.harm, task.harm.metrics),
        (("train", "methods"), workspace.train.methods, task.methods),
        (("train", "bases"), workspace.train.bases, task.bases),
    ]
    for path, given, offered in lists:
        if offered and not given:
            yield Problem(dotted(path), tree.line(path), "a list of at least 1 item")


def _computed(workspace: Workspace, tree: Tree) -> Iterator[Problem]:
    for name in workspace.features.keys() & COLUMNS:
        path = ("features", name)
        yield Problem(dotted(path), tree.line(path), f"another name: a table of features has {', '.join(COLUMNS)}")
    kept = workspace.data.retention
    horizon = workspace.target.horizon if workspace.target else timedelta(0)
    for name, feature in workspace.features.items():
        if kept is not None and feature.over is not None and feature.over + horizon >= kept:
            path = ("features", name)
            expected = "over and target.horizon shorter together than data.retention, else no table has a row"
            yield Problem(dotted(path), tree.line(path), expected)


def _remembered(workspace: Workspace, tree: Tree) -> Iterator[Problem]:
    """History is of observations: a document is known when it comes."""
    for name in sorted(workspace.histories):
        if not workspace.features:
            events = isinstance(workspace.sources[name], Events)
            path = ("sources", name, *(("history",) if events else ("observations", "known_since")))
            yield Problem(dotted(path), tree.line(path), f"false: a workspace of task {workspace.task} has no features")


def _monitored(workspace: Workspace, tree: Tree) -> Iterator[Problem]:
    task = workspace.meaning
    detectors = (*task.detectors, "off")
    for signal, detector in workspace.monitor.signals.items():
        path = ("monitor", signal)
        if signal not in task.signals:
            yield _misnamed(path, signal, (*task.signals, *_keys_at(("monitor",), tree)), tree)
        elif detector not in detectors:
            yield _misnamed(path, detector, detectors, tree)


def _file_path(loc: tuple[str | int, ...]) -> Path:
    """Without what pydantic adds to the place in the file: `signals`, the kind of a source, the mark of a key."""
    return tuple(part for at, part in enumerate(loc) if part != "[key]" and not _inserted(loc, at))


def _inserted(loc: tuple[str | int, ...], at: int) -> bool:
    if loc[0] == "sources":
        return at == 2 and loc[at] in KINDS
    return loc[at] == "signals" and loc[at - 1 : at] == ("monitor",)


def _keys_at(path: Path, tree: Tree) -> list[str]:
    """The keys that may stand below a path; a mapping of sections has names of the team's own between."""
    within: Any = Workspace
    if path[:1] == ("sources",):
        within, path = KINDS[tree.value["sources"][path[1]]["kind"]], path[2:]
    for part in path:
        if isinstance(within, type) and issubclass(within, BaseModel):
            within = _plainly(within.model_fields[str(part)].annotation)
        else:
            within = _plainly(get_args(within)[-1])
    return [name for name in within.model_fields if name != "signals"]


def _plainly(kind: Any) -> Any:
    """`Limit | None` as Limit; a mapping as it is."""
    if isinstance(kind, type) or get_origin(kind) is dict:
        return kind
    return next(_plainly(one) for one in get_args(kind) if one is not type(None))


def _leave_out(value: Any, path: Path) -> None:
    within = next((at for at, part in enumerate(path) if isinstance(part, int)), len(path))
    for part in path[: within - 1]:
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value.pop(path[within - 1], None)
