"""A tabular workspace declares an entity, features and a target; what another task has means nothing to it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from millrace.workspace import Problem, Workspace, WorkspaceInvalid, changes_refused, load, tasks

STATIONS = """\
workspace: stations
owner: grid
task: tabular
entity: station
features: {load_1h: {mean: load, over: 1h}, region: {category: [n, s], unknown: other}, now: {last: load}}
target:   {name: load, kind: regression, horizon: 1h, arrives_within: 3h}
"""
PARCELS = "workspace: parcels\nowner: support\ntask: classify\nlabels: {names: [late, lost]}\n"


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(WorkspaceInvalid) as refused:
        load(text)
    return refused.value.problems


def test_a_tabular_workspace_needs_no_labels() -> None:
    spec = load(STATIONS)
    assert spec.labels is None
    assert spec.target is not None and spec.target.horizon == timedelta(hours=1)
    assert spec.features["load_1h"].mean == "load"
    assert spec.features["now"].over == spec.features["region"].over == timedelta(days=30)
    assert spec.features["region"].unknown == "other"
    assert load(STATIONS.replace(", unknown: other", "")).features["region"].unknown == "unknown"


def test_what_is_not_declared_fits_the_kind_of_target() -> None:
    number, label = load(STATIONS), load(STATIONS.replace("regression", "classification"))
    for spec in (number, label):
        assert spec.meaning.modelled and spec.meaning.asks == ("features", "target")
        assert (spec.train.bases, spec.train.methods) == ((), ("linear", "lightgbm"))
        assert (spec.train.on.drift, spec.train.on.new_documents, spec.train.on.schedule) == (True, None, "weekly")
        assert (spec.rollout.shadow, spec.rollout.canary) == (None, None)
    assert [str(condition) for condition in number.gate] == ["fresh.mae < production"]
    assert [str(condition) for condition in label.gate] == ["fresh.macro_f1 > production"]
    assert number.monitor.watched.keys() == {"novelty"}
    assert label.monitor.watched.keys() == {"error", "confidence", "novelty", "label_share"}
    assert (number.meaning.lower, label.meaning.lower) == (("mae", "rmse"), ())


def test_whether_a_number_or_a_label_is_predicted_is_fixed_for_life() -> None:
    before, after = load(STATIONS), load(STATIONS.replace("regression", "classification"))
    (problem,) = changes_refused(before, after)
    assert problem.key == "target.kind" and "fixed for the workspace's life" in problem.expected
    assert changes_refused(before, load(STATIONS.replace("horizon: 1h", "horizon: 2h"))) == []


def test_a_task_without_methods_is_not_modelled() -> None:
    assert load(PARCELS).meaning.modelled
    assert not replace(load(PARCELS).meaning, methods=()).modelled


@pytest.mark.parametrize("text", [STATIONS, PARCELS])
def test_a_spec_is_written_without_what_its_task_lacks_and_reads_back_the_same(text: str) -> None:
    spec = load(text)
    assert not spec.plain().keys() & spec.meaning.lacks.keys()
    assert Workspace.read(spec.plain()) == spec
    assert Workspace.read(spec.plain()).digest() == spec.digest()


def test_a_source_of_history_is_of_observations() -> None:
    history = "sources: {archive: {kind: events, history: true}}"
    assert load(STATIONS + history).plain()["sources"]["archive"]["history"] is True
    (problem,) = problems(PARCELS + history)
    assert problem.key == "sources.archive.history" and problem.line == 5


def test_features_are_written_with_what_they_say_and_no_more() -> None:
    assert load(STATIONS).plain()["features"] == {
        "load_1h": {"mean": "load", "over": "1h"},
        "region": {"category": ["n", "s"], "unknown": "other", "over": "30d"},
        "now": {"last": "load", "over": "30d"},
    }


@pytest.mark.parametrize(
    ("added", "key", "said"),
    [
        ("train: {methods: [lora]}", "train.methods[0]", "one of linear, lightgbm"),
        ("train: {bases: [minilm]}", "train.bases[0]", "one of "),
        ("train: {device: gpu}", "train.device", "fitted at once, on the processor"),
        ("train: {start: production}", "train.start", "fitted at once"),
        ("gate: ['fresh.macro_f1 > production']", "gate[0]", "one of fresh.mae, fresh.rmse"),
        ("gate: ['fresh.mae > production']", "gate[0]", "fresh.mae with < or <=, not >"),
        ("rollout: {shadow: {require: 'accuracy >= production'}}", "rollout.shadow", "neither right nor wrong"),
        ("monitor: {residual: adwin}", "monitor.residual", "one of novelty"),
        ("monitor: {error: adwin}", "monitor.error", "one of novelty"),
        ("serve: {pad_to: 64}", "serve", "features have no tokens"),
        ("labels: {names: [a, b]}", "labels", "the target"),
        ("evaluate: {split: rolling-origin}", "evaluate", "one of workspace, owner, task, entity, features, target"),
    ],
)
def test_what_a_tabular_workspace_can_not_declare_is_told_with_its_line(added: str, key: str, said: str) -> None:
    (problem,) = problems(STATIONS + added)
    assert (problem.key, problem.line) == (key, 7)
    assert said in problem.expected


@pytest.mark.parametrize("section", ["entity: station", "features: {}", "target: {}"])
def test_a_classifier_has_no_sections_of_a_tabular_workspace(section: str) -> None:
    (problem,) = problems(PARCELS + section)
    assert (problem.key, problem.line) == (section.partition(":")[0], 5)
    assert "which is of tabular workspaces" in problem.expected


@pytest.mark.parametrize("section", ["labels", "entity", "features", "target"])
def test_what_a_task_needs_is_required(section: str) -> None:
    text = PARCELS if section == "labels" else STATIONS
    without = "".join(line for line in text.splitlines(keepends=True) if not line.startswith(section))
    assert [(problem.key, problem.line) for problem in problems(without)] == [(section, 1)]


@pytest.mark.parametrize(
    ("said", "instead", "key", "line", "nearest"),
    [
        ("mean: load", "maen: load", "features.load_1h.maen", 5, "mean"),
        ("over: 1h", "ovr: 1h", "features.load_1h.ovr", 5, "over"),
        ("unknown: other", "unkown: other", "features.region.unkown", 5, "unknown"),
        ("kind: regression", "kind: regresion", "target.kind", 6, "regression"),
        ("horizon: 1h", "horizn: 1h", "target.horizn", 6, "horizon"),
        ("features:", "fetures:", "fetures", 5, "features"),
    ],
)
def test_a_wrong_name_is_told_with_its_line_and_the_nearest(
    said: str, instead: str, key: str, line: int, nearest: str
) -> None:
    found = [(problem.key, problem.line, problem.nearest) for problem in problems(STATIONS.replace(said, instead))]
    assert (key, line, nearest) in found


@pytest.mark.parametrize(
    ("said", "instead", "key", "expected"),
    [
        ("mean: load", "mean: load, max: load", "features.load_1h", "exactly one of count, sum, mean"),
        ("mean: load, over: 1h", "over: 1h", "features.load_1h", "exactly one of"),
        (", over: 1h", "", "features.load_1h", "such as 1h"),
        ("over: 1h", "over: 1x", "features.load_1h.over", "a duration such as"),
        ("over: 1h", "over: 400d", "features.load_1h", "at most 366d"),
        ("over: 1h", "over: 1h, unknown: x", "features.load_1h", "unknown beside category only"),
        ("[n, s]", "[1, 2]", "features.region.category[0]", "text"),
        ("load_1h", "1h_load", "features.1h_load", "a name: up to 64 letters"),
        ("load_1h", "target_at", "features.target_at", "another name"),
        ("arrives_within: 3h", "arrives_within: soon", "target.arrives_within", "a duration such as"),
        ("entity:", "data: {retention: 30d}\nentity:", "features.region", "shorter together than data.retention"),
        ("entity:", "data: {retention: 2h}\nentity:", "features.load_1h", "shorter together than data.retention"),
    ],
)
def test_a_wrong_feature_is_told_with_what_was_expected(said: str, instead: str, key: str, expected: str) -> None:
    found = problems(STATIONS.replace(said, instead))
    assert found[0].key == key
    assert expected in found[0].expected
    assert found[0].line in (5, 6)


def test_every_section_that_a_task_needs_or_lacks_is_one() -> None:
    for task in tasks().values():
        assert {*task.needs, *task.lacks} <= Workspace.model_fields.keys()
        assert not set(task.needs) & task.lacks.keys()
